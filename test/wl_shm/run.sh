#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uffd-guard-run, from outside: what it puts where, and how it ends.
#   run.sh uffd-guard-run compositor [nobody]
set -uo pipefail
run=$1
compositor=$2
if [[ ${3-} == nobody && $(id -u) -eq 0 ]]; then
  as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  if ! "${as_nobody[@]}" test -x "$run" -a -r "$0"; then
    echo 'SKIP: nobody cannot reach the build directory'
    exit 77
  fi
  exec "${as_nobody[@]}" bash "$0" "$run" "$compositor"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

expect() { # what, expected, got
  if [[ $2 != "$3" ]]; then
    printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}

expect_status() { # what, expected, command...
  local what=$1 expected=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  expect "$what" "$expected" $?
}

expect_text() { # what, pattern
  grep -q -- "$2" "$work/out" "$work/err" || {
    expect "$1" "a line with \"$2\"" "$(cat "$work/out" "$work/err")"
  }
}

# Of the process that looks on: it is nobody's child, so nobody waits for it.
await_text() { # what, pattern
  for _ in {1..100}; do
    grep -q -- "$2" "$work/err" && break
    sleep 0.1
  done
  expect_text "$1" "$2"
}

# ---- Who serves, and what is handed on ----

expect 'our library is in front' libuffd_guard_wl_shm.so "$("$run" "$compositor" who)"
expect 'also with -- before the command' libuffd_guard_wl_shm.so "$("$run" -- "$compositor" who)"
expect 'also through a script' libuffd_guard_wl_shm.so "$("$run" sh -c "$compositor who; true")"
expect 'also through a launcher that draws' libuffd_guard_wl_shm.so \
  "$(LD_PRELOAD=$(dirname "$compositor")/driver/libgbm.so.1 "$run" sh -c "$compositor who; true")"
for option in '' --stats --mmap; do
  # shellcheck disable=SC2086 # no option is no argument
  "$run" $option "$compositor" environment >"$work/out" 2>/dev/null
  expect "what it starts is without us ($option)" '' "$(grep -E 'LD_PRELOAD|_FD=' "$work/out")"
done
expect 'a preload of others stays' 'LD_PRELOAD=libm.so.6' \
  "$(LD_PRELOAD=libm.so.6 "$run" --mmap "$compositor" environment | grep LD_PRELOAD)"
"$run" --mode lazy "$compositor" environment >"$work/out"
expect_text 'the mode is handed on' '^UFFD_GUARD_WL_SHM_MODE=lazy$'

# As execvp(3): a script of nobody in particular is the shell's, and an empty item of PATH is here.
# shellcheck disable=SC2016 # the script's own
printf '%s "$@"\n' "$compositor" >"$work/no-program"
chmod +x "$work/no-program"
expect 'a script without #!' libuffd_guard_wl_shm.so "$("$run" "$work/no-program" who)"
for path in "/usr/bin:" ":/usr/bin" "/usr/bin::/bin" ""; do
  expect "here, of PATH \"$path\"" libuffd_guard_wl_shm.so "$(cd "$work" && PATH=$path "$run" no-program who)"
done

# ---- How it ends ----

for option in '' --stats; do
  # shellcheck disable=SC2086
  {
    expect_status "status 3 ($option)" 3 "$run" $option "$compositor" exit 3
    expect_status "killed by SIGABRT ($option)" 134 "$run" $option "$compositor" crash
  }
  for number in TERM:7 USR1:8; do
    mkfifo "$work/ready"
    # shellcheck disable=SC2086
    "$run" $option "$compositor" wait >"$work/ready" 2>/dev/null &
    read -r _ <"$work/ready"
    kill -"${number%:*}" $!
    wait $!
    expect "SIG${number%:*} is passed on ($option)" "${number#*:}" $?
    rm "$work/ready"
  done
done
terminal=$(dirname "$compositor")/wl_shm_terminal
for option in '' --stats; do
  # shellcheck disable=SC2086
  expect_status "a terminal that hangs up ends it ($option)" 129 \
    timeout -s KILL 20 "$terminal" "$run" $option "$compositor" wait
done
expect_status 'status 3 where SIGCHLD is ignored' 3 \
  timeout -s KILL 20 env --ignore-signal=CHLD "$run" --stats "$compositor" exit 3
for option in '' --stats; do
  # shellcheck disable=SC2086
  expect "SIGCHLD stays ignored ($option)" "$(env --ignore-signal=CHLD grep SigIgn /proc/self/status)" \
    "$(timeout -s KILL 20 env --ignore-signal=CHLD "$run" $option grep SigIgn /proc/self/status 2>/dev/null)"
done
expect_status 'nothing to run' 125 "$run"
expect_status 'no such option' 125 "$run" --nonsense "$compositor"
expect_status 'no such mode' 125 "$run" --mode some "$compositor"
expect_status 'no such program' 127 "$run" /no/such/program
expect_status 'no such program in PATH' 127 "$run" no-such-program
expect_status 'no program' 126 "$run" /etc/passwd
expect_status 'check' 0 "$run" --check
expect_text 'check says what is there' 'memory can be guarded'
if "$run" --check --json | grep -q '"lazy":false'; then
  expect_text 'where userfaultfd is denied, check points to who tells by whom' 'uffd-guard-doctor tells'
  expect 'and blames no kernel' '' "$(grep 'needs Linux' "$work/out")"
fi
expect_status 'check of a command' 0 "$run" --check "$compositor"
expect_text 'which it names, and who takes wl_shm' "$compositor can be guarded: $compositor takes wl_shm"
own=$(dirname "$compositor")/wl_shm_own
script_of() { printf '#!/bin/sh\nexec %s serve\n' "$compositor" >"$work/$1"; chmod +x "$work/$1"; }
script_of starts
expect_status 'check of a script' 0 "$run" --check "$work/starts"
expect_text 'of which nothing can be told' 'starts is a script'
expect_status 'check of a program that shows nothing' 125 "$run" --check ls
expect_text 'which is said' 'ls: NOTHING WOULD BE GUARDED: it does not use libwayland-server'
expect_status 'check of one with a wl_shm of its own' 0 "$run" --check "$own"
expect_text 'which is said too' 'wl_shm_own can be guarded: it has a wl_shm of its own, and gets copies (tried: it works)'
expect_status 'check of its keymaps' 0 "$run" --check --mmap "$own"
expect_text 'and keymaps are' 'as keymaps: guarded'
for row in "$compositor:0:libwayland:true" "$own:0:own:true" "ls:125:none:false" "$work/starts:0:unknown:null"; do
  IFS=: read -r program status serving can <<<"$row"
  expect_status "check of $program as JSON" "$status" "$run" --check --json "$program"
  expect_text "its wl_shm ($program)" "\"wl_shm\":\"$serving\""
  expect_text "whether it can be guarded ($program)" "\"can_be_guarded\":$can}"
done
# With a libwayland that shows nobody what is asked for, there are no copies.
silent=$(dirname "$compositor")/libwl_shm_no_logger.so
without_logger=(env LD_PRELOAD="$silent" "$run")
expect_status 'check where the trial fails' 0 "${without_logger[@]}" --check
expect_text 'which is said' 'a wl_shm of their own can be given copies: NO, a trial has failed'
expect_status 'check where copies are what a program needs' 125 "${without_logger[@]}" --check "$own"
expect_text 'which is said too' 'NOTHING WOULD BE GUARDED: it would need copies, and the trial of them failed'
expect_status 'and of its keymaps' 0 "${without_logger[@]}" --check --mmap "$own"
expect_text 'which are guarded' 'wl_shm IS NOT GUARDED: it would need copies'
expect_status 'check of one that needs none' 0 "${without_logger[@]}" --check "$compositor"
for row in "$own:125:false" "$compositor:0:true"; do
  IFS=: read -r program status can <<<"$row"
  expect_status "the same as JSON, $program" "$status" "${without_logger[@]}" --check --json "$program"
  expect_text "its trial ($program)" '"copies":false,"copies_error":"its libwayland-server'
  expect_text "and what comes of it ($program)" "\"can_be_guarded\":$can}"
done
expect_status 'where the trial works' 0 "$run" --check --json
expect_text 'which JSON says' '"copies":true,"copies_error":null'
expect_status 'one that is required to be guarded, and would not be' 125 "${without_logger[@]}" --require "$own"
expect_text 'is not started' 'nothing of .*wl_shm_own would be guarded'
expect_status 'one that is not required to' 0 "${without_logger[@]}" "$own"
expect_text 'says it itself' 'NOTHING IS GUARDED: a test of the guard has failed'
expect_status 'the start of one with a wl_shm of its own' 0 "$run" "$own"
expect 'of which nothing is said' '' "$(cat "$work/err")"
{ printf '\177ELF\001'; head -c 200 /dev/zero; } >"$work/other"
chmod +x "$work/other"
expect_status 'check of a program for another machine' 125 "$run" --check "$work/other"

# ---- Libraries that are not there: the loader would go on without ----

installed=$(dirname "$run")
# Where the build directory has it, which a copy of the program does not know.
LD_LIBRARY_PATH=$(dirname "$(ldd "$run" | awk '/libuffd_guard\.so/ { print $3 }')")
export LD_LIBRARY_PATH
mkdir "$work/part"
part=$work/part/uffd-guard-run
cp "$run" "$work/part"
expect_status 'no library' 125 "$part" "$compositor" who
expect_text 'no library is said' 'libuffd_guard_wl_shm.so is neither in'
true >"$work/part/libuffd_guard_wl_shm.so"
expect_status 'an empty library' 125 "$part" "$compositor" who
expect_text 'an empty library is said' 'libuffd_guard_wl_shm.so: file too short'
cp "$installed/libuffd_guard_wl_shm.so" "$work/part"
expect_status 'no library for those with a wl_shm of their own' 125 "$part" "$compositor" who
expect_text 'which is said' 'libuffd_guard_wayland.so: cannot open'
cp "$installed/libuffd_guard_wayland.so" "$work/part"
expect 'what is only for --mmap need not be there' libuffd_guard_wl_shm.so "$("$part" "$compositor" who)"
for option in --mmap --check; do
  expect_status "no library for --mmap ($option)" 125 "$part" $option --mmap "$compositor" who
  expect_text "which is said ($option)" 'libuffd_guard_mmap.so: cannot open'
  expect_text "and what to do ($option)" 'or leave out --mmap'
done
mkdir "$work/part/uffd_guard"
cp "$installed/uffd_guard/libuffd_guard_mmap.so" "$work/part/uffd_guard"
expect 'with both' libuffd_guard_wl_shm.so "$("$part" --mmap "$compositor" who)"
unset LD_LIBRARY_PATH

# ---- Programs that cannot be guarded ----

cp "$compositor" "$work/privileged"
chmod u+s "$work/privileged"
if [[ $(id -u) -eq 0 ]]; then
  chown 65534 "$work/privileged"
  chmod u+s "$work/privileged"
  expect_status 'setuid' 126 "$run" "$work/privileged" who
  expect_text 'setuid is said' 'setuid'
fi

# ---- What lies between, and drops LD_PRELOAD ----

script() { # name, line
  printf '#!/bin/sh\n%s\n' "$2" >"$work/$1"
  chmod a+rx "$work/$1"
}
script keeps "exec $compositor serve"
script waits "$compositor serve & wait"
script empties "exec env -i $compositor serve"
script unsets "unset LD_PRELOAD; exec $compositor serve"
script sets "LD_PRELOAD=libm.so.6 exec $compositor serve"
script adds "LD_PRELOAD=libm.so.6:\$LD_PRELOAD exec $compositor serve"
script stays "unset LD_PRELOAD; exec $compositor wait"
chmod a+rx "$work"
for option in '' --stats --require; do
  for name in keeps waits adds; do
    # shellcheck disable=SC2086
    expect_status "a script that $name ($option)" 0 "$run" $option "$work/$name"
    expect "which is guarded ($option)" 0 "$(grep -ciE 'not guarded|nothing was' "$work/err")"
  done
  for name in empties unsets sets; do
    status=0
    [[ $option != --require ]] || status=125
    # shellcheck disable=SC2086
    expect_status "a script that $name it ($option)" $status "$run" $option "$work/$name"
    await_text "which is said ($option)" 'nothing was guarded\|NOT GUARDED'
  done
done
"$run" "$work/stays" >/dev/null 2>"$work/err" &
await_text 'one that stays' 'NOT GUARDED'
expect 'it is said while it runs' 1 "$(grep -c "wl_shm_composit (pid $!) IS NOT GUARDED" "$work/err")"
kill $!
expect_status 'one that is required to be guarded is ended' 125 timeout -s KILL 20 "$run" --require "$work/stays"
expect_text 'which is said as well' 'NOT GUARDED'
cp "$compositor" "$work/capable"
if [[ $(id -u) -eq 0 ]] && setcap cap_sys_nice+ep "$work/capable" 2>/dev/null; then
  script indirect "exec $work/capable wait"
  as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  if "${as_nobody[@]}" test -x "$run" -a -r "$installed/libuffd_guard_wl_shm.so"; then
    expect_status 'file capabilities behind a script' 125 \
      timeout -s KILL 20 "${as_nobody[@]}" "$run" --require "$work/indirect"
    expect_text 'which are said' 'capable (pid [0-9]*) IS NOT GUARDED'
  fi
fi
sanitized=$(dirname "$compositor")/wl_shm_sanitized
if [[ -x $sanitized ]]; then
  expect_status 'a sanitizer that has to be first' 126 env -u ASAN_OPTIONS "$run" "$sanitized" who
  expect_text 'which is said, and what to do' 'verify_asan_link_order=0'
  expect 'and that helps' libuffd_guard_wl_shm.so \
    "$(ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$run" "$sanitized" who)"
fi

# ---- A libwayland with a function that the library was written without ----

theirs=$(ldd "$compositor" | sed -n 's/.*=> \(.*libwayland-server[^ ]*\) .*/\1/p')
mkdir "$work/future"
sed 's/wl_shm_buffer_create/wl_shm_buffer_future/' "$theirs" >"$work/future/libwayland-server.so.0"
chmod a+rx "$work/future" "$work/future/libwayland-server.so.0"
for option in '' --stats; do
  # shellcheck disable=SC2086
  expect_status "a newer libwayland ($option)" 0 env LD_LIBRARY_PATH="$work/future" "$run" $option "$compositor" who
  expect_text "is left to itself ($option)" '^libwayland-server.so.0$'
  expect_text "which is said ($option)" 'NOTHING IS GUARDED: libwayland-server is newer'
done
expect_status 'a newer libwayland where that is required' 125 \
  env LD_LIBRARY_PATH="$work/future" "$run" --require "$compositor" serve

# ---- What it tells ----

expect_status 'statistics' 0 "$run" --stats "$compositor" serve
expect_text 'statistics have pools' 'pools: 0 lazy, 0 direct'
# shellcheck disable=SC2016
expect_status 'a command that cuts them' 0 "$run" --stats bash -c \
  'truncate -s 0 "/proc/self/fd/$UFFD_GUARD_WL_SHM_STATS_FD"; exit 0'
expect_text 'which it cannot' 'was not used'
expect_status 'statistics of one that does not serve' 0 "$run" --stats "$compositor" exit 0
expect_text 'which is said' 'was not used'
expect_status 'statistics of one that crashes' 134 "$run" --stats "$compositor" crash
expect_text 'the signal is named' 'killed by signal 6'
expect_status 'one that does not serve, without statistics' 0 "$run" "$compositor" exit 0
expect_text 'which is said too' 'wl_shm_compositor served no clients'
expect_status 'one that serves, without statistics' 0 "$run" "$compositor" serve
expect 'of which nothing is said' '' "$(cat "$work/err")"
expect_status 'JSON' 0 "$run" --json "$compositor" serve
expect_text 'JSON has displays' '"displays":1,'

# shellcheck disable=SC2016
expect_status 'one with a client that lost' 0 "$run" --stats bash -c \
  'LD_PRELOAD= "$0" lose && exec "$0" serve' "$compositor"
expect_text 'whose name gives the terminal no orders' 'client 1 (?\[2J?\]0;x??m): 1 losses'
expect 'nor does anything else' 0 "$(tr -d '\n\t -~' <"$work/err" | wc -c)"

[[ $failures -eq 0 ]]

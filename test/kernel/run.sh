#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The unit and scenario tests and the stress tester inside Debian's kernels; see usage() below.
#
# A kernel is fetched once (fetch.sh), given an initramfs with the programs of a build directory and the libraries they
# load, and started in QEMU, which emulates the processors and so needs no KVM. There init.sh runs the tests; what it
# reports comes back over a serial port, and report.awk makes a table of it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat << 'END'
usage: run.sh [OPTION...] [BUILD-DIR] [SERIES...]
Runs the tests of BUILD-DIR (build) in Debian's newest cloud kernel of each SERIES (6.1 6.12).
  --quick          each scenario by one loop as root and by the other as nobody; a shorter stress run
  --only REGEX     of the tests that ctest knows, and of stress.LOOP.USER, only these
  --timeout N      seconds for one kernel (1800)
  --patience N     times the limits that tests have there, on a busy machine (1)
  --help           this
BUILD-DIR/kernel keeps the kernels, and of the last run in each console.log and report. Delete it to have newer kernels.
Exit status: 0 all passed; 1 not all did; 2 wrong usage; 3 it could not run.
END
}

# ---- Options ----

only='' except='' stress_seconds=20 time_limit=1800 patience=1 build='' series=()

wrong_usage() {
  printf 'run.sh: %s\n' "$1" >&2
  usage >&2
  exit 2
}

while [[ $# -gt 0 ]]; do
  case $1 in
    --quick) except='\.(uring\.nobody|poll\.root|without-.*)$' stress_seconds=10 ;;
    --only | --timeout | --patience)
      [[ $# -gt 1 ]] || wrong_usage "$1 needs a value"
      case $1 in
        --only) only=$2 ;;
        --timeout) time_limit=$2 ;;
        --patience) patience=$2 ;;
      esac
      shift ;;
    --help) usage; exit ;;
    -*) wrong_usage "unknown option $1" ;;
    [0-9]*.[0-9]*) series+=("$1") ;;
    *)
      [[ -z $build ]] || wrong_usage "two build directories, $build and $1"
      build=$1 ;;
  esac
  shift
done
[[ $time_limit =~ ^[0-9]+$ ]] || wrong_usage '--timeout takes seconds'
[[ $patience =~ ^[1-9][0-9]*$ ]] || wrong_usage '--patience takes a number'
[[ ${#series[@]} -gt 0 ]] || series=(6.1 6.12)
build=${build:-build}

# ---- What it takes ----

cannot_run() {
  printf 'run.sh: %s\n' "$@" >&2
  exit 3
}

check_tools() {
  local tool package missing=() packages=()
  while read -r tool package; do
    command -v "$tool" > /dev/null || { missing+=("$tool"); packages+=("$package"); }
  done << 'END'
qemu-system-x86_64 qemu-system-x86
busybox busybox-static
cpio cpio
xz xz-utils
END
  [[ ${#missing[@]} -eq 0 ]] || cannot_run "missing: ${missing[*]}. On Debian, as root:" \
    "  apt-get install --no-install-recommends ${packages[*]}"
  ! ldd "$(command -v busybox)" > /dev/null 2>&1 ||
    cannot_run 'this busybox needs libraries; on Debian, install busybox-static'
}

check_build() {
  [[ -e $build/CMakeCache.txt ]] || cannot_run "$build is no build directory. Make one: cmake -S . -B $build"
  build=$(cd "$build" && pwd)
  [[ -x $build/test/stress/uffd-guard-stress && -x $build/test/kernel/observe ]] ||
    cannot_run "the programs are not built: cmake --build $build"
}

# ---- The initramfs ----

# Also what glibc loads by itself when a thread ends by pthread_exit.
list_libraries() { # program...
  local program
  for program in "$@"; do
    ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'
  done | sort -u
  /sbin/ldconfig -p | awk '/libgcc_s\.so\.1 .*x86-64/ { print $NF; exit }'
}

install_programs() { # program...
  local library
  install -m 755 -D -t "$root/test/bin" "$@"
  while read -r library; do
    case $library in
      */ld-linux-*) install -m 755 -D -t "$root/lib64" "$library" ;;
      *) install -m 755 -D -t "$root/test/lib" "$library" ;;
    esac
  done < <(list_libraries "$@")
}

is_chosen() { # test
  [[ -z $only || $1 =~ $only ]] && [[ -z $except || ! $1 =~ $except ]]
}

list_stress_runs() {
  local loop command
  for loop in uring poll; do
    command="uffd-guard-stress --seconds $stress_seconds --loop $loop"
    ! is_chosen "stress.$loop.root" || echo "run stress.$loop.root $command"
    ! is_chosen "stress.$loop.nobody" || echo "run stress.$loop.nobody $command --unprivileged"
  done
}

# What is the same for all kernels.
make_root() {
  local programs
  rm -rf "$root"
  cmake -D "BUILD=$build" -D "OUT=$work" -D "ONLY=$only" -D "EXCEPT=$except" -P "$here/tests.cmake"
  mapfile -t programs < <(printf '%s\n' "$build/test/kernel/observe" "$build/test/stress/uffd-guard-stress" |
    sort -u - "$work/programs" | grep .) # no test but stress: none
  install_programs "${programs[@]}"
  install -m 755 -D -t "$root/bin" "$(command -v busybox)"
  ln -s busybox "$root/bin/sh"
  install -m 755 "$here/init.sh" "$root/init"
  list_stress_runs | cat "$work/tests.sh" - > "$root/test/tests.sh"
  [[ -s $root/test/tests.sh ]] || cannot_run "no test is called $only"
}

make_initramfs() { # series
  rm -rf "$root/test/modules"
  cp -r "$work/$1/modules" "$root/test/modules"
  (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) > "$work/$1/initramfs"
}

# ---- The guest ----

# No erms and no fsrm: with these the kernel copies by `rep movsb`, which an emulated processor does byte by byte, so
# that words which another one stores whole are torn. Others do not do that, and the stress tester would report it.
# No timer check: the kernel panics if no timer interrupt comes for a moment, as happens on a busy host.
boot() { # series
  local directory=$work/$1
  timeout --foreground -k 5 "$time_limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,-erms,-fsrm -smp 2 -m 2G \
    -nodefaults -display none -no-reboot -serial "file:$directory/console.log" \
    -chardev stdio,id=report,signal=off -serial chardev:report \
    -kernel "$directory/vmlinuz" -initrd "$directory/initramfs" \
    -append "console=ttyS0 panic=-1 no_timer_check rootfstype=ramfs rdinit=/init patience=$patience" < /dev/null
}

show_progress() { # series
  local what name status rest
  while read -r what name status rest; do
    [[ $what != test ]] || printf '%s: %s: %s after %s s\n' "$1" "$name" \
      "$([[ $status -eq 0 ]] && echo passed || echo "status $status")" "${rest##* }"
  done
}

# With the program that each is of.
list_failures() { # series
  awk '/^==== / { program = $2 } /:[FE]:|^violation: / { print program " " $0 }' "$work/$1/console.log"
}

# What the kernel says of itself. A processor that stands still does so because the host's does.
list_complaints() { # series
  grep -aE '^\[ *[0-9.]+\].*(BUG:|WARNING:|Oops|general protection fault|Kernel panic)' "$work/$1/console.log" |
    grep -v 'soft lockup' || true
}

show_report() { # series
  local directory=$work/$1 status=0 complaints
  awk -v "series=$1" -f "$here/report.awk" "$here/skips.txt" "$directory/report" || status=1
  list_failures "$1"
  complaints=$(list_complaints "$1")
  if [[ -n $complaints ]]; then
    printf '\nThe kernel complains:\n%s\n' "$complaints"
    status=1
  fi
  if ! grep -q '^end$' "$directory/report"; then
    printf '\nThe guest has not come to its end. Its console, last:\n'
    tail -n 30 "$directory/console.log"
    status=1
  fi
  return "$status"
}

check_tools
check_build
work=$build/kernel root=$work/root
make_root
for one in "${series[@]}"; do
  "$here/fetch.sh" "$one" "$work/$one"
  make_initramfs "$one"
  printf '\n==== Linux %s\n' "$(cat "$work/$one/version")"
  boot "$one" | tee "$work/$one/report" | show_progress "$one" || true # what is missing, the report shows
done

show_facts() {
  local one arguments=()
  for one in "${series[@]}"; do
    arguments+=("series=$one" "$work/$one/report")
  done
  awk -f "$here/facts.awk" "${arguments[@]}"
}

failed=()
for one in "${series[@]}"; do
  printf '\n==== Linux %s, see %s\n' "$(cat "$work/$one/version")" "$work/$one/console.log"
  show_report "$one" || failed+=("$one")
done
show_facts
if [[ ${#failed[@]} -gt 0 ]]; then
  printf '\nNot all passed in: %s\n' "${failed[*]}"
  exit 1
fi
printf '\nAll passed in: %s\n' "${series[*]}"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compositors with file capabilities, and libraries that may go into all programs. What lies where the loader looks is
# changed for this process only: the directories are covered by others, in a mount namespace of its own.
#   capable.sh uffd-guard-run wl_shm_capable all-compositors.sh
set -uo pipefail
if [[ ${1-} != inside ]]; then
  [[ $(id -u) -eq 0 ]] || { echo 'SKIP: not root'; exit 77; }
  command -v setcap > /dev/null || { echo 'SKIP: no setcap'; exit 77; }
  unshare --mount true 2> /dev/null || { echo 'SKIP: may not make a namespace'; exit 77; }
  exec unshare --mount --propagation private bash "$0" inside "$@"
fi
run=$2 program=$3 everywhere=$4
built=$(dirname "$run")
loader=$(realpath "$(ldd "$run" | grep -o '/[^ ]*/ld-linux[^ ]*')")
lib=$(dirname "$loader")
guard=$(ldd "$run" | awk '/libuffd_guard\.so/ { print $3 }')
work=$(mktemp -d /tmp/uffd-guard-capable.XXXXXX)
trap 'cd /; umount -l "$work"; rmdir "$work"' EXIT
mount -t tmpfs -o mode=755 none "$work" || { echo 'SKIP: may not mount a tmpfs'; exit 77; }
for directory in "$lib" /etc /var/cache/ldconfig; do
  over=$work/over/${directory//\//-}
  mkdir -p "$over"/{upper,inner} "$directory"
  mount -t overlay none -o "lowerdir=$directory,upperdir=$over/upper,workdir=$over/inner" "$directory" ||
    { echo 'SKIP: may not mount an overlay'; exit 77; }
done
failures=0

expect() { # what, pattern, in
  grep -q -- "$2" <<< "$3" && return
  printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

# Installed for all, beside the loader.
cp "$guard" "$lib/libuffd_guard.so.0"
cp "$built"/libuffd_guard_{wl_shm,wayland}.so "$run" "$lib"
cp -r "$built/uffd_guard" "$lib"
library=$lib/libuffd_guard_wayland.so
mkdir "$work/bin"
cp "$program" "$work/bin/capable"
cp "$program" "$work/bin/plain"
printf '#!/bin/sh\nexec ./capable\n' > "$work/bin/starter"
chmod a+rx "$work/bin"/*
chmod 644 "$library"
setcap cap_sys_nice+ep "$work/bin/capable" || { echo 'SKIP: no file capabilities here'; exit 77; }
cd "$work/bin" || exit 1

as_nobody() {
  local status=0
  setpriv --reuid 65534 --regid 65534 --clear-groups "$@" 2>&1 || status=$?
  echo "status=$status"
}
guarded() { as_nobody "$lib/uffd-guard-run" "$@"; }
n_lines() { wc -l <<< "$1"; }

# ---- As installed: off ----

by_name=(env LD_PRELOAD=libuffd_guard_wayland.so)
out=$(guarded ./capable)
expect 'as installed it is not run' 'status=126' "$out"
expect 'which is said, and what to do' "dpkg-statoverride --update --add root root 4644 $library" "$out"
out=$(as_nobody "${by_name[@]}" ./capable)
expect 'the loader takes none by its name' 'libwayland-server[^ ]* secure=1 nice=1' "$out"
expect 'programs without capabilities are guarded' 'libuffd_guard_wayland.so secure=0 nice=0' "$(guarded ./plain)"
expect 'root needs nothing of it' 'libuffd_guard_wayland.so secure=0' "$("$lib/uffd-guard-run" ./capable 2>&1)"

# ---- Let into all programs ----

chmod 4644 "$library"
out=$(guarded ./capable)
expect 'it is in front, and capabilities stay' 'libuffd_guard_wayland.so secure=1 nice=1' "$out"
expect 'and it runs' 'status=0' "$out"
expect 'which nobody complains about' '^2$' "$(n_lines "$out")"
expect 'check says so' 'named without its directory' "$(guarded --check ./capable)"
expect 'also as JSON' '"placed":"name".*"can_be_guarded":true' "$(guarded --check --json ./capable)"
expect 'it may be required' 'libuffd_guard_wayland.so secure=1 nice=1' "$(guarded --require ./capable)"
expect 'there are no statistics' 'status=125' "$(guarded --stats ./capable)"
out=$(guarded --require ./starter)
expect 'also if a script starts it' 'libuffd_guard_wayland.so secure=1 nice=1' "$out"
expect 'by the path it is not' 'libwayland-server[^ ]* secure=1' "$(as_nobody env LD_PRELOAD="$library" ./capable)"

# It reads nothing of the environment where the loader is in secure mode.
nonsense=(env UFFD_GUARD_WL_SHM_MODE=nonsense UFFD_GUARD_WL_SHM_MEMORY=nonsense UFFD_GUARD_WL_SHM_BREAK=refresh)
expect 'a setting that is none is seen' 'MODE=nonsense' "$("${nonsense[@]}" "$lib/uffd-guard-run" ./plain 2>&1)"
out=$(as_nobody "${nonsense[@]}" "${by_name[@]}" ./capable)
expect 'in secure mode the library is there' 'libuffd_guard_wayland.so secure=1' "$out"
expect 'and no setting is seen' '^2$' "$(n_lines "$out")"

# ---- By the libwayland-server of all ----

chmod 644 "$library"
if "$everywhere" make > made; then
  expect 'it is brought by libwayland-server' 'libuffd_guard_wayland.so secure=1 nice=1' "$(as_nobody ./capable)"
  out=$(guarded ./capable)
  expect 'which is known' 'libuffd_guard_wayland.so secure=1 nice=1' "$out"
  expect 'and needs no preload' 'there without being asked for' "$(guarded --check ./capable)"
  expect 'other programs have it too' 'libuffd_guard_wayland.so secure=0' "$(as_nobody ./plain)"
  out=$(guarded ./plain)
  expect 'once' 'libuffd_guard_wayland.so secure=0' "$out"
  expect 'and nobody complains' '^2$' "$(n_lines "$out")"
  "$everywhere" remove
  expect 'it can be taken away again' 'libwayland-server[^ ]* secure=1' "$(as_nobody ./capable)"
  expect 'and leaves nothing' '^0$' "$(find "$lib/glibc-hwcaps" -type f | wc -l)"
elif [[ $(uname -m) == x86_64 ]]; then
  expect 'all compositors can be guarded' 'made' 'not made'
fi
[[ $failures -eq 0 ]]

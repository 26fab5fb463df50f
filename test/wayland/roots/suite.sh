#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The tests of the guarded wl_shm on the libwayland of newer releases of Debian: 1.23 in trixie, newer in sid.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/root.sh

usage() {
  cat << 'END'
usage: suite.sh [OPTION...] [SUITE...]
Builds everything in the root of each SUITE (trixie sid), where warnings are errors, and runs ctest there.
  --tests REGEX      of their names (those labelled wl_shm)
  --help             this
Exit status: 0 all passed; 1 not all did; 2 wrong usage; 77 no root can be made.
END
}

tests=(-L 'wl_shm')
while [[ ${1:-} == --* ]]; do
  case $1 in
    --tests) tests=(-R "$2"); shift 2 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
suites=("$@")
[[ ${#suites[@]} -gt 0 ]] || suites=(trixie sid)
status=0
for suite in "${suites[@]}"; do
  "$root" make "$suite"
  printf '==== %s, libwayland %s\n' "$suite" "$("$root" enter "$suite" pkg-config --modversion wayland-server)"
  "$root" build "$suite" all || { status=1; continue; }
  "$root" enter "$suite" ctest "${tests[@]}" --output-on-failure || status=1
done
exit "$status"

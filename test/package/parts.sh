#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A configure that finds little: it does without, says what is missing and which package brings it, and fails only for
# what it cannot do without or was told to build.
#   parts.sh SOURCE WORK COMPILER
set -euo pipefail
source=$1 work=$2 compiler=$3
status=0
rm -rf "$work"
mkdir -p "$work/all" "$work/none"
for module in liburing libseccomp; do
  ln -s "$(pkg-config --variable pcfiledir "$module")/$module.pc" "$work/all"
done

expect() { # what, exit status, directory of .pc files, cmake option..., -- text...
  local what=$1 expected=$2 modules=$work/$3 options=() code=0
  shift 3
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  PKG_CONFIG_LIBDIR=$modules PKG_CONFIG_PATH='' cmake -S "$source" -B "$work/build" --fresh -D CMAKE_C_COMPILER="$compiler" \
    "${options[@]}" > "$work/log" 2>&1 || code=1
  [[ $code -eq $expected ]] || set -- "$@" "exit status $expected"
  while [[ $# -gt 0 ]]; do
    # cmake breaks the lines of errors.
    if ! tr -s ' \n' ' ' < "$work/log" | grep -q -- "$1"; then
      printf '%s: not found: %s\n' "$what" "$1"
      cat "$work/log"
      status=1
    fi
    shift
  done
}

expect 'with what is needed' 0 all -- 'tests no, this is missing: check, fuse3, json-c' \
  'uffd-guard-run no, this is missing: wayland-server'
expect 'with a part that is asked for' 1 all -D UFFD_GUARD_WAYLAND=ON -- 'UFFD_GUARD_WAYLAND is ON' 'wayland-server>=1.17'
expect 'without liburing' 1 none -- 'uffd_guard needs liburing>=2.3'
expect 'on another system' 1 all -D CMAKE_SYSTEM_NAME=FreeBSD -- 'uffd_guard needs Linux'
exit $status

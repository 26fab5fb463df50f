#!/bin/sh
# SPDX-License-Identifier: MIT
# What is the same of every program: sh program.sh PROGRAM EXIT-CODE-OF-WRONG-USAGE [ARGUMENT...]
# The arguments are those with which it soon ends and prints something.
set -u
program=$1
name=$(basename "$program")
wrong_usage=$2
shift 2
failures=0
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

fail() {
  echo "$name: $*"
  failures=$((failures + 1))
}

for option in --help -h --version -V; do
  text=$("$program" $option 2> "$errors") || fail "$option ends with $?"
  case "$option $text" in
    *h*"Usage: $name"*"--help"*"--version"*"Exit status: "*) ;;
    *-*[vV]*" $name "[0-9]*) ;;
    *) fail "$option prints: $text" ;;
  esac
  [ ! -s "$errors" ] || fail "$option says: $(cat "$errors")"
done

for option in --nonsense -x --help=x; do
  text=$("$program" $option 2> "$errors")
  status=$?
  [ $status -eq "$wrong_usage" ] || fail "$option ends with $status"
  [ -z "$text" ] || fail "$option prints: $text"
  grep -q -- "^$name: $option: .*option" "$errors" || fail "$option says: $(cat "$errors")"
  grep -q "^Try \"$name --help\"" "$errors" || fail "$option does not say where help is"
done

expect_full_disk() { # argument...
  "$program" "$@" > /dev/full 2> "$errors"
  status=$?
  [ $status -eq 3 ] || fail "$*, to a full disk, ends with $status"
  grep -q "^$name: cannot write the output: No space left on device" "$errors" ||
    fail "$*, to a full disk, says: $(cat "$errors")"
}

for option in --help -h --version -V; do
  expect_full_disk $option
done
[ $# -eq 0 ] || expect_full_disk "$@"

[ "$failures" -eq 0 ]

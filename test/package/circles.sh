#!/bin/sh
# SPDX-License-Identifier: MIT
# sh circles.sh DIRECTORY...
#
# No room (a .c with its .h) of these directories reaches itself by includes, and what a header declares as a function is
# defined in its own room: so nothing calls up either.
set -eu
status=0

complain() {
  echo "$*"
  status=1
}

includes() {
  sed -n 's/^#include "\([^"/]*\)\.h".*/\1/p' "$1"
}

# Pairs for tsort(1), which names the rooms of a circle. A pair of the same says that the room is there.
pairs() { # directory
  for file in "$1"/*.[ch]; do
    room=$(basename "${file%.?}")
    echo "$room $room"
    for other in $(includes "$file"); do
      [ "$other" = "$room" ] || echo "$room $other"
    done
  done
}

declared() {
  sed -n '/^\(static\|typedef\|struct [a-z_]*;\)/d; s/^[a-z_].*[ *]\([a-z_0-9]*\)(.*/\1/p' "$1"
}

for directory in "$@"; do
  n=$(pairs "$directory" | sort -u | wc -l)
  [ "$n" -gt 2 ] || complain "$directory: only $n includes were found: this script no longer sees them"
  circle=$(pairs "$directory" | tsort 2>&1 > /dev/null) || true
  [ -z "$circle" ] || complain "$directory has a circle: $circle"
  for header in "$directory"/*.h; do
    for function in $(declared "$header"); do
      grep -q "^[a-z].*[ *]$function(" "${header%.h}.c" 2> /dev/null ||
        complain "$header declares $function(), which is elsewhere"
    done
  done
done

exit "$status"

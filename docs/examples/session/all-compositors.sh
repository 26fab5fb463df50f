#!/bin/sh
# SPDX-License-Identifier: MIT
# Guards all compositors of a machine that use libwayland-server, those with file capabilities too, without any
# environment: the loader finds a library of libwayland's name in a directory for processors first, and that library
# needs libuffd_guard_wayland.so and the real one. It needs a C compiler.
#   all-compositors.sh make | remove
# Remove it before uffd_guard is removed: until then no program with libwayland-server starts that misses it. The real
# one is named by the path that stays the same when it is upgraded.
set -eu
name=libwayland-server.so.0

loader=$(readelf -l /bin/sh | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
lib=$(dirname "$(realpath "$loader")")
# The level that the most processors have is the last one.
level=$("$loader" --help | sed -n '/glibc-hwcaps dir/,/^$/s/^  \([^ ]*\) (supported, searched)$/\1/p' | tail -n 1)
[ -n "$level" ] || { echo "$0: this loader has no directories for processors" >&2; exit 1; }
directory=$lib/glibc-hwcaps/$level

# The linker writes down the names that libraries have, so something has to have the path as its name.
make() {
	for file in "$lib/libuffd_guard_wayland.so" "$lib/$name"; do
		[ -e "$file" ] || { echo "$0: there is no $file" >&2; exit 1; }
	done
	work=$(mktemp -d)
	trap 'rm -r "$work"' EXIT
	mkdir -p "$directory"
	cc -shared -nostdlib -x c /dev/null -o "$work/real.so" -Wl,-soname,"$lib/$name"
	cc -shared -nostdlib -o "$work/$name" -Wl,-soname,$name -Wl,--no-as-needed "$lib/libuffd_guard_wayland.so" \
		"$work/real.so"
	chmod 644 "$work/$name"
	mv "$work/$name" "$directory/$name"
	ldconfig
	echo "$directory/$name"
}

remove() {
	rm -f "$directory/$name"
	ldconfig
}

case ${1:-} in
make | remove) "$1" ;;
*) sed -n 's/^# \{0,1\}//p' "$0" | sed -n '2,7p' >&2; exit 2 ;;
esac

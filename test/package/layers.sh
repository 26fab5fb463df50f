#!/bin/sh
# SPDX-License-Identifier: MIT
# Every file looks only down: an include names a lower layer or the file's own, no circle of rooms is left within a
# layer (a room is a .c with its .h), and nothing below calls/ calls a function of the public header.
# sh layers.sh SOURCE
cd "$1" || exit 1
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
	echo "$1"
	status=1
}

# The lowest first. An include of daemon/ begins at the top of the tree, all others below lib/.
layers='base kernel file state pages daemon calls'

level() {
	n=0
	for layer in $layers; do
		n=$((n + 1))
		[ "$1" != "$layer" ] || break
	done
	echo $n
}

for layer in $layers; do
	folder=lib/$layer
	[ "$layer" != daemon ] || folder=daemon
	for file in "$folder"/*.[ch]; do
		sed -n "s|^#include \"\([^\"]*\)\".*|$layer $file \1|p" "$file" >> "$work/includes"
		[ "$layer" = calls ] || ! grep -nE '^[^*"]*[^a-z_"]uffd_guard_[a-z_]+\(' "$file" ||
			complain "$file: calls a function of the public header"
	done
done

while read -r own file include; do
	[ -f "lib/$include" ] || [ -f "$include" ] || complain "$file: $include is in no layer"
	[ "$(level "${include%%/*}")" -le "$(level "$own")" ] || complain "$file: looks up to $include"
	room=$own/$(basename "${file%.*}")
	[ "${include%.h}" = "$room" ] || echo "$room ${include%.h}" >> "$work/arrows"
done < "$work/includes"

# tsort names the rooms of a circle.
tsort "$work/arrows" > "$work/sorted" 2> "$work/circle" || complain "a circle of rooms: $(tr '\n' ' ' < "$work/circle")"
echo "$(wc -l < "$work/sorted") rooms, $(sort -u "$work/arrows" | wc -l) arrows"
exit $status

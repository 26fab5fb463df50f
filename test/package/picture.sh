#!/bin/sh
# SPDX-License-Identifier: MIT
# sh picture.sh SOURCE_DIRECTORY
#
# The picture of docs/architecture.md is true, and is made from its source. An include from one folder to another follows
# the arrows of layers.dot, and each arrow between two folders has an include. layers.svg has the nodes, edges and words
# that dot makes of the source: another version of graphviz may draw them elsewhere.
set -eu
cd "$1"
source=docs/architecture/layers.dot
picture=docs/architecture/layers.svg
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
	printf '%s: %s\n' "$source" "$*"
	status=1
}

# ---- Arrows and includes ----

# "from to" for each arrow; "a -> b -> c" are two.
sed -n 's/^\t*\([a-z_]* -> [a-z_ >-]*\).*/\1/p' "$source" | sed 's/ -> / /g' |
	awk '{ for (i = 1; i < NF; i++) print $i, $(i + 1) }' > "$work/arrows"

# Folders of the library as layers.dot calls them.
folder_of() { # node
	case $1 in
	daemon) echo daemon ;;
	wl_shm_base) echo lib/wl_shm/base ;;
	regions | shadows | protocol | content | record) echo "lib/wl_shm/$1" ;;
	*) echo "lib/$1" ;;
	esac
}

# "from to" for each pair of folders with an include between them.
for node in base kernel file state pages daemon calls; do
	sed -n "s|^#include \"\([a-z]*\)/.*|$node \1|p" "$(folder_of $node)"/*.[ch]
done > "$work/all"
for node in wl_shm_base record content protocol regions shadows; do
	sed -n "s|^#include \"\([a-z]*\)/.*|$node \1|p" "$(folder_of $node)"/*.[ch] | sed 's/ base$/ wl_shm_base/'
done >> "$work/all"
awk '$1 != $2' "$work/all" | sort -u > "$work/includes"
[ "$(wc -l < "$work/includes")" -gt 15 ] || complain "few includes were found: this script no longer sees them"

while read -r from to; do
	awk -v from="$from" -v to="$to" '
		{ next_of[$1] = next_of[$1] " " $2 }
		function leads(node, n, i, nodes) {
			if (node == to)
				return 1
			if (seen[node]++)
				return 0
			n = split(next_of[node], nodes, " ")
			for (i = 1; i <= n; i++) {
				if (leads(nodes[i]))
					return 1
			}
			return 0
		}
		END { exit !leads(from) }' "$work/arrows" ||
		complain "$(folder_of "$from") includes from $(folder_of "$to"), and no arrow leads there"
done < "$work/includes"

while read -r from to; do
	if [ -d "$(folder_of "$from")" ] && [ -d "$(folder_of "$to")" ] && [ "$from" != wl_shm_base ]; then
		grep -qx "$from $to" "$work/includes" || complain "has an arrow from $from to $to, but no file includes so"
	fi
done < "$work/arrows"

# ---- The picture ----

# Titles are those of nodes and edges; lines of text come in the order in which they are drawn.
words_of() {
	tr '\n' ' ' < "$1" | sed 's/<\(title\|text\)/\n<\1/g' | sed -n 's@^<\(title\|text\)[^>]*>\([^<]*\)<.*@\1 \2@p' |
		sed 's/&#45;/-/g; s/&gt;/>/g; s/&#39;/'"'"'/g; s/&#160;/ /g; s/  */ /g; s/ $//' | sort
}

if ! command -v dot > /dev/null && [ "$status" -eq 0 ]; then
	echo "SKIP: no graphviz"
	exit 77
fi
dot -Tsvg "$source" -o "$work/fresh.svg"
words_of "$picture" > "$work/kept"
words_of "$work/fresh.svg" > "$work/made"
[ "$(wc -l < "$work/kept")" -gt 30 ] || complain "few words were found in $picture: this script no longer sees them"
diff "$work/kept" "$work/made" || complain "$picture is not what dot makes of it: dot -Tsvg $source -o $picture"
exit "$status"

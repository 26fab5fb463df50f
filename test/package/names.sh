#!/bin/sh
# SPDX-License-Identifier: MIT
# sh names.sh SOURCE_DIRECTORY
#
# Documents about the code name what there is: each `function()` is declared somewhere in the tree, and each file.c or
# file.h is a file of it. A link whose text is a file's name leads to a file of that name.
set -eu
cd "$1"
status=0
n=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
	echo "$1: $2"
	status=1
}

find include lib daemon test docs -name '*.[ch]' > "$work/files"
sed 's|.*/||' "$work/files" | sort -u > "$work/names"
xargs grep -ohE '^[A-Za-z][A-Za-z_0-9 *]*[ *][a-z_0-9]+\(' < "$work/files" | sed 's/.*[ *]//' | sort -u \
	> "$work/functions"

for document in CONTRIBUTING.md docs/architecture.md docs/kernel.md docs/promises.md docs/testing.md docs/threads.md \
	docs/wl_shm.md; do
	# shellcheck disable=SC2016 # backticks
	for function in $(grep -oE '`[a-z_0-9]+\(\)`' "$document" | tr -d '`)' | sort -u); do
		n=$((n + 1))
		grep -qx -F "$function" "$work/functions" || complain "$document" "there is no $function)"
	done
	grep -oE '(^|[^a-z_.*])[a-z_0-9]+\.[ch]([^a-z_(]|$)' "$document" | grep -oE '[a-z_0-9]+\.[ch]' | sort -u \
		> "$work/named"
	while IFS= read -r file; do
		n=$((n + 1))
		grep -qx -F "$file" "$work/names" || complain "$document" "there is no $file"
	done < "$work/named"
	grep -oE '\[[a-z_0-9]+\.[ch]\]\([^)]*\)' "$document" | while IFS= read -r link; do
		text=${link%%]*}
		[ "${link##*/}" = "${text#[}" ] || [ "${link##*/}" = "${text#[})" ] || echo "$link"
	done > "$work/crooked"
	while IFS= read -r link; do
		complain "$document" "leads elsewhere: $link"
	done < "$work/crooked"
done
[ "$n" -gt 100 ] || complain "$0" "only $n names were found: this script no longer sees them"
exit "$status"

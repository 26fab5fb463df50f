#!/bin/sh
# SPDX-License-Identifier: MIT
# sh model.sh SOURCE_DIRECTORY
#
# Beside each step of test/model/*.pml stands the function that it stands for, and above that function the step:
#   inline drop(g) { /* lib/pages/resident.c:resident_drop */
#   /* model: protocol drop */
# Both say the same, so that whoever changes one finds the other. And each cure that can be taken out of a model (X_...)
# is taken out in a row of configurations.txt.
set -eu
cd "$1"
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "file function model step", a line each
for model in test/model/*.pml; do
	name=$(basename "$model" .pml)
	sed -nE 's|^(active )?(inline\|proctype) ([a-z_]+)\(.*/\* ([a-z_/]+\.[ch]):([a-z_]+) \*/|\4 \5 \3|p' "$model" |
		awk -v model="$name" '{ print $1, $2, model, $3 }'
done | sort > "$work/models"

find lib daemon -name '*.[ch]' | sort | while read -r file; do
	awk -v file="$file" '
		/^\/\* model: .* \*\/$/ {
			gsub(/^\/\* model: | \*\/$/, "")
			steps = $0
			next
		}
		steps != "" {
			name = $0
			sub(/\(.*/, "", name)
			sub(/.*[ *]/, "", name)
			n = split(steps, each, ", ")
			for (i = 1; i <= n; i++)
				print file, name, each[i]
			steps = ""
		}' "$file"
done | sort > "$work/code"

if ! diff "$work/models" "$work/code" > "$work/diff"; then
	sed -n 's|^< |only in test/model: |p; s|^> |only above the function: |p' "$work/diff"
	status=1
fi
[ "$(wc -l < "$work/models")" -gt 50 ] || { echo 'too few steps: this script no longer sees them'; status=1; }

cures_in() {
	grep -ohE '\bD?X_[A-Z_]+\b' "$@" | sed 's/^D//' | sort -u
}
cures_in test/model/*.pml > "$work/cures"
cures_in test/model/configurations.txt > "$work/rows"
if ! diff "$work/cures" "$work/rows" > "$work/diff"; then
	sed -n 's|^< |in no row of configurations.txt: |p; s|^> |in no model: |p' "$work/diff"
	status=1
fi
exit $status

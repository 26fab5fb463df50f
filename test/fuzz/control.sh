#!/bin/sh
# SPDX-License-Identifier: MIT
# Does the fuzzer notice? Breaks the library in the ways of controls.txt, one at a time in a copy of the sources, and
# lets the fuzzer look for it, for a minute at most. Needs clang and ninja.
#   test/fuzz/control.sh [SOURCE-DIR] [NAME...]
# CORPUS=DIRECTORY: begin with other inputs than those of the tree; an empty one is harder.
set -eu
source=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
[ $# -gt 0 ] && shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
corpus=${CORPUS:-$source/test/fuzz/corpus}
seconds=60
n_passed=0 n_failed=0

(cd "$source" && tar cf - CMakeLists.txt include lib daemon test cmake docs README.md LICENSE) | tar xf - -C "$work"
cmake -S "$work" -B "$work/build" -G Ninja -DCMAKE_C_COMPILER=clang -DUFFD_GUARD_TOOLS=OFF >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}

builds() {
	cmake --build "$work/build" -j 2 --target uffd-guard-fuzz >"$work/log" 2>&1
}

# Runs until something is found, or the time is over.
finds_nothing() {
	rm -rf "$work/found"
	mkdir "$work/found"
	timeout $((seconds + 120)) "$work/build/test/fuzz/uffd-guard-fuzz" -max_len=512 -timeout=30 -max_total_time=$seconds \
		-artifact_prefix="$work/" "$work/found" "$corpus" >"$work/out" 2>&1
}

# The line after the dashes says what is wrong; a sanitizer has a line of its own.
what_was_found() {
	runs=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$work/out" | tail -n 1)
	text=$(sed -n -e '/^------$/{n;p;q;}' "$work/out" | cut -c 1-100)
	[ -n "$text" ] || text=$(grep -m 1 -E 'ERROR|runtime error|SUMMARY' "$work/out" | cut -c 1-100)
	if [ -n "$runs" ]; then echo "after $runs runs: $text"; else echo "in the corpus: $text"; fi
}

builds || { tail -n 20 "$work/log"; exit 1; }
if ! finds_nothing; then
	echo "The library as it is: $(what_was_found)"
	echo 'Mend that first.'
	exit 1
fi

while IFS= read -r row <&3; do
	case $row in '#'* | '') continue ;; esac
	name=${row%%; *} row=${row#*; }
	files=${row%%; *} script=${row#*; }
	if [ $# -gt 0 ]; then case " $* " in *" $name "*) ;; *) continue ;; esac; fi

	is_broken=no
	for file in $files; do
		sed -i "$script" "$work/$file"
		cmp -s "$work/$file" "$source/$file" || is_broken=yes
	done
	if [ $is_broken = no ]; then
		result='FAILED: there is nothing to break where the table says'
	elif ! builds; then
		result='FAILED: does not build when broken'
		cat "$work/log"
	elif finds_nothing; then
		result="FAILED: nothing found in $seconds s"
	else
		result="noticed $(what_was_found)"
	fi
	echo "$name: $result"
	case $result in noticed*) n_passed=$((n_passed + 1)) ;; *) n_failed=$((n_failed + 1)) ;; esac
	for file in $files; do cp "$source/$file" "$work/$file"; done
done 3<"$source/test/fuzz/controls.txt"

echo "$n_passed noticed, $n_failed not"
[ "$n_failed" -eq 0 ]

#!/bin/sh
# SPDX-License-Identifier: MIT
# Has spin check the models in each configuration of configurations.txt, also for the flaw where a cure is taken out.
#   run.sh [--full] MODEL-DIRECTORY WORK-DIRECTORY [NAME-PATTERN]
# Without --full only the rows marked "quick". Traces of what was found stay in the work directory: `spin -t -p`.
set -eu
if [ "$1" = --full ]; then
	which='quick|full'
	shift
else
	which=quick
fi
models=$(cd "$1" && pwd)
work=$2
pattern=${3:-*}
command -v spin >/dev/null || { echo 'SKIP: no spin'; exit 77; }
mkdir -p "$work"
cd "$work"
cp "$models"/*.pml .
status=0 n=0
# What spin makes is 20,000 lines of C: gcc takes 1.1 s to compile them, clang 0.4, tcc 0.04, and they run as fast.
compiler=$(command -v tcc || command -v clang) || compiler=${CC:-cc}

# A search that goes deeper is made again: the kernel has to clear the memory for all that it may need.
search() {
	for depth in 20000 3000000; do
		./pan -m"$depth" >pan.log 2>&1 || true
		grep -q 'max search depth' pan.log || break
	done
}

# Prints what spin found, or "holds"; fails if it could not look everywhere.
check() { # model, flags...
	file=$1.pml
	shift
	# spin calls the preprocessor by a shell.
	spin "$@" -a "$file" >spin.log 2>&1 || { echo "does not parse: $(tail -n 3 spin.log)"; return 1; }
	# shellcheck disable=SC2086 # words
	$compiler -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=3000 -o pan pan.c
	search
	found=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' pan.log | head -n 1)
	n_states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log | head -n 1)
	if [ -n "$found" ]; then
		echo "found: $found"
	elif [ -z "$n_states" ] || grep -q 'Search not completed\|max search depth\|out of memory' pan.log; then
		echo "not complete: $(tail -n 3 pan.log)"
		return 1
	else
		echo "holds, $n_states states"
	fi
}

while read -r when expected name model flags; do
	case $when in '#'* | '') continue ;; esac
	# shellcheck disable=SC2254 # a pattern
	case $name in $pattern) ;; *) continue ;; esac
	echo "$when" | grep -q -E -x "$which" || continue
	n=$((n + 1))
	# shellcheck disable=SC2086 # words
	verdict=$(check "$model" $flags) || expected="$expected, everywhere"
	[ ! -f "$model.pml.trail" ] || mv "$model.pml.trail" "$name.trail"
	if [ "${verdict%%[:,]*}" = "$expected" ]; then
		echo "$name: $verdict"
	else
		echo "$name: $verdict  <- expected: $expected ($model.pml $flags)"
		status=1
	fi
done <"$models/configurations.txt"
echo "$n configurations"
[ "$n" -gt 0 ] || status=1
exit $status

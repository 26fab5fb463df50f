#!/bin/sh
# SPDX-License-Identifier: MIT
# Takes each cure of cures.txt out of a copy of the sources and sees the test that is meant for it fail.
#   test/hazards/run.sh [SOURCE-DIR] [NAME...]
set -eu
source=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
[ $# -gt 0 ] && shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_passed=0 n_failed=0

(cd "$source" && tar cf - CMakeLists.txt include lib daemon test cmake docs README.md LICENSE) | tar xf - -C "$work"
cmake -S "$work" -B "$work/build" -DUFFD_GUARD_TOOLS=OFF -DCMAKE_BUILD_TYPE=Debug >"$work/log" 2>&1
cmake --build "$work/build" -j 2 >>"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }

# Where the program is, of test/scenario, test/unit or test/wl_shm.
program_of() {
	case $1 in
	wl_shm_*) echo "$work/build/test/wl_shm/$1" ;;
	unit_*) echo "$work/build/test/unit/$1" ;;
	front_*) echo "$work/build/test/wayland_front/$1" ;;
	*) echo "$work/build/test/scenario_$1" ;;
	esac
}

# How long a test of it may take: a client that maps often takes a while to be noticed.
seconds_of() {
	case $1 in
	wl_shm_growth) echo 60 ;;
	mapped_often) echo 60 ;;
	own_process) echo 3 ;; # of one test there are many cases
	*) echo 8 ;;
	esac
}

# Does the test fail, in any of the ways to run it?
test_fails() {
	for way in '--loop poll' '--loop uring' '--mode eager'; do
		# shellcheck disable=SC2086
		timeout 240 "$(program_of "$1")" $way --timeout "$2" >"$work/out" 2>&1 </dev/null 3<&- || true
		if grep -q ":[FE]:.*:$3:" "$work/out"; then return 0; fi
	done
	return 1
}

while IFS= read -r row <&3; do
	case $row in '#'* | '') continue ;; esac
	name=${row%%; *} row=${row#*; }
	file=${row%%; *} row=${row#*; }
	test=${row##*; } row=${row%; *}
	program=${row##*; } script=${row%; *}
	if [ $# -gt 0 ]; then case " $* " in *" $name "*) ;; *) continue ;; esac; fi

	sed -i "$script" "$work/$file"
	if cmp -s "$work/$file" "$source/$file"; then
		result='FAILED: the cure is not where the table says'
	elif ! cmake --build "$work/build" -j 2 --target "$(basename "$(program_of "$program")")" >"$work/log" 2>&1; then
		result="FAILED: does not build without the cure"
		cat "$work/log"
	elif test_fails "$program" "$(seconds_of "$program")" "$test"; then
		result=noticed
	else
		result="FAILED: $test passes without the cure"
	fi
	echo "$name: $result"
	case $result in noticed) n_passed=$((n_passed + 1)) ;; *) n_failed=$((n_failed + 1)) ;; esac
	cp "$source/$file" "$work/$file"
done 3<"$source/test/hazards/cures.txt"

echo "$n_passed passed, $n_failed failed"
[ "$n_failed" -eq 0 ]

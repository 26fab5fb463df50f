#!/bin/sh
# SPDX-License-Identifier: MIT
# sh mutations.sh SOURCE_DIRECTORY
#
# The tables of ways to break the library, test/hazards/cures.txt and test/fuzz/controls.txt: each still changes the file
# that it names, and each test that is to notice it is there. Whether it does notice takes long: test/hazards/run.sh,
# test/fuzz/control.sh. And test/mutation/survivors.txt and test/coverage/uncovered.txt: what they name is still there, and
# has a reason.
set -eu
cd "$1"
status=0

complain() {
	printf '%s\n' "$*"
	status=1
}

# name, files, script
expect_change() {
	for file in $2; do
		sed "$3" "$file" | cmp -s - "$file" || return 0
	done
	complain "$1: changes nothing any more in $2"
}

while read -r row; do
	case $row in '#'* | '') continue ;; esac
	name=${row%%; *} row=${row#*; }
	file=${row%%; *} row=${row#*; }
	test=${row##*; } row=${row%; *}
	program=${row##*; } script=${row%; *}
	expect_change "cure $name" "$file" "$script"
	case $program in
	unit_*) program=test/unit/${program#unit_}.c ;;
	wl_shm_*) program=test/wl_shm/${program#wl_shm_}.c ;;
	front_attacks_*) program=test/wayland_front/attacks.c ;;
	front_extensions_*) program=test/wayland_front/extensions.c ;;
	front_*_c) program=${program#front_} program=test/wl_shm/${program%_c}.c ;;
	*) program=test/scenario/${program%_[0-9]*}.c ;;
	esac
	grep -q "START_TEST($test)" "$program" || complain "cure $name: there is no $test in $program"
done <test/hazards/cures.txt

while read -r row; do
	case $row in '#'* | '') continue ;; esac
	name=${row%%; *} row=${row#*; }
	expect_change "control $name" "${row%%; *}" "${row#*; }"
done <test/fuzz/controls.txt

words() {
	tr -s ' \t\n' ' '
}

while IFS= read -r row; do
	case $row in '#'* | '') continue ;; esac
	file=${row%% ;; *} reason=${row##* ;; }
	old=${row#* ;; }
	old=${old%% ;; *}
	words <"$file" | grep -q -F -e "$(printf '%s' "$old" | words)" || complain "survivor in $file: there is no $old"
	[ "${#reason}" -gt 10 ] || complain "survivor in $file: no reason for $old"
done <test/mutation/survivors.txt

while IFS= read -r row; do
	case $row in '#'* | '') continue ;; esac
	file=${row%% ;; *} reason=${row##* ;; } code=${row% ;; *}
	code=${code##* ;; }
	grep -q -F -e "$code" "$file" || complain "not covered in $file: there is no $code"
	[ "${#reason}" -gt 10 ] || complain "not covered in $file: no reason for $code"
done <test/coverage/uncovered.txt

exit $status

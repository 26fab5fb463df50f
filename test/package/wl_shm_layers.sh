#!/bin/sh
# SPDX-License-Identifier: MIT
# sh wl_shm_layers.sh SOURCE_DIRECTORY
#
# In lib/wl_shm every file looks only down: it includes from its own folder, and from folders of a lower level. And inside
# a folder no room (a .c with its .h) reaches itself by includes; between folders none can. What a header declares is in its
# own room, or an include would show another direction than the calls have.
set -eu
cd "$1/lib/wl_shm"
status=0
n=0
n_declared=0

complain() {
	printf 'lib/wl_shm/%s\n' "$*"
	status=1
}

# mmap/ and run/ are other programs: neither knows of record/.
level() {
	case $1 in
	base) echo 1 ;;
	record | mmap | run) echo 2 ;;
	content) echo 3 ;;
	protocol) echo 4 ;;
	regions | shadows) echo 5 ;;
	*) echo 0 ;;
	esac
}

includes() {
	sed -n 's/^#include "\([^"]*\)".*/\1/p' "$@"
}

for folder in */; do
	[ "$(level "${folder%/}")" -gt 0 ] || complain "$folder has no level in $0"
done
for file in *.[ch]; do
	[ ! -e "$file" ] || complain "$file is in no folder"
done

for file in */*.[ch]; do
	own=${file%/*}
	for include in $(includes "$file"); do
		n=$((n + 1))
		other=${include%/*}
		if [ "$other" = cli ] && [ "$own" = run ]; then
			continue # of the tree's own programs
		elif [ ! -e "$include" ]; then
			complain "$file includes $include, which is not there: name the folder"
		elif [ "$other" != "$own" ] && [ "$(level "$other")" -ge "$(level "$own")" ]; then
			complain "$file includes $include, which is not below it"
		fi
	done
done
[ "$n" -gt 100 ] || complain "only $n includes were found: this script no longer sees them"

declared() {
	sed -n '/^\(static\|typedef\|struct [a-z_]*;\)/d; s/^[a-z_].*[ *]\([a-z_0-9]*\)(.*/\1/p' "$@"
}
for header in */*.h; do
	for function in $(declared "$header"); do
		n_declared=$((n_declared + 1))
		grep -q "^[a-z].*[ *]$function(" "${header%.h}.c" || complain "$header declares $function(), which is elsewhere"
	done
done
[ "$n_declared" -gt 50 ] || complain "only $n_declared declarations were found: this script no longer sees them"

# tsort(1) says which are in a circle. Each room comes after those that include it; a pair of the same says that it is there.
rooms() {
	for file in */*.[ch]; do
		echo "${file%.?} ${file%.?}"
		for include in $(includes "$file"); do
			[ "${include%.h}" = "${file%.?}" ] || echo "${file%.?} ${include%.h}"
		done
	done
}
circle=$(rooms | tsort 2>&1 >/dev/null) || true
[ -z "$circle" ] || complain "has a circle of includes:
$circle"

exit "$status"

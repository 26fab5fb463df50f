#!/bin/sh
# SPDX-License-Identifier: MIT
# sh compared.sh PROGRAM DOCUMENT: what the program finds is what the document shows. libwayland's row may be missing.
set -eu
found=$("$1") || {
	echo "$found"
	exit 1
}
shown=$(sed -n '/^pages that are there /,/^```/p' "$2" | grep -v '^```')
case $found in
*libwayland*) ;;
*) shown=$(echo "$shown" | grep -v '^libwayland') ;;
esac
[ "$found" = "$shown" ] && exit 0
printf '%s\n\nis not what %s shows:\n\n%s\n' "$found" "$2" "$shown"
exit 1

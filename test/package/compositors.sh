#!/bin/sh
# SPDX-License-Identifier: MIT
# sh compositors.sh SOURCE_DIRECTORY
#
# docs/compositors/matrix.txt is what table.awk makes of matrix.dat, which test-compositors has measured; no compositor
# that was guarded died or was wrong; and docs/compositors.md leads to both.
set -eu
cd "$1/docs/compositors"
status=0
awk -f "$1/test/wayland/roots/table.awk" matrix.dat | diff - matrix.txt || {
	echo 'docs/compositors/matrix.txt is not made of matrix.dat: awk -f test/wayland/roots/table.awk'
	status=1
}
awk '$4 == "guarded" { n++ }
	$4 == "guarded" && ($8 == "wrong" || $7 ~ /^(SIG|exit)/) { print "guarded, but:", $0; wrong = 1 }
	END { if (n < 100) { print "only", n + 0, "guarded cells"; wrong = 1 } exit wrong }' matrix.dat || status=1
for file in matrix.txt matrix.dat; do
	grep -q "(compositors/$file)" ../compositors.md || {
		echo "docs/compositors.md does not lead to $file"
		status=1
	}
done
exit $status

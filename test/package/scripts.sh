#!/bin/sh
# SPDX-License-Identifier: MIT
# What README's commands say to those for whom they can do nothing: each says what to do instead.
#   scripts.sh SOURCE CMAKE
set -u
source=$1
cmake=$2
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp -r "$source/cmake" "$work/cmake"
chmod -R a+rX "$work"

expect() { # what, text...
	what=$1
	shift
	for text; do
		if ! tr -s ' \n' '  ' <"$work/log" | grep -qF -- "$text"; then
			printf '%s: not found: %s\n' "$what" "$text"
			cat "$work/log"
			status=1
		fi
	done
}

# Nothing is there, and nobody installs it.
! PATH=$work "$cmake" -P "$work/cmake/demo.cmake" >"$work/log" 2>&1 || status=1
expect 'without packages' 'Missing: compiler, make, pkg-config, liburing, libseccomp.' \
	'I may not install anything here. As root:' 'liburing'

! PATH=$work "$cmake" -P "$work/cmake/docs.cmake" >"$work/log" 2>&1 || status=1
expect 'pages without packages' 'Missing: ' 'mandoc. I may not install anything here. As root:'

# On a system that is none of those that are known, the commands of all.
cat >"$work/elsewhere.cmake" <<END
include($work/cmake/dependencies.cmake)
function(find_distribution result)
  set(\${result} "" PARENT_SCOPE)
endfunction()
dependencies(liburing)
END
! PATH=$work "$cmake" -P "$work/elsewhere.cmake" >"$work/log" 2>&1 || status=1
expect 'elsewhere' 'apt-get install --no-install-recommends liburing-dev (Debian)' 'dnf install liburing-devel (Fedora)' \
	'pacman -S liburing (Arch)' 'apk add liburing-dev (Alpine)' 'zypper install liburing-devel (openSUSE)'

# A checkout of another user's.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	cat >"$work/build.cmake" <<END
include($work/cmake/dependencies.cmake)
build(demo)
END
	! setpriv --reuid 65534 --regid 65534 --clear-groups "$cmake" -P "$work/build.cmake" >"$work/log" 2>&1 || status=1
	expect 'not writable' "Cannot write to $work/build. Is this checkout another user's?"
fi
exit $status

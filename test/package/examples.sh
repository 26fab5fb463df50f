#!/bin/sh
# SPDX-License-Identifier: MIT
# sh examples.sh COMPILER INCLUDE_DIRECTORY WORK_DIRECTORY PAGE...
#
# What the manual pages show under EXAMPLES is compiled. In sections 3 and 7 each block (.Bd -literal) is C: one with an
# #include is a file; any other is the body of a function that returns int, behind the lines of prelude() below. In
# section 1, blocks and lines (.Dl) are for the shell, which looks whether they can be read. Each page of section 3 has
# an example, and its SYNOPSIS is compiled too: beside the header's, as declarations of the same functions.
set -eu
compiler=$1 include=$2 work=$3
shift 3
status=0

prelude() {
	cat <<- 'END'
		#include <errno.h>
		#include <stdint.h>
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		#include <uffd_guard.h>
		extern struct uffd_guard *guard;
		extern struct uffd_guard_region *region;
		extern int fd;
		extern size_t length;
		int example(void);
		int example(void)
		{
	END
}

# Into files $name.1, $name.2 ...
extract() { # page, name
	awk -v name="$2" '
		function text_of(line) {
			gsub(/\\e/, "\\", line)
			gsub(/\\&/, "", line)
			return line
		}
		/^\.Sh / { in_examples = $2 == "EXAMPLES" }
		!in_examples { next }
		/^\.Bd -literal/ { file = name "." ++n; printf "" > file; next }
		/^\.Ed/ { close(file); file = ""; next }
		/^\.Dl / { file = name "." ++n; print text_of(substr($0, 5)) > file; close(file); file = ""; next }
		file { print text_of($0) > file }' "$1"
}

declare_synopsis() { # page
	echo '#include <uffd_guard.h>'
	awk '
		/^\.Sh / { in_synopsis = $2 == "SYNOPSIS" }
		!in_synopsis { next }
		/^\.Ft / { type = substr($0, 5); gsub(/"/, "", type); next }
		/^\.F[on] / { name = $2; arguments = "" }
		/^\.Fn / { # each argument is in quotes
			n = split($0, parts, "\"")
			for (i = 2; i <= n; i += 2)
				add(parts[i])
		}
		/^\.Fa / { argument = substr($0, 5); gsub(/"/, "", argument); add(argument) }
		/^\.F[nc]/ { print type " " name "(" arguments ");" }
		function add(argument) { arguments = arguments (arguments == "" ? "" : ", ") argument }' "$1"
}

as_c() { # file
	if grep -q '^#include' "$1"; then
		cat "$1"
		return
	fi
	prelude
	cat "$1"
	printf 'return 0;\n}\n'
}

compile() { # file
	as_c "$1" > "$1.c"
	"$compiler" -std=c99 -Wall -Wextra -Werror -O1 "-I$include" -c "$1.c" -o "$1.o"
}

rm -rf "$work"
mkdir -p "$work"
for page; do
	name=$work/${page##*/}
	extract "$page" "$name"
	n=0
	for example in "$name".[0-9] "$name".[0-9][0-9]; do
		[ -e "$example" ] || continue
		n=$((n + 1))
		case $page in
			*.1) sh -n "$example" ;;
			*) compile "$example" ;;
		esac || {
			echo "$page: example $n is wrong: $example"
			status=1
		}
	done
	echo "${page##*/}: $n"
	case $page in *.3) ;; *) continue ;; esac
	[ "$n" -gt 0 ] || { echo "$page has no example"; status=1; }
	declare_synopsis "$page" > "$name.synopsis"
	compile "$name.synopsis" || { echo "$page: the SYNOPSIS is not what the header has"; status=1; }
done
exit "$status"

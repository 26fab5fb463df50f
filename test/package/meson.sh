#!/bin/sh
# SPDX-License-Identifier: MIT
# sh meson.sh SOURCE_DIRECTORY BUILD_DIRECTORY WORK_DIRECTORY COMPILER
#
# What README.md tells users of meson: the library as it is installed, found by pkg-config, and built from its source in
# subprojects/uffd_guard. The lines are README's own.
set -eu
source=$1 build=$2 work=$3
export CC="$4"

rm -rf "$work"
mkdir -p "$work/installed" "$work/built/subprojects"

# What stands between two fences.
fenced() { # language
	awk -v fence="\`\`\`$1" '$0 == "```" { is_in = 0 } is_in { print } $0 == fence { is_in = 1 }' "$source/README.md"
}

# In README: meson 1.3 or later builds it so, older ones otherwise.
can_build_by_wrap() {
	printf '1.3\n%s\n' "$(meson --version)" | sort -V -C
}

write_project() { # directory, line that finds the library
	cp "$source/test/package/consumer/consumer.c" "$1"
	cat > "$1/meson.build" <<- END
		project('consumer', 'c', default_options: ['werror=true'])
		$2
		executable('consumer', 'consumer.c', dependencies: uffd_guard)
	END
	cat "$1/meson.build"
}

run_project() { # directory, argument of meson setup...
	directory=$1
	shift
	meson setup "$directory/build" "$directory" "$@"
	meson compile -C "$directory/build"
	"$directory/build/consumer"
}

# ---- Installed ----

cmake --install "$build" --prefix "$work/prefix" > /dev/null
pkg_config_path=$(dirname "$(find "$work/prefix" -name uffd_guard.pc)")
write_project "$work/installed" "$(fenced meson)"
LD_LIBRARY_PATH=${pkg_config_path%/pkgconfig} run_project "$work/installed" "-Dpkg_config_path=$pkg_config_path"

# ---- Built from source ----

fenced ini > "$work/built/subprojects/uffd_guard.wrap"
ln -s "$source" "$work/built/subprojects/uffd_guard"
if can_build_by_wrap; then
	line=$(fenced meson)
else
	# shellcheck disable=SC2016 # not shell
	line="uffd_guard = $(sed -n 's/^Older ones do so by `\([^`]*\)`.*/\1/p' "$source/README.md")"
fi
write_project "$work/built" "$line"
run_project "$work/built"

# Neither tests nor programs of ours are built with the user's.
programs=$(find "$work/built/build" -name 'uffd-guard-*' -o -name 'unit_*')
if [ -n "$programs" ]; then
	echo "more than the library is built: $programs"
	exit 1
fi

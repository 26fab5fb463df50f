#!/bin/sh
# SPDX-License-Identifier: MIT
# sh headers.sh SOURCE_DIRECTORY COMPILER INCLUDE_DIRECTORY
#
# libuffd_guard_wl_shm.so and libuffd_guard_wayland.so compile with the headers of libwayland 1.21, and of 1.26: there
# getters take a const buffer, and wl_shm_buffer_ref() and wl_shm_buffer_unref() are declared. Both are made of the
# installed ones.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
getter='wl_shm_buffer_get_\(stride\|format\|width\|height\)'

compile() { # release, flag
	for file in "$1"/lib/wl_shm/base/*.c "$1"/lib/wl_shm/record/*.c "$1"/lib/wl_shm/content/*.c "$1"/lib/wl_shm/protocol/*.c \
		"$1"/lib/wl_shm/regions/*.c "$1"/lib/wl_shm/shadows/*.c; do
		case $file in */make_guard.c) continue ;; esac
		"$2" -std=c11 -D_GNU_SOURCE ${4:+"$4"} -Wall -Wextra -Wmissing-prototypes -Werror -fsyntax-only -I"$work/$3" \
			-I"$1/lib/wl_shm" -I"$1/include" "$file" || { echo "FAILED: $file with headers of $3"; status=1; }
	done
}

mkdir "$work/1.21" "$work/1.26"
for release in 1.21 1.26; do
	cp "$3"/wayland-server*.h "$3"/wayland-util.h "$3"/wayland-version.h "$work/$release"
	# A declaration is two lines: its type stands above its name.
	sed -i "s/^\($getter\)(const struct/\1(struct/
		/^\(void\|struct wl_shm_buffer \*\)\$/{N;/\nwl_shm_buffer_\(un\)\?ref(struct/d}" "$work/$release/wayland-server-core.h"
done
sed -i "s/^\($getter\)(struct/\1(const struct/" "$work/1.26/wayland-server-core.h"
cat >>"$work/1.26/wayland-server-core.h" <<'END'
struct wl_shm_buffer *wl_shm_buffer_ref(struct wl_shm_buffer *buffer);
void wl_shm_buffer_unref(struct wl_shm_buffer *buffer);
END
n=$(grep -c "^$getter(const struct" "$work/1.26/wayland-server-core.h") || true
[ "$n" -eq 4 ] || { echo "SKIP: the installed header has the getters in another shape"; exit 77; }
compile "$1" "$2" 1.21 ''
compile "$1" "$2" 1.26 -DWL_SHM_GETTERS_ARE_CONST
exit $status

/* SPDX-License-Identifier: MIT */
/*
 * libuffd_guard_wayland.so: for compositors on libwayland-server that have a wl_shm of their own.
 * It is made to be put in front of a program with LD_PRELOAD; a program that links to it calls this
 * instead. uffd_guard_wayland(7) says what it does.
 */
#ifndef UFFD_GUARD_WAYLAND_H
#define UFFD_GUARD_WAYLAND_H

#ifdef __cplusplus
extern "C" {
#endif

struct wl_display;

/**
 * Guard the clients of a display from now on, or leave it alone. Call it on the thread that serves
 * clients, before the first of them comes.
 *
 * @param display from wl_display_create(), which guards it already if it is this library's. NULL:
 * only test whether displays can be guarded here
 * @param is_guarded 1 or 0
 * @return 0, or a negative errno: -ENOTSUP displays cannot be guarded here, and standard error says
 * why; -EBUSY left alone too late, there are pools; -ENOMEM
 */
__attribute__((visibility("default"))) int uffd_guard_wayland_set_guarded(
	struct wl_display *display, int is_guarded);

#ifdef __cplusplus
}
#endif

#endif

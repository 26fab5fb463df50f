/* SPDX-License-Identifier: MIT */
/* A graphics driver as far as run.sh is concerned: it needs libwayland-server. */
#include <wayland-server.h>

struct wl_display *driver_display(void);

__attribute__((visibility("default"))) struct wl_display *driver_display(void)
{
	return wl_display_create();
}

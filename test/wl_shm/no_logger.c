/* SPDX-License-Identifier: MIT */
/* In front of libwayland-server: it takes protocol loggers, and never calls them. So a release of
 * libwayland would look that tells of requests no more, or too late. */
#include <wayland-server-core.h>

struct wl_protocol_logger {
	char unused;
};

WL_EXPORT struct wl_protocol_logger *wl_display_add_protocol_logger(
	struct wl_display *display, wl_protocol_logger_func_t function, void *data)
{
	static struct wl_protocol_logger logger;
	(void)display, (void)function, (void)data;
	return &logger;
}

WL_EXPORT void wl_protocol_logger_destroy(struct wl_protocol_logger *logger)
{
	(void)logger;
}

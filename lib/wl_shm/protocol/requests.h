/* SPDX-License-Identifier: MIT */
/*
 * protocol/: what clients do with surfaces and buffers, whoever made these. All of it runs on the
 * display's thread, and no lock is held.
 */
#pragma once

#include <wayland-server.h>

/* A wl_protocol_logger_func_t: sees each request before the compositor does. @data is a struct
 * shm_display. */
void requests_on_message(void *data, enum wl_protocol_logger_type type,
	const struct wl_protocol_logger_message *message);

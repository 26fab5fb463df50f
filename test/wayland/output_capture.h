/* SPDX-License-Identifier: MIT */
/* Pictures as Weston 12 and later take them: the compositor says what buffer it wants, the client
 * asks for a picture into it. */
#pragma once

#include "client.h"

struct output_capture {
	struct client *client;
	struct weston_capture_source_v1 *source;
	int32_t width, height;
	uint32_t format; /* wl_shm's */
	bool is_over, has_failed;
};

/* With what the buffer has to be. */
int output_capture_init(struct output_capture *capture, struct client *client);
/* Until the picture is there. -EIO: the compositor refused. */
int output_capture_take(struct output_capture *capture, struct wl_buffer *buffer);
void output_capture_finish(struct output_capture *capture);

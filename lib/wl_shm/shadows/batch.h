/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/display.h"

/* The requests that the event loop hands over in one turn. */
struct batch {
	struct shm_display *display;
	struct wl_listener display_destroy;
	uint32_t number;
	struct wl_event_source *end; /* NULL if nobody has asked for the number */
};

/* 0 or -ENOMEM. It ends with the display. */
int batch_start(struct shm_display *display);

/* The number of the current batch; not 0. */
uint32_t batch_number(struct shm_display *display);

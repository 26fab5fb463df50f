/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* A buffer has one reference of its resource, one of each access, and those of wl_shm_buffer_ref().
 * Any thread. */
void buffer_ref(struct wl_shm_buffer *buffer);

/* The last one destroys the buffer: at once on the display's thread; on any other one, from there
 * at the next request. Not under pool->lock. */
void buffer_unref(struct wl_shm_buffer *buffer);

/* Destroy buffers whose last reference was given up on other threads. Display's thread. */
void buffers_bury_dead(struct shm_display *display);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Count these bytes as copied. Under pool->lock. Any thread. */
void memory_count_bytes(struct wl_shm_pool *pool, struct byte_range range);

/* Count all of @buffer as copied. Under pool->lock. Any thread. */
void memory_count_buffer(struct wl_shm_buffer *buffer);

/* Clear is_filled, and make all of @buffer stale, if some of it was discarded. Under pool->lock.
 * Any thread. */
void memory_find_discarded(struct wl_shm_buffer *buffer);

/* Call before @buffer is filled: if its program has too many copies that are not in use, discard
 * those; if it has too many in use, disconnect the client. Not under pool->lock. Does nothing on
 * other threads than the display's. */
void memory_make_room(struct wl_shm_buffer *buffer);

/* True if the client will be disconnected anyway, and nothing more is to be copied for it. */
bool memory_is_refused(const struct wl_shm_buffer *buffer);

/* Discard all copies in @pool if it has no buffers, nor anything that these have left, and the
 * compositor no reference to it. */
void memory_drop_if_idle(struct wl_shm_pool *pool);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Count all of @buffer as copied. Under pool->lock. Any thread. */
void memory_count_buffer(struct wl_shm_buffer *buffer);

/* Call before @buffer is filled: if its client has too many copies, discard unused ones. Not under
 * pool->lock. Does nothing on other threads than the display's. */
void memory_make_room(struct wl_shm_buffer *buffer);

/* Discard all copies in @pool that are in no use. */
void memory_discard_unused(struct wl_shm_pool *pool);

/* Discard all copies in @pool if it has no buffers, and the compositor no reference to it. */
void memory_drop_if_idle(struct wl_shm_pool *pool);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Count all of @buffer as copied. Under pool->lock. */
void memory_count_buffer(struct wl_shm_buffer *buffer);

/* @buffer is about to be read: before that, what its client holds too much of goes. Not under
 * pool->lock; nothing if this is not the display's thread. */
void memory_make_room(struct wl_shm_buffer *buffer);

/* What is a copy in @pool and in no use. */
void memory_discard_unused(struct wl_shm_pool *pool);

/* Give back all copies of @pool, if it has no buffers and the compositor no reference to it. */
void memory_drop_if_idle(struct wl_shm_pool *pool);

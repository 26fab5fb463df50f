/* SPDX-License-Identifier: MIT */
#pragma once

#include "buffer.h"

/* All of @buffer is about to be copied. Under pool->lock. */
void memory_take(struct wl_shm_buffer *buffer);

/* @buffer is about to be read: before that, what its client holds too much of goes. Not under
 * pool->lock; nothing if this is not the display's thread. */
void memory_make_room(struct wl_shm_buffer *buffer);

/* What is a copy in @pool and in no use. */
void memory_give_back(struct wl_shm_pool *pool);

/* @pool is about to be unmapped. */
void memory_leave(struct wl_shm_pool *pool);

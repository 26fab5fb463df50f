/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Bytes that cost as much as to bring over @damage; never more than all of the buffer, and that if
 * it is not in rows of pixels. */
uint64_t rows_cost(const struct wl_shm_buffer *buffer, const struct damage *damage);

/* True if all bytes of @buffer are those of its pixels: none between rows, where another buffer may
 * have its own. */
bool rows_are_dense(const struct wl_shm_buffer *buffer);

/* The bytes of the pixels in @damage, which costs less than the whole buffer. Answers how many. */
unsigned rows_of_damage(const struct wl_shm_buffer *buffer, const struct damage *damage,
	struct uffd_guard_rect rects[DAMAGE_RECTS]);

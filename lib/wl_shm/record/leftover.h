/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* What is known of the bytes of a buffer that is destroyed: a buffer that the client lays over them
 * then needs no more than what has changed. */
struct leftover {
	struct wl_list link;	  /* wl_shm_pool.leftovers; an empty list: the pool is gone */
	struct wl_shm_pool *pool; /* while link is not empty */
	struct buffer_layout layout;
	struct damage owed, stale;
	uint32_t filled_at;
	unsigned n_distrusts;
	uint64_t brought_at;
};

/* What @buffer leaves: NULL, unless all of it is as it was committed; or without memory. */
struct leftover *leftover_of(struct wl_shm_buffer *buffer);

/* True if @buffer, which was not shown so far, goes on where the one before has ended. @leftover
 * may be NULL. */
bool leftover_give(const struct leftover *leftover, struct wl_shm_buffer *buffer);

/* NULL is a no-op. */
void leftover_destroy(struct leftover *leftover);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* What is known of the bytes of a buffer that is destroyed: a buffer that the client lays over them
 * then needs no more than what has changed. */
struct leftover {
	struct wl_list link;	  /* wl_shm_pool.leftovers; an empty list: there is nothing */
	struct wl_shm_pool *pool; /* while link is not empty */
	struct buffer_layout layout;
	struct damage owed, stale;
	uint32_t filled_at;
	unsigned n_distrusts;
	uint64_t brought_at;
};

void leftover_init(struct leftover *leftover);
bool leftover_is_empty(const struct leftover *leftover);

/* Note what @buffer leaves: nothing, unless all of it is as it was committed. */
void leftover_take(struct leftover *leftover, struct wl_shm_buffer *buffer);

/* True if @buffer, which was not shown so far, goes on where the one before has ended. */
bool leftover_give(struct leftover *leftover, struct wl_shm_buffer *buffer);

/* @to was empty, and @from is. */
void leftover_move(struct leftover *to, struct leftover *from);
void leftover_drop(struct leftover *leftover);

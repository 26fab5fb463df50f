/* SPDX-License-Identifier: MIT */
/*
 * content/: what copies may cost, how a pool's file is mapped, and what becomes of losses. Any
 * thread may call it, unless a function says that it does nothing there. wl_shm_pool.lock is taken
 * here, and not held by callers, unless a function says otherwise.
 */
#pragma once

#include "record/buffer.h"

/* A wl_event_loop_fd_func_t for uffd_guard_get_fd(); @data is a struct shm_display. */
int losses_on_readable(int fd, uint32_t mask, void *data);

/* What was stored to @buffer has not reached its file. The client is told by the next
 * losses_deliver_now() of the pool. Under pool->lock. Any thread. */
void losses_note_stores(struct wl_shm_buffer *buffer, int err);

/* Deliver the losses of the guard now, if @pool has some and this is the display's thread.
 * Otherwise losses_on_readable() will. Not under pool->lock. Any thread. */
void losses_deliver_now(struct wl_shm_pool *pool);

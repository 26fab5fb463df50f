/* SPDX-License-Identifier: MIT */
/*
 * regions/: the wl_shm of libwayland, with regions of the guard in place of mappings. All of it
 * runs on the display's thread; load.c runs when the library is loaded and unloaded.
 * wl_shm_buffer_begin_access(), end_access() and get_data() may be called on any other thread too,
 * and so do what they call here. wl_shm_pool.lock is taken here, and not held by callers, unless a
 * function says otherwise.
 */
#pragma once

#include "record/buffer.h"

/* A commit shows @buffer, of which @due has changed since it was shown last. Refresh that now if
 * the compositor has the data pointer. False if the client's allowance is spent: call
 * access_catch_up() later. */
bool access_take_commit(struct wl_shm_buffer *buffer, const struct damage *due);

/* The compositor tells the client that it may draw to @buffer again. */
void access_note_release(struct wl_shm_buffer *buffer);

/* The client will hear that a screenshot is in @buffer. An error is posted before if it is not. */
void access_note_ready(struct wl_shm_buffer *buffer);

/* Call before the resource of @buffer is destroyed: if it is shown and was not released, what was
 * left to faults is brought over. */
void access_complete(struct wl_shm_buffer *buffer);

/* Refresh what access_take_commit() could not. False if the allowance is spent again. */
bool access_catch_up(struct wl_shm_buffer *buffer);

/* The same, whatever the allowance is. Losses are not delivered. */
void access_catch_up_now(struct wl_shm_buffer *buffer);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Bring buffer->stale over to the shadow. False if the allowance of the client's program is spent.
 * Not under pool->lock. */
bool copy_stale(struct wl_shm_buffer *buffer);

/* The same for what a commit has changed. */
bool copy_changed(struct wl_shm_buffer *buffer, const struct damage *changed);

/* The same for all of it, which the client may have changed without saying so. */
bool copy_all(struct wl_shm_buffer *buffer);

/* Nothing of it: the compositor will store to all of it. */
void copy_nothing(struct wl_shm_buffer *buffer);

/* Find out whether the file has the last page of @buffer, and tell the client if not. */
void copy_probe(struct wl_shm_buffer *buffer);

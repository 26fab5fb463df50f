/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* A commit shows @buffer, of which @changed has changed since it was shown last. False: the client
 * cannot afford that now, and it must be made up for. */
bool access_take_commit(struct wl_shm_buffer *buffer, const struct damage *changed);

/* What was too much at a commit. False: it still is. */
bool access_catch_up(struct wl_shm_buffer *buffer);
void access_catch_up_now(struct wl_shm_buffer *buffer);

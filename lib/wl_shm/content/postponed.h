/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Refresh @buffer from a timer, when its client may spend again. Display's thread. */
void postponed_add(struct wl_shm_buffer *buffer);

/* Call before the resource of @buffer is destroyed. Display's thread. */
void postponed_remove(struct wl_shm_buffer *buffer);

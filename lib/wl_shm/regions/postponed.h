/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Refresh @buffer from a timer, when its client may spend again. Display's thread. */
void postponed_add(struct wl_shm_buffer *buffer);

/* Call before the resource of @buffer is destroyed: if the compositor has a reference to it or to
 * its pool, and so may still read it, it is refreshed now. Display's thread. */
void postponed_buffer_destroyed(struct wl_shm_buffer *buffer);

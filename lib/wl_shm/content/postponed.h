/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Later @buffer is brought up to date, when its client may spend again. On the display's thread. */
void postponed_add(struct wl_shm_buffer *buffer);

/* @buffer goes: what somebody may read of it even then is brought up to date now. */
void postponed_buffer_destroyed(struct wl_shm_buffer *buffer);

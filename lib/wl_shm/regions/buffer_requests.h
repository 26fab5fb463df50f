/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* wl_shm_pool.create_buffer. A failure is posted as an error. */
void buffer_requests_create(struct wl_client *wl_client, struct wl_shm_pool *pool, uint32_t id,
	const struct buffer_layout *layout);

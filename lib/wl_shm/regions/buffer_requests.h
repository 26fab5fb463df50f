/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* A wl_shm_pool of a client: the first bytes of a pool, which those of the same file share. */
struct pool_object {
	struct wl_resource *resource;
	struct wl_shm_pool *pool;
	int32_t size;
};

/* wl_shm_pool.create_buffer. A failure is posted as an error. */
void buffer_requests_create(struct wl_client *wl_client, const struct pool_object *object,
	uint32_t id, const struct buffer_layout *layout);

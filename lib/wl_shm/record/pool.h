/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/client.h"

struct wl_shm_pool {
	struct wl_resource *resource; /* NULL after wl_shm_pool.destroy */
	struct shm_client *client;
	struct uffd_guard_region *region;
	int32_t size;
	size_t reserve;		/* bytes of address space; zeros behind size */
	bool is_direct;		/* the region is the client's memory itself, not a copy */
	struct wl_list link;	/* shm_client.pools */
	struct wl_list buffers; /* struct wl_shm_buffer.link */
	unsigned references;	/* one of the resource, of each buffer, and compositor_references */
	unsigned compositor_references; /* of wl_shm_buffer_ref_pool() */
	pthread_mutex_t lock; /* the content of its buffers; the library is called with it */

	/* Under the lock. */
	uint64_t filled;      /* upper bound of the bytes that are copies */
	unsigned n_distrusts; /* reads that timed out: what buffers show since may be zeros */
	uint64_t kept_start, kept_end; /* bytes that the compositor has a reference for; or 0, 0 */
};

/* Create a pool with one reference, without resource and region. NULL without memory. */
struct wl_shm_pool *pool_create(struct shm_client *client, int32_t size);
void pool_unref(struct wl_shm_pool *pool);

/* Set pool->filled, and change the sum of its client. Under pool->lock, or without other
 * references. */
void pool_count_filled(struct wl_shm_pool *pool, uint64_t filled);

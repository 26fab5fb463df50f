/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/client.h"

struct wl_shm_pool {
	struct wl_resource *resource; /* NULL once destroyed */
	struct shm_client *client;
	struct uffd_guard_region *region;
	int32_t size;
	size_t reserve;	     /* bytes of address space; what lies behind the size reads as zeros */
	bool is_direct;	     /* the client's memory itself, all of it */
	struct wl_list link; /* in client->pools */
	struct wl_list buffers;		/* struct wl_shm_buffer.link */
	unsigned references;		/* the resource's, each buffer's, and: */
	unsigned compositor_references; /* wl_shm_buffer_ref_pool() */
	pthread_mutex_t lock;		/* the content of its buffers; taken before the library's */

	/* Under the lock. */
	uint64_t filled; /* bytes that are copies, or fewer are */
	uint64_t kept_start,
		kept_end; /* bytes of the buffers that the compositor has a reference for */
};

/* With one reference, without resource and region; NULL without memory. */
struct wl_shm_pool *pool_create(struct shm_client *client, int32_t size);
void pool_unref(struct wl_shm_pool *pool);

/* Under the lock, or with the last reference: @filled bytes of it are copies, for the client too.
 */
void pool_count_filled(struct wl_shm_pool *pool, uint64_t filled);

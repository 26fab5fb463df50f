/* SPDX-License-Identifier: MIT */
/* The record of a pool. It lives until its resource, its buffers and the compositor have all given
 * up their references. */
#include "record/pool.h"

#include <stdlib.h>

struct wl_shm_pool *pool_create(struct shm_client *client, int32_t size)
{
	struct wl_shm_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	*pool = (struct wl_shm_pool){
		.client = client_ref(client),
		.size = size,
		.references = 1,
	};
	client->program->n_pools++;
	client->display->n_pools++;
	wl_list_init(&pool->buffers);
	wl_list_insert(&client->pools, &pool->link);
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void pool_count_filled(struct wl_shm_pool *pool, uint64_t filled)
{
	atomic_fetch_add(&pool->client->filled, filled - pool->filled);
	pool->filled = filled;
}

static void pool_destroy(struct wl_shm_pool *pool)
{
	uffd_guard_unmap(pool->region);
	pool_count_filled(pool, 0);
	wl_list_remove(&pool->link);
	pthread_mutex_destroy(&pool->lock);
	pool->client->program->n_pools--;
	pool->client->display->n_pools--;
	client_unref(pool->client);
	free(pool);
}

void pool_unref(struct wl_shm_pool *pool)
{
	if (--pool->references == 0)
		pool_destroy(pool);
}

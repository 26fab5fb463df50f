/* SPDX-License-Identifier: MIT */
/* The record of a pool. It lives until its resource, its buffers and the compositor have all given
 * up their references. */
#include "record/pool.h"

#include "record/back.h"

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
		.fd = -1,
	};
	pool_add_descriptor(pool);
	wl_list_init(&pool->buffers);
	wl_list_init(&pool->reclaimable);
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void pool_add_descriptor(struct wl_shm_pool *pool)
{
	pool->n_descriptors++;
	pool->client->program->n_pools++;
	pool->client->display->n_pools++;
}

static void charge(struct wl_shm_pool *pool, uint64_t in_use, uint64_t unused)
{
	struct memory_account *account = &pool->client->program->memory;
	atomic_fetch_add(&account->in_use, in_use - pool->counted_in_use);
	atomic_fetch_add(&account->unused, unused - pool->counted_unused);
	pool->counted_in_use = in_use;
	pool->counted_unused = unused;
}

static void enlist(struct wl_shm_pool *pool, bool is_reclaimable)
{
	struct memory_account *account = &pool->client->program->memory;
	pthread_mutex_lock(&account->lock);
	if (is_reclaimable == wl_list_empty(&pool->reclaimable)) {
		wl_list_remove(&pool->reclaimable);
		wl_list_init(&pool->reclaimable);
		if (is_reclaimable)
			wl_list_insert(&account->reclaimable, &pool->reclaimable);
	}
	pthread_mutex_unlock(&account->lock);
}

void pool_count_blocks(struct wl_shm_pool *pool)
{
	const struct blocks *blocks = &pool->blocks;
	const uint64_t unused = blocks->n_unused * blocks->size,
		       in_use = blocks->n_filled * blocks->size - unused;
	if (in_use == pool->counted_in_use && unused == pool->counted_unused)
		return;
	charge(pool, in_use, unused);
	enlist(pool, unused > 0);
}

void pool_forget_blocks(struct wl_shm_pool *pool)
{
	blocks_finish(&pool->blocks);
	pool_count_blocks(pool);
}

void pool_touch(struct wl_shm_pool *pool)
{
	struct memory_account *account = &pool->client->program->memory;
	pthread_mutex_lock(&account->lock);
	if (!wl_list_empty(&pool->reclaimable)) {
		wl_list_remove(&pool->reclaimable);
		wl_list_insert(&account->reclaimable, &pool->reclaimable);
	}
	pthread_mutex_unlock(&account->lock);
}

static void pool_destroy(struct wl_shm_pool *pool)
{
	const struct back *back = pool->client->display->back;
	if (back->pool_destroyed)
		back->pool_destroyed(pool);
	uffd_guard_unmap(pool->region);
	charge(pool, 0, 0);
	enlist(pool, false);
	blocks_finish(&pool->blocks);
	pthread_mutex_destroy(&pool->lock);
	pool->client->program->n_pools -= pool->n_descriptors;
	pool->client->display->n_pools -= pool->n_descriptors;
	client_unref(pool->client);
	free(pool);
}

void pool_unref(struct wl_shm_pool *pool)
{
	if (--pool->references == 0)
		pool_destroy(pool);
}

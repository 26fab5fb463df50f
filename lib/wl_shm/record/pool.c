/* SPDX-License-Identifier: MIT */
/* The record of a pool. It lives until its objects, its buffers and the compositor have all given
 * up their references. */
#include "record/pool.h"

#include "base/close_aside.h"
#include "record/back.h"

#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>

struct wl_shm_pool *pool_create(struct shm_client *client, int32_t size)
{
	struct wl_shm_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	*pool = (struct wl_shm_pool){
		.client = client_ref(client),
		.size = size,
		.n_resources = 1,
		.references = 1,
		.fd = -1,
	};
	pool_add_descriptor(pool);
	wl_list_init(&pool->buffers);
	wl_list_init(&pool->leftovers);
	wl_list_init(&pool->reclaimable);
	wl_list_init(&pool->unsealed);
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

/* A page table has the size of a page, and addresses for so many. It stays when these are given
 * back. */
#define PAGES_OF_A_TABLE 512

void pool_count_blocks(struct wl_shm_pool *pool)
{
	const struct blocks *blocks = &pool->blocks;
	const uint64_t unused = blocks->n_unused * blocks->size,
		       tables = blocks->n_ever_filled * blocks->size / PAGES_OF_A_TABLE,
		       in_use = blocks->n_filled * blocks->size - unused + tables;
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

/* ---- Which pools are of one file ----
 *
 * Memory only (memfd, tmpfs): the kernel numbers its inodes, and a number is not used again while a
 * pool has the file open. A server of FUSE may give one number to two files. */

static int compare_files(const void *a, const void *b)
{
	const struct wl_shm_pool *one = a, *other = b;
	if (one->file.device != other->file.device)
		return one->file.device < other->file.device ? -1 : 1;
	if (one->file.inode != other->file.inode)
		return one->file.inode < other->file.inode ? -1 : 1;
	return 0;
}

static bool identify(int fd, struct file_identity *file)
{
	struct stat st;
	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0)
		return false;
	*file = (struct file_identity){ .device = st.st_dev, .inode = st.st_ino };
	return true;
}

struct wl_shm_pool *pool_of_file(const struct shm_client *client, int fd)
{
	struct wl_shm_pool key;
	if (!client->pools_by_file || !identify(fd, &key.file))
		return NULL;
	struct wl_shm_pool *const *found = tfind(&key, &client->pools_by_file, compare_files);
	return found ? *found : NULL;
}

void pool_add_file(struct wl_shm_pool *pool, int fd)
{
	void **root = &pool->client->pools_by_file;
	if (!identify(fd, &pool->file))
		return;
	struct wl_shm_pool *const *found = tsearch(pool, root, compare_files);
	if (!found || *found != pool)
		pool->file = (struct file_identity){ 0 };
}

static void pool_remove_file(struct wl_shm_pool *pool)
{
	if (pool->file.inode != 0)
		tdelete(pool, &pool->client->pools_by_file, compare_files);
	pool->file = (struct file_identity){ 0 };
}

bool pool_is_sealed(const struct wl_shm_pool *pool)
{
	const int seals = fcntl(uffd_guard_region_get_fd(pool->region), F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_SHRINK;
}

/* ---- Destruction ---- */

/* Whoever seals the file for us may wait for its client still. */
static void leave_unsealed(struct wl_shm_pool *pool)
{
	if (wl_list_empty(&pool->unsealed))
		return;
	wl_list_remove(&pool->unsealed);
	pool->client->program->n_left_unsealed += !pool_is_sealed(pool);
}

static void forget_leftovers(struct wl_shm_pool *pool)
{
	while (!wl_list_empty(&pool->leftovers)) {
		struct wl_list *link = pool->leftovers.next;
		wl_list_remove(link);
		wl_list_init(link);
	}
}

/* The client may have given its memory up already: then it is freed here, and how large it is the
 * client decides. */
static void unmap(const struct wl_shm_pool *pool)
{
	struct uffd_guard_region *region = pool->region;
	const uint64_t owner = program_as_owner(pool->client->program);
	const int held = region ? close_aside_hold(uffd_guard_region_get_fd(region), owner) : -1;
	uffd_guard_unmap(region);
	close_aside_release(held, owner);
}

static void pool_destroy(struct wl_shm_pool *pool)
{
	const struct back *back = pool->client->display->back;
	if (back->pool_destroyed)
		back->pool_destroyed(pool);
	pool_remove_file(pool);
	leave_unsealed(pool);
	forget_leftovers(pool);
	unmap(pool);
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

/* SPDX-License-Identifier: MIT */
/*
 * Pools: mapping a client's file, and resizing it. And the references of a compositor.
 *
 * A pool has one region of the guard for its whole life. It reserves so many addresses that no
 * resize moves the data, and that reads behind the end (of planes that libwayland does not count)
 * find zeros.
 *
 * A client that makes several pools of one file has one region for all of them, and one copy of
 * what they show, as if it had made one pool of the largest size: each pool it has is a struct
 * pool_object, with the size that its own buffers must keep to.
 */
#include "regions/pool_requests.h"

#include "base/log.h"
#include "base/settings.h"
#include "base/shm_stats.h"
#include "content/losses.h"
#include "content/memory.h"
#include "content/pool_map.h"
#include "record/descriptors.h"
#include "regions/buffer_requests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((int32_t)2 << 20)

/* The library does not ask for huge pages in regions with MAP_WRITE: a store to a page that was
 * never read would fill a huge one. Here buffer_fill() reads all pages before any store. */
static void allow_huge_pages(const struct wl_shm_pool *pool)
{
	if (pool->size >= HUGE_PAGE && uffd_guard_region_mode(pool->region) == UFFD_GUARD_MODE_LAZY)
		madvise(uffd_guard_region_data(pool->region), (size_t)pool->size, MADV_HUGEPAGE);
}

static void pool_on_resource_destroy(struct wl_resource *resource)
{
	struct pool_object *object = wl_resource_get_user_data(resource);
	object->pool->n_resources--;
	pool_unref(object->pool);
	free(object);
}

/* Whether the file is safe to show as it is. Bytes behind its end never are, and is_direct is about
 * all of the pool. */
static void judge_again(struct wl_shm_pool *pool)
{
	pool->is_direct = settings()->map_flags & UFFD_GUARD_MAP_DIRECT &&
			  uffd_guard_region_make_direct(pool->region, 0) == 1;
	pool->awaits_seal &= !pool->is_direct;
	if (pool->is_direct)
		pool_forget_blocks(pool);
}

/* True if the guard was told to seal the file, and has not waited until that was done. */
static bool may_be_sealed_later(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	return settings()->map_flags & UFFD_GUARD_MAP_SEAL && seals >= 0 && !(seals & F_SEAL_SEAL);
}

static int pool_grow(struct wl_shm_pool *pool, int32_t size)
{
	if (size <= pool->size)
		return 0;
	pthread_mutex_lock(&pool->lock);
	int err = uffd_guard_resize(pool->region, (size_t)size);
	if (!err) {
		pool->size = size;
		judge_again(pool);
		allow_huge_pages(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool); /* as in pool_open() */
	return err;
}

/* ---- Requests ---- */

static void pool_request_create_buffer(struct wl_client *wl_client, struct wl_resource *resource,
	uint32_t id, int32_t offset, int32_t width, int32_t height, int32_t stride, uint32_t format)
{
	const struct buffer_layout layout = { offset, width, height, stride, format };
	const struct pool_object *object = wl_resource_get_user_data(resource);
	struct wl_shm_pool *pool = object->pool;
	/* Later, somebody may store to what is not the client's memory yet. */
	if (pool->awaits_seal && wl_list_empty(&pool->buffers)) {
		pthread_mutex_lock(&pool->lock);
		judge_again(pool);
		pthread_mutex_unlock(&pool->lock);
	}
	buffer_requests_create(wl_client, object, id, &layout);
}

static void pool_request_destroy(struct wl_client *wl_client, struct wl_resource *resource)
{
	(void)wl_client;
	wl_resource_destroy(resource);
}

static void pool_request_resize(
	struct wl_client *wl_client, struct wl_resource *resource, int32_t size)
{
	struct pool_object *object = wl_resource_get_user_data(resource);
	(void)wl_client;
	if (size < object->size) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD, "shrinking pool invalid");
		return;
	}
	int err = pool_grow(object->pool, size);
	if (!err)
		object->size = size;
	else
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_FD, "failed resize: %s", strerror(-err));
}

static const struct wl_shm_pool_interface implementation = {
	.create_buffer = pool_request_create_buffer,
	.destroy = pool_request_destroy,
	.resize = pool_request_resize,
};

/* ---- Mapping ---- */

static int pool_open(struct wl_shm_pool *pool, int fd)
{
	int err = pool_map(pool, fd, settings()->map_flags);
	if (err)
		return err;

	enum uffd_guard_mode mode = uffd_guard_region_mode(pool->region);
	pool->is_direct = mode == UFFD_GUARD_MODE_DIRECT;
	pool->awaits_seal = !pool->is_direct && may_be_sealed_later(fd);
	if (!pool->is_direct)
		pool_add_file(pool, fd);
	allow_huge_pages(pool);
	shm_stats_add(&shm_stats()->pools[mode], 1);
	/* In mode EAGER uffd_guard_map() has reported what the file lacks. Deliver that now, while
	 * there is no buffer to blame: the file may still grow before there is one. */
	losses_deliver_now(pool);
	return 0;
}

/* ---- Creation ---- */

static void pool_refuse(struct wl_resource *shm, int fd, int err)
{
	if (err == -EMFILE || err == -ENFILE)
		wl_resource_post_no_memory(shm);
	else
		wl_resource_post_error(
			shm, WL_SHM_ERROR_INVALID_FD, "failed mmap fd %d: %s", fd, strerror(-err));
	if (err == -EIO)
		shm_log("a client's pool is refused: the guard has given up");
}

/* One more object of the pool that the client has of this file already. NULL if there is none, or
 * it has no addresses for so much. */
static struct wl_shm_pool *pool_join(const struct shm_client *client, int fd, int32_t size)
{
	struct wl_shm_pool *pool = pool_of_file(client, fd);
	if (!pool || pool_grow(pool, size))
		return NULL;
	pool->references++;
	pool->n_resources++;
	return pool;
}

static struct wl_shm_pool *pool_open_new(struct shm_client *client, int fd, int32_t size, int *err)
{
	*err = -ENFILE;
	struct wl_shm_pool *pool =
		descriptors_allow_pool(client, fd) ? pool_create(client, size) : NULL;
	if (!pool)
		return NULL;
	*err = pool_open(pool, fd);
	if (!*err)
		return pool;
	pool->n_resources = 0;
	pool_unref(pool);
	return NULL;
}

/* True if @object has got a pool. A failure is posted as an error. */
static bool object_find_pool(struct pool_object *object, struct wl_resource *shm, int fd)
{
	struct shm_client *client = client_of(wl_resource_get_client(shm));
	int err = client ? pool_check_writable(fd) : -ENFILE;
	if (!err)
		object->pool = pool_join(client, fd, object->size);
	if (!err && !object->pool)
		object->pool = pool_open_new(client, fd, object->size, &err);
	if (!object->pool)
		pool_refuse(shm, fd, err);
	return object->pool;
}

void pool_requests_create(
	struct wl_client *wl_client, struct wl_resource *shm, uint32_t id, int fd, int32_t size)
{
	struct pool_object *object = calloc(1, sizeof(*object));
	if (!object) {
		wl_client_post_no_memory(wl_client);
		return;
	}
	object->size = size;
	if (!object_find_pool(object, shm, fd)) {
		free(object);
		return;
	}
	object->resource = wl_resource_create(
		wl_client, &wl_shm_pool_interface, wl_resource_get_version(shm), id);
	if (!object->resource) {
		wl_client_post_no_memory(wl_client);
		object->pool->n_resources--;
		pool_unref(object->pool);
		free(object);
		return;
	}
	wl_resource_set_implementation(
		object->resource, &implementation, object, pool_on_resource_destroy);
}

/* ---- The compositor's references ---- */

static struct byte_range joined(struct byte_range a, struct byte_range b)
{
	return (struct byte_range){ a.start < b.start ? a.start : b.start,
		a.end > b.end ? a.end : b.end };
}

static void pool_set_kept(struct wl_shm_pool *pool, struct byte_range range)
{
	const bool is_first = pool->kept.end == 0, is_last = range.end == 0;
	pthread_mutex_lock(&pool->lock);
	if (!is_first)
		blocks_remove_user(&pool->blocks, pool->kept);
	pool->kept = is_first || is_last ? range : joined(pool->kept, range);
	if (!is_last)
		blocks_add_user(&pool->blocks, pool->kept);
	pool_count_blocks(pool);
	pthread_mutex_unlock(&pool->lock);
}

WL_EXPORT struct wl_shm_pool *wl_shm_buffer_ref_pool(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	pool_set_kept(pool, buffer_range(buffer));
	pool->references++;
	pool->compositor_references++;
	return pool;
}

WL_EXPORT void wl_shm_pool_unref(struct wl_shm_pool *pool)
{
	if (--pool->compositor_references == 0)
		pool_set_kept(pool, (struct byte_range){ 0, 0 });
	memory_drop_if_idle(pool);
	pool_unref(pool);
}

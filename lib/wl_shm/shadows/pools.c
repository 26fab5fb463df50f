/* SPDX-License-Identifier: MIT */
/*
 * Pools and buffers that a compositor makes by itself, as seen by the protocol logger.
 *
 * The logger sees a request before its handler, so the object that was asked for is not there yet.
 * It is looked for at the client's next request. If the compositor has refused it, the record goes.
 */
#include "shadows/pools.h"

#include "base/close_aside.h"
#include "base/settings.h"
#include "base/shm_stats.h"
#include "content/loans.h"
#include "content/memory.h"
#include "content/pool_map.h"
#include "content/postponed.h"
#include "record/client.h"
#include "record/descriptors.h"
#include "record/surface.h"
#include "shadows/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- The file. A look at its length may wait for a client, unless it has seals. ---- */

/* True if reads from a mapping can never fail. Not so on hugetlbfs, which may have no page left. */
static bool is_safe(int fd, int32_t size)
{
	struct statfs system;
	struct stat file;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_SHRINK && fstat(fd, &file) == 0 &&
	       file.st_size >= size && fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

static enum shadow_rights rights_of(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return SHADOW_READ_ONLY;
	return seals > 0 && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? SHADOW_SEALED_WRITE
									 : SHADOW_WRITE;
}

/* ---- Creation ---- */

static int keep_file(struct wl_shm_pool *pool, int fd)
{
	pool->is_direct = true;
	pool->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return pool->fd < 0 ? -errno : 0;
}

/* What it has of an earlier pool counts as unused until a buffer is shown there. A graphics card
 * may go on to see what is given back, so nothing is. */
static void count_memory(struct wl_shm_pool *pool)
{
	const struct byte_range all = { 0, (uint64_t)pool->size };
	pthread_mutex_lock(&pool->lock);
	if (shadows_may_be_pinned())
		pool->kept = all;
	if (shadow_memory(pool->shadow) > 0)
		memory_count_bytes(pool, all);
	pthread_mutex_unlock(&pool->lock);
}

static int put_shadow(struct wl_shm_pool *pool, int fd)
{
	int err = kept_take(pool->client->program, (size_t)pool->size, &pool->shadow);
	if (err)
		return err;
	pool_add_descriptor(pool);
	pool->is_memory = fcntl(fd, F_GET_SEALS) >= 0;
	err = shadow_put_behind(
		pool->shadow, fd, rights_of(fd), program_as_owner(pool->client->program));
	if (!err)
		count_memory(pool);
	return err;
}

/* The guard seals what may be sealed, if the settings say so. */
static int pool_open(struct wl_shm_pool *pool, int fd)
{
	const uint32_t flags = settings()->map_flags;
	if (flags & UFFD_GUARD_MAP_DIRECT && is_safe(fd, pool->size))
		return keep_file(pool, fd);
	int err = pool_map(pool, fd, flags);
	if (err)
		return err;
	if (uffd_guard_region_mode(pool->region) != UFFD_GUARD_MODE_DIRECT)
		return put_shadow(pool, fd);
	uffd_guard_unmap(pool->region);
	pool->region = NULL;
	return keep_file(pool, fd);
}

/* Where its kind cannot be told, it counts as a file. Does not wait for its server. */
static bool is_regular_file(int fd)
{
	struct statx stx;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 ||
	       S_ISREG(stx.stx_mode);
}

/* What nobody can map for reading, and devices, which have no end to be cut. A file that no guard
 * takes now (there is no io_uring to read it, or its program has let us wait too often) would be
 * mapped as it is. */
bool pools_leave_to_handler(int fd, int err)
{
	return err == -EACCES || err == -EBADF || (err == -ENODEV && !is_regular_file(fd));
}

void pools_withhold(const struct shm_client *client, const union wl_argument *argument)
{
	union wl_argument *of_handler = (union wl_argument *)argument;
	close_aside(of_handler->h, program_as_owner(client ? client->program : NULL));
	of_handler->h = -1;
}

static void refuse(struct wl_resource *shm, int err)
{
	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN)
		wl_resource_post_no_memory(shm);
	else
		wl_resource_post_error(shm, WL_SHM_ERROR_INVALID_FD,
			"the file cannot be guarded: %s", strerror(-err));
}

void pools_on_create(struct wl_resource *shm, const union wl_argument *arguments)
{
	const uint32_t id = arguments[0].n;
	const int fd = arguments[1].h;
	const int32_t size = arguments[2].i;
	struct shm_client *client = client_of(wl_resource_get_client(shm));
	if (size <= 0)
		return; /* the handler refuses it */
	struct wl_shm_pool *pool =
		client && descriptors_allow_pool(client, fd) ? pool_create(client, size) : NULL;
	int err = pool ? pool_open(pool, fd) : -ENOMEM;
	if (err) {
		if (pool)
			pool_unref(pool);
		if (pools_leave_to_handler(fd, err))
			return;
		refuse(shm, err);
		pools_withhold(client, &arguments[1]);
		return;
	}
	shm_stats_add(&shm_stats()->pools[pool->is_direct ? UFFD_GUARD_MODE_DIRECT
							  : UFFD_GUARD_MODE_LAZY],
		1);
	client->awaited_pool = pool;
	client->awaited_id = id;
}

/* ---- Resizing ---- */

static void pool_on_destroy(struct wl_listener *listener, void *data)
{
	struct wl_shm_pool *pool = wl_container_of(listener, pool, destroy);
	(void)data;
	pool->n_resources = 0;
	pool_unref(pool);
}

static struct wl_shm_pool *pool_of(struct wl_resource *resource)
{
	struct wl_listener *listener = wl_resource_get_destroy_listener(resource, pool_on_destroy);
	struct wl_shm_pool *pool = NULL;
	return listener ? wl_container_of(listener, pool, destroy) : NULL;
}

static int grow(struct wl_shm_pool *pool, int32_t size)
{
	if (pool->is_direct)
		return is_safe(pool->fd, size) ? 0 : -ENODATA;
	pthread_mutex_lock(&pool->lock);
	int err = shadow_grow(pool->shadow, (size_t)size);
	if (!err)
		err = uffd_guard_resize(pool->region, (size_t)size);
	if (!err && pool->kept.end > 0)
		pool->kept.end = (uint64_t)size; /* counted with the pool's next copy */
	pthread_mutex_unlock(&pool->lock);
	return err;
}

void pools_on_resize(struct wl_resource *resource, int32_t size)
{
	struct wl_shm_pool *pool = pool_of(resource);
	if (!pool || size <= pool->size)
		return;
	int err = grow(pool, size);
	if (!err) {
		pool->size = size;
		return;
	}
	/* The handler is called all the same, and maps it; but libwayland takes no further request
	 * of the client. */
	wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD, "failed resize: %s",
		pool->is_direct ? "the file is shorter" : strerror(-err));
}

/* ---- Buffers ---- */

static void buffer_on_destroy(struct wl_listener *listener, void *data)
{
	struct wl_shm_buffer *buffer = wl_container_of(listener, buffer, destroy);
	(void)data;
	surfaces_let_go(buffer);
	loans_end(buffer);
	postponed_remove(buffer);
	buffer_destroy(buffer);
}

/* False also for what the handler refuses. */
static bool lies_in(const struct buffer_layout *layout, const struct wl_shm_pool *pool)
{
	return layout->offset >= 0 && layout->width > 0 && layout->height > 0 &&
	       layout->stride > 0 &&
	       layout->offset + (int64_t)layout->stride * layout->height <= pool->size;
}

void pools_on_create_buffer(struct wl_resource *resource, const union wl_argument *a)
{
	const struct buffer_layout layout = { a[1].i, a[2].i, a[3].i, a[4].i, a[5].u };
	struct wl_shm_pool *pool = pool_of(resource);
	if (!pool || pool->is_direct || !lies_in(&layout, pool))
		return;
	struct wl_shm_buffer *buffer = buffer_create(pool, &layout);
	if (!buffer) {
		wl_resource_post_no_memory(resource);
		return;
	}
	pool->client->awaited_buffer = buffer;
	pool->client->awaited_id = a[0].n;
	shm_stats_add(&shm_stats()->buffers, 1);
}

struct wl_shm_buffer *pools_buffer_of(struct wl_resource *resource)
{
	struct wl_listener *listener =
		resource ? wl_resource_get_destroy_listener(resource, buffer_on_destroy) : NULL;
	struct wl_shm_buffer *buffer = NULL;
	return listener ? wl_container_of(listener, buffer, destroy) : NULL;
}

/* ---- What was asked for ---- */

static struct wl_resource *awaited(const struct shm_client *client, const char *interface)
{
	struct wl_resource *resource = wl_client_get_object(client->wl_client, client->awaited_id);
	return resource && strcmp(wl_resource_get_class(resource), interface) == 0 ? resource
										   : NULL;
}

static void see_pool(struct wl_shm_pool *pool, struct wl_resource *resource)
{
	if (!resource) {
		pool_unref(pool);
		return;
	}
	pool->destroy.notify = pool_on_destroy;
	wl_resource_add_destroy_listener(resource, &pool->destroy);
}

static void see_buffer(struct wl_shm_buffer *buffer, struct wl_resource *resource)
{
	if (!resource) {
		buffer_destroy(buffer);
		return;
	}
	buffer->resource = resource;
	buffer->destroy.notify = buffer_on_destroy;
	wl_resource_add_destroy_listener(resource, &buffer->destroy);
}

void pools_see_awaited(struct shm_client *client)
{
	struct wl_shm_pool *pool = client->awaited_pool;
	struct wl_shm_buffer *buffer = client->awaited_buffer;
	client->awaited_pool = NULL;
	client->awaited_buffer = NULL;
	if (pool)
		see_pool(pool, awaited(client, "wl_shm_pool"));
	if (buffer)
		see_buffer(buffer, awaited(client, "wl_buffer"));
}

/* ---- The end ---- */

void pools_on_client_destroyed(struct shm_client *client)
{
	struct wl_shm_pool *pool = client->awaited_pool;
	struct wl_shm_buffer *buffer = client->awaited_buffer;
	client->awaited_pool = NULL;
	client->awaited_buffer = NULL;
	if (pool)
		pool_unref(pool);
	buffer_destroy(buffer);
	if (client->program->references == 1)
		kept_drop(client->program);
}

void pools_on_pool_destroyed(struct wl_shm_pool *pool)
{
	struct shm_program *program = pool->client->program;
	if (pool->fd >= 0)
		close(pool->fd);
	if (pool->shadow && pool->client->wl_client)
		kept_put(program, pool->shadow);
	else
		shadow_destroy(pool->shadow);
}

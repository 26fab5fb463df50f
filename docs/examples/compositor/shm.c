/* SPDX-License-Identifier: MIT */
/*
 * wl_shm, guarded. The whole use of uffd_guard:
 *
 *	create_pool	map the file; however short it is or becomes, the mapping can be read
 *	resize		tell the region; its data never moves, so pointers into it stay good
 *	commit		mark what was damaged: nothing is read yet
 *	painting	ensure, then plain loads: what is hidden, or overtaken by the next commit
 *			before it is painted, is never read
 *	capture		write_rect, from the screen straight into the client's file
 *	losses		come as events, and end the client that cut its file
 *	other files	map, parse, ask whether bytes were missing, unmap
 *	the end		destroy the guard; clients that are still there keep their regions
 *
 * The descriptor is the client's and so are its tricks; nothing here looks at the file itself.
 */
#include "compositor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIXEL_SIZE 4
#define LONGEST	   ((size_t)INT32_MAX) /* of a pool, by the protocol: address space, not memory */

/* Outlives its resource as long as buffers need it. */
struct pool {
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	struct wl_list buffers;
	int n_references;
};

/* ---- Losses: the client cut its file, so it is not told politely ---- */

static bool overlaps(const struct buffer *buffer, const struct uffd_guard_event *event)
{
	const uint64_t start = (uint64_t)buffer->offset;
	const uint64_t length = (uint64_t)buffer->stride * (uint64_t)buffer->height;
	return start < event->offset + event->length && event->offset < start + length;
}

static void on_loss(const struct uffd_guard_event *event, void *data)
{
	struct pool *pool = event->user_data;
	struct buffer *buffer;
	(void)data;
	if (!pool || !(event->reasons & UFFD_GUARD_LOST_TRUNCATED))
		return; /* a disk that failed, memory that ran out: nobody's lie */
	wl_list_for_each (buffer, &pool->buffers, link) {
		if (!buffer->resource || !overlaps(buffer, event))
			continue;
		wl_resource_post_error(buffer->resource, WL_SHM_ERROR_INVALID_FD,
			"the file ends before the buffer does");
		return;
	}
}

static int on_losses(int fd, uint32_t mask, void *data)
{
	struct server *server = data;
	(void)fd, (void)mask;
	uffd_guard_dispatch(server->guard, on_loss, NULL);
	return 0;
}

/* ---- Pools ---- */

static void pool_release(struct pool *pool)
{
	if (--pool->n_references > 0)
		return;
	uffd_guard_unmap(pool->region); /* whatever the client does meanwhile */
	free(pool);
}

static void on_pool_destroyed(struct wl_resource *resource)
{
	pool_release(wl_resource_get_user_data(resource));
}

static void destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
	(void)client;
	wl_resource_destroy(resource);
}

static void pool_resize(struct wl_client *client, struct wl_resource *resource, int32_t size)
{
	struct pool *pool = wl_resource_get_user_data(resource);
	if (size < 0 || (size_t)size < uffd_guard_region_length(pool->region))
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_FD, "a pool must not become smaller");
	else if (uffd_guard_resize(pool->region, (size_t)size) < 0)
		wl_client_post_no_memory(client);
}

static void pool_create_buffer(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t offset, int32_t width, int32_t height, int32_t stride, uint32_t format);

static const struct wl_shm_pool_interface pool_requests = {
	.create_buffer = pool_create_buffer,
	.destroy = destroy_resource,
	.resize = pool_resize,
};

/* A sealed file is shown as it is, without a copy (DIRECT). Stores are meant (WRITE): any buffer
 * may turn out to be one that a picture is taken into. */
static int map_pool(struct pool *pool, int fd, int32_t size)
{
	const size_t length = (size_t)size;
	const struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_WRITE,
		.reserve = LONGEST,
		.user_data = pool,
	};
	return uffd_guard_map(pool->guard, fd, length, &options, &pool->region);
}

static struct pool *make_pool(struct wl_resource *shm, int fd, int32_t size)
{
	struct server *server = wl_resource_get_user_data(shm);
	struct pool *pool = malloc(sizeof(*pool));
	int err = -ENOMEM;
	if (pool) {
		*pool = (struct pool){ .guard = server->guard, .n_references = 1 };
		wl_list_init(&pool->buffers);
		err = size > 0 ? map_pool(pool, fd, size) : -EINVAL;
	}
	if (!err)
		return pool;
	wl_resource_post_error(shm,
		size > 0 ? WL_SHM_ERROR_INVALID_FD : WL_SHM_ERROR_INVALID_STRIDE,
		"no pool of %d bytes: %s", size, strerror(-err));
	free(pool);
	return NULL;
}

static void shm_create_pool(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t fd, int32_t size)
{
	struct pool *pool = make_pool(resource, fd, size);
	close(fd); /* the region has one of its own */
	if (!pool)
		return;
	struct wl_resource *created =
		object_create(client, &wl_shm_pool_interface, 1, id, &pool_requests, pool);
	if (created)
		wl_resource_set_destructor(created, on_pool_destroyed);
	else
		pool_release(pool);
}

/* ---- Buffers ---- */

struct buffer *buffer_reference(struct buffer *buffer)
{
	buffer->n_references++;
	return buffer;
}

void buffer_release(struct buffer *buffer)
{
	if (!buffer || --buffer->n_references > 0)
		return;
	wl_list_remove(&buffer->link);
	wl_list_remove(&buffer->known_link);
	pool_release(buffer->pool);
	free(buffer);
}

static void on_buffer_destroyed(struct wl_resource *resource)
{
	struct buffer *buffer = wl_resource_get_user_data(resource);
	buffer->resource = NULL;
	buffer_release(buffer);
}

static const struct wl_buffer_interface buffer_requests = { .destroy = destroy_resource };

/* That the file reaches so far is not asked: it may, and then no longer. */
static bool fits(const struct buffer *buffer, size_t length)
{
	return buffer->offset >= 0 && buffer->width > 0 && buffer->height > 0 &&
	       buffer->stride / PIXEL_SIZE >= buffer->width &&
	       (uint64_t)buffer->offset + (uint64_t)buffer->stride * (uint64_t)buffer->height <=
		       length;
}

static void pool_create_buffer(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t offset, int32_t width, int32_t height, int32_t stride, uint32_t format)
{
	struct pool *pool = wl_resource_get_user_data(resource);
	struct buffer *buffer = malloc(sizeof(*buffer));
	if (!buffer) {
		wl_client_post_no_memory(client);
		return;
	}
	*buffer = (struct buffer){ .pool = pool,
		.offset = offset,
		.width = width,
		.height = height,
		.stride = stride,
		.n_references = 1 };
	if (format != WL_SHM_FORMAT_XRGB8888 && format != WL_SHM_FORMAT_ARGB8888)
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_FORMAT, "unknown format 0x%x", format);
	else if (!fits(buffer, uffd_guard_region_length(pool->region)))
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_STRIDE, "the buffer is not in the pool");
	else
		buffer->resource = object_create(
			client, &wl_buffer_interface, 1, id, &buffer_requests, buffer);
	if (!buffer->resource) {
		free(buffer);
		return;
	}
	pool->n_references++;
	wl_list_insert(&pool->buffers, &buffer->link);
	wl_list_init(&buffer->known_link);
	wl_resource_set_destructor(buffer->resource, on_buffer_destroyed);
}

/* ---- Content ---- */

static size_t offset_of(const struct buffer *buffer, int32_t x, int32_t y)
{
	return (size_t)buffer->offset + (size_t)buffer->stride * (size_t)y + (size_t)x * PIXEL_SIZE;
}

const uint32_t *buffer_row(const struct buffer *buffer, int32_t y)
{
	const char *data = uffd_guard_region_data(buffer->pool->region);
	return (const uint32_t *)(data + offset_of(buffer, 0, y));
}

static struct box clip(struct box box, const struct buffer *buffer)
{
	return (struct box){ box.x1 > 0 ? box.x1 : 0, box.y1 > 0 ? box.y1 : 0,
		box.x2 < buffer->width ? box.x2 : buffer->width,
		box.y2 < buffer->height ? box.y2 : buffer->height };
}

static struct uffd_guard_rect rect_of(const struct buffer *buffer, struct box box)
{
	return (struct uffd_guard_rect){ .offset = offset_of(buffer, box.x1, box.y1),
		.stride = (uint64_t)buffer->stride,
		.width = (uint64_t)(box.x2 - box.x1) * PIXEL_SIZE,
		.height = (uint64_t)(box.y2 - box.y1) };
}

void buffer_mark(const struct buffer *buffer, struct box damage)
{
	const struct box box = clip(damage, buffer);
	if (box.x1 >= box.x2 || box.y1 >= box.y2)
		return;
	const struct uffd_guard_rect rect = rect_of(buffer, box);
	int err = uffd_guard_mark_rects(buffer->pool->region, &rect, 1);
	if (err)
		fprintf(stderr, "a client's content stays old: %s\n", strerror(-err));
}

void buffer_ensure(const struct buffer *buffer, int32_t n_rows)
{
	int err = uffd_guard_ensure(buffer->pool->region, (uint64_t)buffer->offset,
		(uint64_t)buffer->stride * (uint64_t)n_rows);
	if (err)
		fprintf(stderr, "a client's content may be old: %s\n", strerror(-err));
}

bool buffer_store_screen(struct buffer *buffer, const struct server *server)
{
	const struct box all = { 0, 0, server->width, server->height };
	const struct uffd_guard_rect rect = rect_of(buffer, all);
	ssize_t stored = uffd_guard_write_rect(
		buffer->pool->region, &rect, server->screen, (size_t)server->width * PIXEL_SIZE);
	if (stored == (ssize_t)(rect.width * rect.height))
		return true;
	wl_resource_post_error(buffer->resource, WL_SHM_ERROR_INVALID_FD,
		"the buffer does not take the picture: %s",
		stored < 0 ? strerror((int)-stored) : "its file has ended");
	return false;
}

/* ---- Whose picture a buffer holds ---- */

static bool overlap(const struct buffer *a, const struct buffer *b)
{
	const int64_t a_end = a->offset + (int64_t)a->stride * a->height;
	const int64_t b_end = b->offset + (int64_t)b->stride * b->height;
	return a->offset < b_end && b->offset < a_end;
}

void buffer_forget(struct buffer *buffer)
{
	wl_list_remove(&buffer->known_link);
	wl_list_init(&buffer->known_link);
	buffer->known_to = NULL;
}

void buffer_forget_others(const struct buffer *buffer)
{
	struct buffer *other;
	wl_list_for_each (other, &buffer->pool->buffers, link) {
		if (other != buffer && overlap(other, buffer))
			buffer_forget(other);
	}
}

/* ---- Files that are parsed ---- */

/* A toy of a parser, that trusts its input as far as real ones do: it looks at a byte twice, and
 * that is safe, because a page once read stays as it was until it is refreshed. */
static int parse(const char *text, size_t length)
{
	int n_keys = 0;
	for (size_t i = 0; i < length && text[i]; i++)
		n_keys += text[i] == '<' && i + 5 < length && text[i + 5] == '>';
	return n_keys;
}

int shm_count_keys(struct server *server, int fd, uint32_t size)
{
	struct uffd_guard_region *region = NULL;
	int err = size > 0 ? uffd_guard_map(server->guard, fd, size, NULL, &region) : -EINVAL;
	close(fd);
	if (err)
		return err;
	int n_keys = parse(uffd_guard_region_data(region), size);
	uint32_t losses = uffd_guard_region_take_losses(region);
	uffd_guard_unmap(region);
	return losses ? -ENODATA : n_keys;
}

/* ---- The global ---- */

static const struct wl_shm_interface shm_requests = { .create_pool = shm_create_pool };

static void bind_shm(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *shm =
		object_create(client, &wl_shm_interface, version, id, &shm_requests, data);
	if (!shm)
		return;
	wl_shm_send_format(shm, WL_SHM_FORMAT_XRGB8888);
	wl_shm_send_format(shm, WL_SHM_FORMAT_ARGB8888);
}

int shm_init(struct server *server)
{
	int err = uffd_guard_create(NULL, &server->guard);
	if (err) {
		fprintf(stderr, "client memory cannot be guarded: %s\n", strerror(-err));
		return err;
	}
	server->losses = wl_event_loop_add_fd(wl_display_get_event_loop(server->display),
		uffd_guard_get_fd(server->guard), WL_EVENT_READABLE, on_losses, server);
	wl_global_create(server->display, &wl_shm_interface, 1, server, bind_shm);
	return 0;
}

void shm_finish(struct server *server)
{
	wl_event_source_remove(server->losses);
	uffd_guard_destroy(server->guard);
}

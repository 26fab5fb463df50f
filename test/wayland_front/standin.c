/* SPDX-License-Identifier: MIT */
/*
 * A wl_shm of a compositor's own, as Hyprland has it: the file's length is looked at, then it is
 * mapped, shared and writable; a resize maps it again; nothing guards the reads. It stands under
 * the names of libwayland's functions, so that the tests of that wl_shm can be run with this one.
 * With IS_RAW it makes the system calls itself, as compositors that are not in C do, and does not
 * look at the length again when a pool grows, as KWin does not.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wayland-server.h>

struct wl_shm_pool {
	unsigned references;
	int fd;
	int32_t size;
	char *data;
};

struct wl_shm_buffer {
	struct wl_resource *resource;
	struct wl_shm_pool *pool;
	unsigned references, n_accesses;
	int32_t offset, width, height, stride;
	uint32_t format;
};

/* ---- Mapping ---- */

/* syscall(2) takes longs: of a plain 0 the upper half may be anything. */
static void *map(size_t length, int fd)
{
#ifdef IS_RAW
	return (void *)syscall(
		SYS_mmap, NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, (long)fd, (off_t)0);
#else
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
#endif
}

static void unmap(void *data, size_t length)
{
#ifdef IS_RAW
	syscall(SYS_munmap, data, length);
#else
	munmap(data, length);
#endif
}

static bool is_as_long(int fd, int32_t size)
{
	struct stat file;
	return fstat(fd, &file) == 0 && file.st_size >= size;
}

static bool may_grow(int fd, int32_t size)
{
#ifdef IS_RAW
	(void)fd, (void)size;
	return true;
#else
	return is_as_long(fd, size);
#endif
}

/* ---- Life ---- */

static void pool_unref(struct wl_shm_pool *pool)
{
	if (--pool->references > 0)
		return;
	unmap(pool->data, (size_t)pool->size);
	close(pool->fd);
	free(pool);
}

static void pool_on_destroy(struct wl_resource *resource)
{
	pool_unref(wl_resource_get_user_data(resource));
}

static void buffer_put(struct wl_shm_buffer *buffer)
{
	if (--buffer->references > 0)
		return;
	pool_unref(buffer->pool);
	free(buffer);
}

static void buffer_on_destroy(struct wl_resource *resource)
{
	buffer_put(wl_resource_get_user_data(resource));
}

/* ---- Requests ---- */

static void request_destroy(struct wl_client *client, struct wl_resource *resource)
{
	(void)client;
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface buffer_implementation = { .destroy = request_destroy };

static void create_buffer(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t offset, int32_t width, int32_t height, int32_t stride, uint32_t format)
{
	struct wl_shm_pool *pool = wl_resource_get_user_data(resource);
	if (offset < 0 || width <= 0 || height <= 0 || stride < width ||
		INT32_MAX / stride < height || offset > pool->size - stride * height) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_STRIDE, "invalid stride");
		return;
	}
	struct wl_shm_buffer *buffer = calloc(1, sizeof(*buffer));
	*buffer = (struct wl_shm_buffer){ wl_resource_create(client, &wl_buffer_interface, 1, id),
		pool, 1, 0, offset, width, height, stride, format };
	pool->references++;
	wl_resource_set_implementation(
		buffer->resource, &buffer_implementation, buffer, buffer_on_destroy);
}

static void resize(struct wl_client *client, struct wl_resource *resource, int32_t size)
{
	struct wl_shm_pool *pool = wl_resource_get_user_data(resource);
	(void)client;
	if (size < pool->size || !may_grow(pool->fd, size)) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD, "invalid size");
		return;
	}
	unmap(pool->data, (size_t)pool->size);
	pool->data = map((size_t)size, pool->fd);
	pool->size = size;
}

static const struct wl_shm_pool_interface pool_implementation = {
	.create_buffer = create_buffer,
	.destroy = request_destroy,
	.resize = resize,
};

static void create_pool(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t fd, int32_t size)
{
	void *data = size > 0 && is_as_long(fd, size) ? map((size_t)size, fd) : MAP_FAILED;
	if (data == MAP_FAILED) {
		wl_resource_post_error(resource,
			size > 0 ? WL_SHM_ERROR_INVALID_FD : WL_SHM_ERROR_INVALID_STRIDE,
			"no such pool");
		close(fd);
		return;
	}
	struct wl_shm_pool *pool = calloc(1, sizeof(*pool));
	*pool = (struct wl_shm_pool){ 1, fd, size, data };
	struct wl_resource *made = wl_resource_create(client, &wl_shm_pool_interface, 1, id);
	wl_resource_set_implementation(made, &pool_implementation, pool, pool_on_destroy);
}

static const struct wl_shm_interface shm_implementation = { .create_pool = create_pool };

static void bind_shm(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	static const uint32_t formats[] = { WL_SHM_FORMAT_ARGB8888, WL_SHM_FORMAT_XRGB8888,
		WL_SHM_FORMAT_RGB565, WL_SHM_FORMAT_NV12 };
	struct wl_resource *resource =
		wl_resource_create(client, &wl_shm_interface, (int)version, id);
	wl_resource_set_implementation(resource, &shm_implementation, data, NULL);
	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		wl_shm_send_format(resource, formats[i]);
}

/* ---- Under libwayland's names ---- */

int wl_display_init_shm(struct wl_display *display)
{
	return wl_global_create(display, &wl_shm_interface, 1, NULL, bind_shm) ? 0 : -1;
}

uint32_t *wl_display_add_shm_format(struct wl_display *display, uint32_t format)
{
	static uint32_t any;
	(void)display;
	any = format;
	return &any;
}

struct wl_shm_buffer *wl_shm_buffer_get(struct wl_resource *resource)
{
	return resource && wl_resource_instance_of(
				   resource, &wl_buffer_interface, &buffer_implementation)
		       ? wl_resource_get_user_data(resource)
		       : NULL;
}

void wl_shm_buffer_begin_access(struct wl_shm_buffer *buffer)
{
	buffer->references++;
	buffer->n_accesses++;
	buffer->pool->references++;
}

void wl_shm_buffer_end_access(struct wl_shm_buffer *buffer)
{
	if (--buffer->n_accesses == 0)
		camera_answer(); /* whoever draws a screenshot tells the client at its end */
	pool_unref(buffer->pool);
	buffer_put(buffer);
}

void *wl_shm_buffer_get_data(struct wl_shm_buffer *buffer)
{
	return buffer->pool->data + buffer->offset;
}

struct wl_shm_pool *wl_shm_buffer_ref_pool(struct wl_shm_buffer *buffer)
{
	buffer->pool->references++;
	return buffer->pool;
}

void wl_shm_pool_unref(struct wl_shm_pool *pool)
{
	pool_unref(pool);
}

#ifdef WL_SHM_GETTERS_ARE_CONST
typedef const struct wl_shm_buffer looked_at;
#else
typedef struct wl_shm_buffer looked_at;
#endif

int32_t wl_shm_buffer_get_stride(looked_at *buffer)
{
	return buffer->stride;
}

uint32_t wl_shm_buffer_get_format(looked_at *buffer)
{
	return buffer->format;
}

int32_t wl_shm_buffer_get_width(looked_at *buffer)
{
	return buffer->width;
}

int32_t wl_shm_buffer_get_height(looked_at *buffer)
{
	return buffer->height;
}

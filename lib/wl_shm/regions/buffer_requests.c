/* SPDX-License-Identifier: MIT */
/* Buffers: which layouts a client may ask for, how long a buffer lives, and what a compositor may
 * ask of it. */
#include "regions/buffer_requests.h"

#include "base/shm_stats.h"
#include "content/loans.h"
#include "content/postponed.h"
#include "record/surface.h"
#include "regions/access.h"
#include "regions/buffer_references.h"

/* ---- Life ---- */

/* If the compositor has a reference to it or to its pool, it may still read it. */
static void catch_up_if_read(struct wl_shm_buffer *buffer)
{
	if (wl_list_empty(&buffer->postponed))
		return;
	if (buffer->pool->compositor_references > 0 || atomic_load(&buffer->references) > 1)
		access_catch_up_now(buffer);
	postponed_remove(buffer);
}

static void buffer_on_resource_destroy(struct wl_resource *resource)
{
	struct wl_shm_buffer *buffer = wl_resource_get_user_data(resource);
	access_complete(buffer);
	loans_end(buffer);
	surfaces_let_go(buffer);
	catch_up_if_read(buffer);
	buffer->resource = NULL;
	buffer_unref(buffer);
}

static void buffer_request_destroy(struct wl_client *wl_client, struct wl_resource *resource)
{
	(void)wl_client;
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface implementation = { .destroy = buffer_request_destroy };

/* ---- Creation ---- */

static bool has_room_for_rows(const struct buffer_layout *layout, const struct format *format)
{
	/* For unknown formats ask what libwayland asks of all: a byte for each pixel. */
	const int64_t pixel_bytes = format ? format->pixel_bytes : 1;
	return layout->stride >= layout->width * pixel_bytes;
}

/* True if all planes lie in the reserved addresses. libwayland checks only that the first plane
 * lies in the pool, but compositors read all. Behind the pool they find zeros as far as
 * pool->reserve goes, which is not far where addresses are scarce. No format has more than three
 * whole planes, and half a row. */
static bool can_be_read(const struct buffer_layout *layout, const struct wl_shm_pool *pool)
{
	const struct format *format = format_find(layout->format);
	const uint64_t stride = (uint64_t)layout->stride;
	if (format_has_rows_of_pixels(format))
		return true;
	const uint64_t planes =
		format_bytes_of_planes(format, stride, (uint64_t)layout->height) + stride;
	return (uint64_t)layout->offset + planes <= pool->reserve;
}

static bool is_sound(const struct buffer_layout *layout, const struct pool_object *object)
{
	if (layout->offset < 0 || layout->width <= 0 || layout->height <= 0)
		return false;
	if (!has_room_for_rows(layout, format_find(layout->format)))
		return false;
	const int64_t bytes = (int64_t)layout->stride * layout->height;
	return bytes <= INT32_MAX && layout->offset <= object->size - bytes &&
	       can_be_read(layout, object->pool);
}

void buffer_requests_create(struct wl_client *wl_client, const struct pool_object *object,
	uint32_t id, const struct buffer_layout *layout)
{
	struct wl_shm_pool *pool = object->pool;
	if (!display_has_format(pool->client->display, layout->format)) {
		wl_resource_post_error(object->resource, WL_SHM_ERROR_INVALID_FORMAT,
			"invalid format 0x%x", layout->format);
		return;
	}
	if (!is_sound(layout, object)) {
		wl_resource_post_error(object->resource, WL_SHM_ERROR_INVALID_STRIDE,
			"invalid width, height or stride (%dx%d, %d)", layout->width,
			layout->height, layout->stride);
		return;
	}

	struct wl_shm_buffer *buffer = buffer_create(pool, layout);
	struct wl_resource *resource =
		buffer ? wl_resource_create(wl_client, &wl_buffer_interface, 1, id) : NULL;
	if (!resource) {
		buffer_destroy(buffer);
		wl_client_post_no_memory(wl_client);
		return;
	}
	buffer->resource = resource;
	wl_resource_set_implementation(
		resource, &implementation, buffer, buffer_on_resource_destroy);
	shm_stats_add(&shm_stats()->buffers, 1);
}

/* ---- What a compositor asks ---- */

WL_EXPORT struct wl_shm_buffer *wl_shm_buffer_get(struct wl_resource *resource)
{
	if (resource && wl_resource_instance_of(resource, &wl_buffer_interface, &implementation))
		return wl_resource_get_user_data(resource);
	return NULL;
}

/* Later headers than those of libwayland 1.21 have it; CMakeLists.txt looks. */
#ifdef WL_SHM_GETTERS_ARE_CONST
typedef const struct wl_shm_buffer looked_at;
#else
typedef struct wl_shm_buffer looked_at;
#endif

WL_EXPORT int32_t wl_shm_buffer_get_stride(looked_at *buffer)
{
	return buffer->layout.stride;
}

WL_EXPORT uint32_t wl_shm_buffer_get_format(looked_at *buffer)
{
	return buffer->layout.format;
}

WL_EXPORT int32_t wl_shm_buffer_get_width(looked_at *buffer)
{
	return buffer->layout.width;
}

WL_EXPORT int32_t wl_shm_buffer_get_height(looked_at *buffer)
{
	return buffer->layout.height;
}

/* Deprecated. In libwayland it does nothing either. */
WL_EXPORT struct wl_shm_buffer *wl_shm_buffer_create(struct wl_client *wl_client, uint32_t id,
	int32_t width, int32_t height, int32_t stride, uint32_t format)
{
	(void)wl_client, (void)id, (void)width, (void)height, (void)stride, (void)format;
	return NULL;
}

/* Declared in later headers than those of libwayland 1.21. It has to be there whatever the headers
 * were: the one of a later libwayland would be given our struct. */
struct wl_shm_buffer *wl_shm_buffer_ref(struct wl_shm_buffer *buffer);
void wl_shm_buffer_unref(struct wl_shm_buffer *buffer);

WL_EXPORT struct wl_shm_buffer *wl_shm_buffer_ref(struct wl_shm_buffer *buffer)
{
	buffer_ref(buffer);
	pthread_mutex_lock(&buffer->pool->lock);
	buffer_begin_use(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	return buffer;
}

WL_EXPORT void wl_shm_buffer_unref(struct wl_shm_buffer *buffer)
{
	pthread_mutex_lock(&buffer->pool->lock);
	buffer_end_use(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	buffer_unref(buffer);
}

/* SPDX-License-Identifier: MIT */
/* The record of a buffer. */
#include "record/buffer.h"

#include <stdlib.h>

/* ---- Life ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Answer the bytes up to the last one that the client must have written: without the padding behind
 * the last row. An unknown format counts as three planes, as far as the pool goes. */
static uint64_t length_of(
	const struct buffer_layout *layout, const struct format *format, int32_t pool_size)
{
	const uint64_t stride = (uint64_t)layout->stride,
		       planes = format_bytes_of_planes(format, stride, (uint64_t)layout->height);
	if (format_has_rows_of_pixels(format))
		return planes - stride + least(format_bytes_of_row(format, layout->width), stride);
	return least(planes, (uint64_t)(pool_size - layout->offset));
}

/* A compositor may take rows that are too short for their pixels, and read on in the next ones:
 * nobody knows then where a pixel lies. */
static const struct format *format_of(const struct buffer_layout *layout)
{
	const struct format *format = format_find(layout->format);
	if (format && (int64_t)layout->width * format->pixel_bytes > layout->stride)
		return NULL;
	return format;
}

struct wl_shm_buffer *buffer_create(struct wl_shm_pool *pool, const struct buffer_layout *layout)
{
	struct wl_shm_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return NULL;
	const struct format *format = format_of(layout);
	*buffer = (struct wl_shm_buffer){
		.pool = pool,
		.layout = *layout,
		.format = format,
		.length = length_of(layout, format, pool->size),
		.references = 1,
	};
	pool->references++;
	wl_list_insert(&pool->buffers, &buffer->link);
	wl_list_init(&buffer->uses);
	wl_list_init(&buffer->postponed);
	wl_list_init(&buffer->loans);
	return buffer;
}

void buffer_destroy(struct wl_shm_buffer *buffer)
{
	if (!buffer)
		return;
	wl_list_remove(&buffer->link);
	capture_finish(&buffer->stores);
	pool_unref(buffer->pool);
	free(buffer);
}

/* ---- Use ---- */

struct byte_range buffer_range(const struct wl_shm_buffer *buffer)
{
	const uint64_t offset = (uint64_t)buffer->layout.offset;
	return (struct byte_range){ offset, offset + buffer->length };
}

void buffer_note_brought(struct wl_shm_buffer *buffer)
{
	struct brought *brought = &buffer->pool->brought;
	buffer->brought_at = brought_note(brought, &buffer->layout, buffer_range(buffer));
}

bool buffer_is_overwritten(const struct wl_shm_buffer *buffer)
{
	return brought_has_others(
		&buffer->pool->brought, &buffer->layout, buffer_range(buffer), buffer->brought_at);
}

void buffer_begin_use(struct wl_shm_buffer *buffer)
{
	if (buffer->n_uses++ > 0)
		return;
	blocks_add_user(&buffer->pool->blocks, buffer_range(buffer));
	pool_count_blocks(buffer->pool);
}

void buffer_end_use(struct wl_shm_buffer *buffer)
{
	if (--buffer->n_uses > 0)
		return;
	blocks_remove_user(&buffer->pool->blocks, buffer_range(buffer));
	pool_count_blocks(buffer->pool);
}

static void use_end(struct buffer_use *use)
{
	struct wl_shm_pool *pool = use->buffer->pool;
	wl_list_remove(&use->link);
	pthread_mutex_lock(&pool->lock);
	buffer_end_use(use->buffer);
	pthread_mutex_unlock(&pool->lock);
}

static void use_begin(struct buffer_use *use)
{
	struct wl_shm_pool *pool = use->buffer->pool;
	wl_list_insert(&use->buffer->uses, &use->link);
	pthread_mutex_lock(&pool->lock);
	buffer_begin_use(use->buffer);
	pthread_mutex_unlock(&pool->lock);
}

void buffer_use_set(struct buffer_use *use, struct wl_shm_buffer *buffer)
{
	if (use->buffer == buffer)
		return;
	if (use->buffer)
		use_end(use);
	use->buffer = buffer;
	if (buffer)
		use_begin(use);
}

/* One that was also given to somebody who may store to a part of it stays of that kind. */
void buffer_expect_stores(struct wl_shm_buffer *buffer, enum stores stores)
{
	pthread_mutex_lock(&buffer->pool->lock);
	buffer->is_drawn_whole =
		stores == STORES_OF_ALL && (buffer->is_drawn_whole || !buffer->may_be_stored_to);
	buffer->may_be_stored_to = stores != NO_STORES;
	pthread_mutex_unlock(&buffer->pool->lock);
}

/* SPDX-License-Identifier: MIT */
#include "record/buffer.h"

struct byte_range buffer_range(const struct wl_shm_buffer *buffer)
{
	const uint64_t offset = (uint64_t)buffer->layout.offset;
	return (struct byte_range){ offset, offset + buffer->length };
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

void buffer_expect_stores(struct wl_shm_buffer *buffer, bool may_be_stored_to)
{
	pthread_mutex_lock(&buffer->pool->lock);
	buffer->may_be_stored_to = may_be_stored_to;
	pthread_mutex_unlock(&buffer->pool->lock);
}

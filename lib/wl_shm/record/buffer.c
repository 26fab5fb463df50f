/* SPDX-License-Identifier: MIT */
#include "record/buffer.h"

void buffer_use_set(struct buffer_use *use, struct wl_shm_buffer *buffer)
{
	if (use->buffer)
		wl_list_remove(&use->link);
	use->buffer = buffer;
	if (buffer)
		wl_list_insert(&buffer->uses, &use->link);
}

void buffer_expect_stores(struct wl_shm_buffer *buffer)
{
	pthread_mutex_lock(&buffer->pool->lock);
	buffer->may_be_stored_to = true;
	pthread_mutex_unlock(&buffer->pool->lock);
}

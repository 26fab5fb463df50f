/* SPDX-License-Identifier: MIT */
/*
 * Screenshots: the compositor stores into the shadow, and then tells the client that the picture is
 * ready. The logger sees that event before it is sent, and what was stored goes to the client's
 * file.
 */
#include "shadows/lent.h"

#include "content/loans.h"
#include "content/losses.h"
#include "content/rows.h"
#include "shadows/copy.h"
#include "shadows/shadow.h"

/* If the shadow is not up to date, or sums would cost too much, all of it counts as stored to. */
static void expect_stores(struct wl_shm_buffer *buffer, bool is_up_to_date)
{
	const struct wl_shm_pool *pool = buffer->pool;
	const struct shm_client *client = pool->client;
	const bool has_sums =
		is_up_to_date &&
		program_may_spend(client->program, &client->display->allowance, buffer->length / 4);
	capture_begin(&buffer->stores, has_sums ? pool->shadow->data : NULL,
		(uint64_t)buffer->layout.offset, buffer->length);
}

/* True if the shadow holds what the client has there. */
static bool bring_old_picture(struct wl_shm_buffer *buffer, bool is_drawn_whole)
{
	if (!is_drawn_whole || !rows_are_dense(buffer))
		return copy_all(buffer);
	copy_nothing(buffer);
	return false;
}

void lent_begin(struct wl_shm_buffer *buffer, struct wl_resource *borrower, bool is_drawn_whole)
{
	const bool is_first = wl_list_empty(&buffer->loans);
	if (!loans_add(buffer, borrower)) {
		wl_resource_post_no_memory(borrower);
		return;
	}
	if (!is_first)
		return; /* what is stored for either is seen already */
	expect_stores(buffer, bring_old_picture(buffer, is_drawn_whole));
	pthread_mutex_lock(&buffer->pool->lock);
	buffer_begin_use(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
}

void lent_on_return(struct wl_shm_buffer *buffer)
{
	pthread_mutex_lock(&buffer->pool->lock);
	buffer_end_use(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	capture_finish(&buffer->stores);
}

void lent_on_event(const struct wl_protocol_logger_message *message)
{
	struct wl_shm_buffer *buffer = loans_on_event(message);
	if (!buffer)
		return;
	struct wl_shm_pool *pool = buffer->pool;
	const int err = capture_end(&buffer->stores, pool->shadow->data, pool->region);
	pthread_mutex_lock(&pool->lock);
	losses_note_stores(buffer, err);
	pthread_mutex_unlock(&pool->lock);
	loans_end_of(message->resource);
	if (!wl_list_empty(&buffer->loans))
		expect_stores(buffer, true);
	copy_probe(buffer); /* a picture of which the file has no end has not arrived */
}

/* SPDX-License-Identifier: MIT */
/*
 * Screenshots: the compositor stores into the shadow, and then tells the client that the picture is
 * ready. The logger sees that event before it is sent, and what was stored goes to the client's
 * file. The protocols of wlroots, Wayland, Weston and Hyprland have three names for that event.
 */
#include "shadows/lent.h"

#include "content/losses.h"
#include "content/rows.h"
#include "shadows/copy.h"
#include "shadows/shadow.h"

#include <string.h>

static void on_borrower_destroy(struct wl_listener *listener, void *data)
{
	struct wl_shm_buffer *buffer = wl_container_of(listener, buffer, borrower_destroy);
	(void)data;
	lent_end(buffer);
}

static struct wl_shm_buffer *buffer_of_borrower(struct wl_resource *borrower)
{
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(borrower, on_borrower_destroy);
	struct wl_shm_buffer *buffer = NULL;
	return listener ? wl_container_of(listener, buffer, borrower_destroy) : NULL;
}

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
	struct wl_shm_buffer *before = buffer_of_borrower(borrower);
	if (before)
		lent_end(before);
	lent_end(buffer);
	expect_stores(buffer, bring_old_picture(buffer, is_drawn_whole));
	buffer->borrower_destroy.notify = on_borrower_destroy;
	wl_resource_add_destroy_listener(borrower, &buffer->borrower_destroy);
	pthread_mutex_lock(&buffer->pool->lock);
	buffer_begin_use(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
}

void lent_end(struct wl_shm_buffer *buffer)
{
	if (wl_list_empty(&buffer->borrower_destroy.link))
		return;
	wl_list_remove(&buffer->borrower_destroy.link);
	wl_list_init(&buffer->borrower_destroy.link);
	pthread_mutex_lock(&buffer->pool->lock);
	buffer_end_use(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	capture_finish(&buffer->stores);
}

static bool says_that_it_is_ready(const char *event)
{
	return strcmp(event, "ready") == 0 || strcmp(event, "done") == 0 ||
	       strcmp(event, "complete") == 0;
}

void lent_on_event(const struct wl_protocol_logger_message *message)
{
	if (!says_that_it_is_ready(message->message->name))
		return;
	struct wl_shm_buffer *buffer = buffer_of_borrower(message->resource);
	if (!buffer)
		return;
	struct wl_shm_pool *pool = buffer->pool;
	const int err = capture_end(&buffer->stores, pool->shadow->data, pool->region);
	pthread_mutex_lock(&pool->lock);
	losses_note_stores(buffer, err);
	pthread_mutex_unlock(&pool->lock);
	lent_end(buffer);
	copy_probe(buffer); /* a picture of which the file has no end has not arrived */
}

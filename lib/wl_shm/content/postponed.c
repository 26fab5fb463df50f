/* SPDX-License-Identifier: MIT */
/*
 * Commits for which program_may_spend() was false: a timer of the event loop refreshes their
 * buffers in the following periods, one after the other. It needs a timer because a compositor that
 * has the data pointer reads without a call, and the client may never commit again.
 */
#include "content/postponed.h"

#include "record/back.h"

static int postponed_on_timer(void *data);

static void wait_for_next_period(struct shm_client *client)
{
	if (!client->postponed_timer)
		client->postponed_timer = wl_event_loop_add_timer(
			wl_display_get_event_loop(client->display->wl_display), postponed_on_timer,
			client);
	if (client->postponed_timer)
		wl_event_source_timer_update(client->postponed_timer, CLIENT_PERIOD);
}

void postponed_remove(struct wl_shm_buffer *buffer)
{
	wl_list_remove(&buffer->postponed);
	wl_list_init(&buffer->postponed);
}

static int postponed_on_timer(void *data)
{
	struct shm_client *client = data;
	struct wl_shm_buffer *buffer, *next;
	wl_list_for_each_safe (buffer, next, &client->postponed, postponed) {
		if (!client->display->back->catch_up(buffer)) {
			wait_for_next_period(client);
			break;
		}
		postponed_remove(buffer);
	}
	return 0;
}

void postponed_add(struct wl_shm_buffer *buffer)
{
	struct shm_client *client = buffer->pool->client;
	if (!client->wl_client || !wl_list_empty(&buffer->postponed))
		return;
	if (wl_list_empty(&client->postponed))
		wait_for_next_period(client);
	wl_list_insert(client->postponed.prev, &buffer->postponed);
}

/* SPDX-License-Identifier: MIT */
/* What is kept of each client: its pools, its allowance, and how often its files timed out. */
#include "record/client.h"

#include <stdlib.h>
#include <time.h>

/* ---- Life ---- */

struct shm_client *client_ref(struct shm_client *client)
{
	client->references++;
	return client;
}

void client_unref(struct shm_client *client)
{
	if (--client->references > 0)
		return;
	display_unref(client->display);
	pthread_mutex_destroy(&client->allowance_lock);
	free(client);
}

static void client_on_destroy(struct wl_listener *listener, void *data)
{
	struct shm_client *client = wl_container_of(listener, client, destroy);
	(void)data;
	if (client->disconnect)
		wl_event_source_remove(client->disconnect);
	client->disconnect = NULL;
	if (client->postponed_timer)
		wl_event_source_remove(client->postponed_timer);
	client->postponed_timer = NULL;
	client->wl_client = NULL;
	display_update_stats(client->display);
	client_unref(client);
}

struct shm_client *client_of(struct wl_client *wl_client)
{
	struct wl_listener *listener = wl_client_get_destroy_listener(wl_client, client_on_destroy);
	struct shm_client *client;
	if (listener)
		return wl_container_of(listener, client, destroy);

	struct shm_display *display = display_of(wl_client_get_display(wl_client));
	client = display ? calloc(1, sizeof(*client)) : NULL;
	if (!client)
		return NULL;
	*client = (struct shm_client){
		.wl_client = wl_client,
		.display = display,
		.destroy = { .notify = client_on_destroy },
		.references = 1,
	};
	display->references++;
	wl_client_get_credentials(wl_client, &client->pid, NULL, NULL);
	wl_list_init(&client->pools);
	wl_list_init(&client->postponed);
	pthread_mutex_init(&client->allowance_lock, NULL);
	wl_client_add_destroy_listener(wl_client, &client->destroy);
	return client;
}

/* ---- Allowance ---- */

/* Large enough for all that a well-behaved client shows in a frame, small enough that a client
 * which floods the compositor with commits leaves it most of its time for others. */
#define ALLOWANCE_BYTES (UINT64_C(32) << 20)

static int64_t milliseconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int64_t client_period(void)
{
	return milliseconds_now() / CLIENT_PERIOD;
}

bool client_may_spend(struct shm_client *client, uint64_t bytes)
{
	const int64_t period = client_period();
	pthread_mutex_lock(&client->allowance_lock);
	if (client->allowance_period != period) {
		client->allowance_period = period;
		client->allowance_spent = 0;
	}
	/* The first copy of a period may have any size: it may be all that the client shows. */
	const bool may =
		client->allowance_spent == 0 || client->allowance_spent + bytes <= ALLOWANCE_BYTES;
	if (may)
		client->allowance_spent += bytes;
	pthread_mutex_unlock(&client->allowance_lock);
	if (!may)
		shm_stats_add(&shm_stats()->postponed, 1);
	return may;
}

/* ---- Time-outs, disconnecting ---- */

/* The library waits TIMEOUT for a file that can block. Until the file has answered that read,
 * further reads fail at once and cost no time, so client_is_too_slow() does not count them. With
 * TIMEOUTS_FORGIVEN in a TIMEOUTS_PERIOD a client stops the compositor for a tenth of the time at
 * most. */
#define TIMEOUT		  100 /* milliseconds */
#define TIMEOUTS_FORGIVEN 10
#define TIMEOUTS_PERIOD	  10000 /* milliseconds */

bool client_is_too_slow(struct shm_client *client)
{
	const int64_t now = milliseconds_now();
	if (client->n_timeouts > 0 && now - client->last_timeout < TIMEOUT / 2)
		return false;
	if (client->n_timeouts == 0 || now - client->timeouts_since > TIMEOUTS_PERIOD) {
		client->timeouts_since = now;
		client->n_timeouts = 0;
	}
	client->last_timeout = now;
	return ++client->n_timeouts > TIMEOUTS_FORGIVEN;
}

static void client_on_disconnect(void *data)
{
	struct shm_client *client = data;
	client->disconnect = NULL; /* libwayland frees an idle source after its call */
	wl_client_destroy(client->wl_client);
}

void client_disconnect_soon(struct shm_client *client)
{
	if (!client->wl_client || client->disconnect)
		return;
	struct wl_event_loop *loop = wl_display_get_event_loop(client->display->wl_display);
	client->disconnect = wl_event_loop_add_idle(loop, client_on_disconnect, client);
	if (client->stats)
		atomic_store(&client->stats->is_disconnected, true);
}

void client_count_loss(struct shm_client *client, uint64_t bytes)
{
	if (!client->stats)
		client->stats = shm_stats_add_client(client->pid);
	shm_stats_add(&client->stats->losses, 1);
	shm_stats_add(&client->stats->bytes_lost, bytes);
}

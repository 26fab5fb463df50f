/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/shm_stats.h"
#include "record/display.h"

struct surface;

/* A wl_client that has used wl_shm. Kept as long as a pool or surface of it. */
struct shm_client {
	struct wl_client *wl_client; /* NULL once gone */
	struct shm_display *display;
	struct wl_listener destroy;
	unsigned references;
	unsigned n_pools;
	pid_t pid;
	struct wl_list pools; /* struct wl_shm_pool.link, the one used last first */

	_Atomic uint64_t filled;     /* bytes of its pools that are copies */
	int64_t failed_sweep_period; /* the period in which none of them could be given back */

	struct surface *viewport_awaited_by; /* it has none yet, but has asked for one; or NULL */
	uint32_t awaited_viewport_id;	     /* the number of that object */

	struct wl_list postponed;		 /* struct wl_shm_buffer.postponed */
	struct wl_event_source *postponed_timer; /* for these; NULL until there were some */
	struct wl_event_source *disconnect;	 /* it is about to be disconnected */
	struct shm_stats_client *stats;		 /* NULL: has lost nothing yet */

	unsigned n_timeouts; /* of its files that were waited for, since: */
	int64_t timeouts_since, last_timeout;

	pthread_mutex_t allowance_lock;
	uint64_t allowance_spent; /* bytes, in the period */
	int64_t allowance_period;
};

/* The record of a client, made when first asked for; NULL without memory. Not a reference. */
struct shm_client *client_of(struct wl_client *wl_client);
struct shm_client *client_ref(struct shm_client *client);
void client_unref(struct shm_client *client);

#define CLIENT_PERIOD 16 /* milliseconds */

/* Of so many milliseconds, in which a client has its allowance: the one that this is. */
int64_t client_period(void);

/* Whether so many bytes may be brought up to date now, of which nobody has said yet that they are
 * going to be read. */
bool client_may_spend(struct shm_client *client, uint64_t bytes);

/* Its file has not answered in time once more. Whether that was once too often. */
bool client_is_too_slow(struct shm_client *client);

/* Disconnect it from the event loop, after what was posted to it has been sent. */
void client_disconnect_soon(struct shm_client *client);

void client_count_loss(struct shm_client *client, uint64_t bytes);

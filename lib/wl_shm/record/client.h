/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/shm_stats.h"
#include "record/display.h"
#include "record/program.h"

struct surface;
struct wl_shm_buffer;
struct wl_shm_pool;

/* A wl_client that has used wl_shm. It lives until the wl_client and all its pools and surfaces are
 * gone. */
struct shm_client {
	struct wl_client *wl_client; /* NULL after its destruction */
	struct shm_display *display;
	struct shm_program *program;
	struct wl_listener destroy; /* of wl_client */
	unsigned references;	    /* one of wl_client, of each pool and of each surface */

	void *pools_by_file; /* tsearch(3) of struct wl_shm_pool, by file */

	struct surface *viewport_awaited_by; /* asked for a viewport not seen yet; may be NULL */
	uint32_t awaited_viewport_id;	     /* id of that viewport's object */

	/* Of shadows/: asked for, and not seen yet; may be NULL. */
	struct wl_shm_pool *awaited_pool;
	struct wl_shm_buffer *awaited_buffer;
	uint32_t awaited_id; /* of that object */

	struct wl_list postponed; /* struct wl_shm_buffer.postponed, the oldest first */
	struct wl_event_source *postponed_timer; /* for postponed; NULL before the first one */
	struct wl_event_source *disconnect; /* set by client_disconnect_soon(), until it runs */
	atomic_bool is_blamed; /* an error was posted, and it will be disconnected; any thread */
	struct shm_stats_client *stats; /* NULL before the first loss */
};

/* The record of a client, created at the first call. It adds no reference. NULL without memory. */
struct shm_client *client_of(struct wl_client *wl_client);
struct shm_client *client_ref(struct shm_client *client);
void client_unref(struct shm_client *client);

/* Disconnect the client from an idle source, so that errors posted before are sent first. */
void client_disconnect_soon(struct shm_client *client);

/* Count a loss in the statistics, in the client's own row. */
void client_count_loss(struct shm_client *client, uint64_t bytes);

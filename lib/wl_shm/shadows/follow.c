/* SPDX-License-Identifier: MIT */
/*
 * The protocol logger: it sees each request before the compositor's handler, and each event before
 * the client. The guard is made with the first pool, since most processes that make a display never
 * have one, and so its thread has the priority that the compositor has by then.
 */
#include "shadows/follow.h"

#include "base/log.h"
#include "base/shm_stats.h"
#include "content/loans.h"
#include "content/watch.h"
#include "protocol/requests.h"
#include "record/back.h"
#include "record/client.h"
#include "shadows/batch.h"
#include "shadows/copy.h"
#include "shadows/handed.h"
#include "shadows/lent.h"
#include "shadows/pools.h"
#include "shadows/shadow.h"

#include <errno.h>
#include <string.h>

/* ---- What protocol/ and content/ ask ---- */

/* Whoever shows a buffer has the picture that it wanted in there. */
static bool show(struct wl_shm_buffer *buffer, const struct damage *changed)
{
	loans_end(buffer);
	return copy_changed(buffer, changed);
}

static void discard(struct wl_shm_pool *pool, uint64_t offset, uint64_t length)
{
	shadow_clear(pool->shadow, offset, length);
}

static const struct back back = {
	.buffer_of = pools_buffer_of,
	.show = show,
	.catch_up = copy_stale,
	.lend = lent_begin,
	.returned = lent_on_return,
	.discard = discard,
	.pool_destroyed = pools_on_pool_destroyed,
	.client_destroyed = pools_on_client_destroyed,
};

/* ---- Requests ---- */

static bool has_guard(struct shm_display *display)
{
	int err = watch_start(display);
	if (err)
		shm_log("a client is refused: no guard can be made (%s)", strerror(-err));
	return err == 0;
}

static void on_shm_request(
	struct shm_display *display, const struct wl_protocol_logger_message *message)
{
	if (strcmp(message->message->name, "create_pool") != 0)
		return;
	if (has_guard(display))
		pools_on_create(message->resource, message->arguments);
	else
		wl_resource_post_no_memory(message->resource);
}

static void on_pool_request(const struct wl_protocol_logger_message *message)
{
	if (strcmp(message->message->name, "create_buffer") == 0)
		pools_on_create_buffer(message->resource, message->arguments);
	else if (strcmp(message->message->name, "resize") == 0)
		pools_on_resize(message->resource, message->arguments[0].i);
}

static void on_request(
	struct shm_display *display, const struct wl_protocol_logger_message *message)
{
	const char *interface = wl_resource_get_class(message->resource);
	struct shm_client *client = client_of(wl_resource_get_client(message->resource));
	if (client)
		pools_see_awaited(client);
	requests_on_message(display, WL_PROTOCOL_LOGGER_REQUEST, message);
	if (strcmp(interface, "wl_shm") == 0)
		on_shm_request(display, message);
	else if (strcmp(interface, "wl_shm_pool") == 0)
		on_pool_request(message);
	else
		handed_on_request(display, message);
}

static void on_message(void *data, enum wl_protocol_logger_type type,
	const struct wl_protocol_logger_message *message)
{
	if (type == WL_PROTOCOL_LOGGER_REQUEST)
		on_request(data, message);
	else
		lent_on_event(message);
}

/* ---- Starting and stopping ---- */

int follow_start(struct wl_display *wl_display)
{
	struct shm_display *display = display_of(wl_display);
	if (!display)
		return -ENOMEM;
	if (display->logger)
		return 0;
	int err = batch_start(display);
	if (err)
		return err;
	display->back = &back;
	display->logger = wl_display_add_protocol_logger(wl_display, on_message, display);
	if (!display->logger)
		return -ENOMEM;
	shm_stats_add(&shm_stats()->displays, 1);
	return 0;
}

/* Another wl_shm counts it then. */
int follow_stop(struct wl_display *wl_display)
{
	struct shm_display *display = display_of(wl_display);
	if (!display || !display->logger)
		return 0;
	if (display->n_pools > 0)
		return -EBUSY;
	wl_protocol_logger_destroy(display->logger);
	display->logger = NULL;
	atomic_fetch_sub(&shm_stats()->displays, 1);
	watch_stop(display);
	return 0;
}

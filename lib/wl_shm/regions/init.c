/* SPDX-License-Identifier: MIT */
/*
 * The two calls by which a compositor sets wl_shm up.
 *
 * wl_display_init_shm() creates the guard, so the handler thread gets the priority of the caller.
 * It also sets up the two sources of events: the event source for losses (losses.c), and the
 * protocol logger for requests (requests.c).
 */
#include "base/log.h"
#include "base/make_guard.h"
#include "base/shm_stats.h"
#include "content/losses.h"
#include "protocol/requests.h"
#include "record/back.h"
#include "record/descriptors.h"
#include "regions/access.h"
#include "regions/buffer_references.h"
#include "regions/global.h"
#include "regions/load.h"
#include "regions/postponed.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

static void log_of_guard(int level, const char *message, void *data)
{
	(void)data;
	if (level <= LOG_WARNING)
		shm_log("%s", message);
}

static int start_guard(struct shm_display *display)
{
	int err = make_guard(log_of_guard, MOST_POOLS, &display->guard);
	if (err)
		shm_log("NO CLIENT CAN BE SHOWN: no guard can be made (%s). userfaultfd must be "
			"allowed; `uffd-guard-run --check` says what is missing. To run without "
			"protection, take libuffd_guard_wl_shm.so out of LD_PRELOAD.",
			strerror(-err));
	return err;
}

static int listen_to_losses(struct shm_display *display)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(display->wl_display);
	int fd = uffd_guard_get_fd(display->guard);
	if (fd < 0)
		return fd;
	display->loss_source =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, losses_on_readable, display);
	return display->loss_source ? 0 : -ENOMEM;
}

static void on_message(void *data, enum wl_protocol_logger_type type,
	const struct wl_protocol_logger_message *message)
{
	if (type == WL_PROTOCOL_LOGGER_REQUEST)
		buffers_bury_dead(data);
	requests_on_message(data, type, message);
}

static int follow_requests(struct shm_display *display)
{
	display->logger = wl_display_add_protocol_logger(display->wl_display, on_message, display);
	return display->logger ? 0 : -ENOMEM;
}

/* ---- What protocol/ and content/ ask ---- */

static void show(struct wl_shm_buffer *buffer, const struct damage *changed)
{
	if (!access_take_commit(buffer, changed))
		postponed_add(buffer);
}

static void lend(struct wl_shm_buffer *buffer)
{
	buffer_expect_stores(buffer, true);
}

static void discard(struct wl_shm_pool *pool, uint64_t offset, uint64_t length)
{
	uffd_guard_discard(pool->region, offset, length);
}

static const struct back back = {
	.buffer_of = wl_shm_buffer_get,
	.show = show,
	.lend = lend,
	.discard = discard,
};

/* ---- Starting ---- */

static int display_start(struct shm_display *display)
{
	if (display->guard)
		return 0;
	display->back = &back;
	int err = start_guard(display);
	if (err)
		return err;
	err = listen_to_losses(display);
	if (err)
		goto err_guard;
	err = follow_requests(display);
	if (err)
		goto err_source;
	shm_stats_add(&shm_stats()->displays, 1);
	return 0;

err_source:
	wl_event_source_remove(display->loss_source);
	display->loss_source = NULL;
err_guard:
	uffd_guard_destroy(display->guard);
	display->guard = NULL;
	return err;
}

WL_EXPORT int wl_display_init_shm(struct wl_display *wl_display)
{
	struct shm_display *display = display_of(wl_display);
	if (load_is_outdated() || !display || display_start(display))
		return -1;
	return global_create(display);
}

WL_EXPORT uint32_t *wl_display_add_shm_format(struct wl_display *wl_display, uint32_t format)
{
	struct shm_display *display = display_of(wl_display);
	uint32_t *code = display ? wl_array_add(&display->formats, sizeof(*code)) : NULL;
	if (code)
		*code = format;
	return code;
}

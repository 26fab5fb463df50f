/* SPDX-License-Identifier: MIT */
/*
 * The two calls by which a compositor sets wl_shm up.
 *
 * wl_display_init_shm() creates the guard, so the handler thread gets the priority of the caller.
 * It also sets up the two sources of events: the event source for losses (watch.c), and the
 * protocol logger for requests (requests.c).
 */
#include "base/log.h"
#include "base/shm_stats.h"
#include "content/loans.h"
#include "content/watch.h"
#include "protocol/requests.h"
#include "record/back.h"
#include "regions/access.h"
#include "regions/buffer_references.h"
#include "regions/global.h"
#include "regions/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static int start_guard(struct shm_display *display)
{
	int err = watch_start(display);
	if (err)
		shm_log("NO CLIENT CAN BE SHOWN: no guard can be made (%s). userfaultfd must be "
			"allowed; `uffd-guard-run --check` says what is missing. To run without "
			"protection, take libuffd_guard_wl_shm.so out of LD_PRELOAD.",
			strerror(-err));
	return err;
}

/* The only event of wl_buffer is its release. */
static void note_event(const struct wl_protocol_logger_message *message)
{
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(message->resource),
			     *lent = loans_on_event(message);
	if (buffer)
		access_note_release(buffer);
	if (!lent)
		return;
	loans_end_of(message->resource);
	access_note_ready(lent);
}

static void on_message(void *data, enum wl_protocol_logger_type type,
	const struct wl_protocol_logger_message *message)
{
	if (type == WL_PROTOCOL_LOGGER_REQUEST)
		buffers_bury_dead(data);
	else
		note_event(message);
	requests_on_message(data, type, message);
}

static int follow_requests(struct shm_display *display)
{
	display->logger = wl_display_add_protocol_logger(display->wl_display, on_message, display);
	return display->logger ? 0 : -ENOMEM;
}

/* ---- What protocol/ and content/ ask ---- */

static void lend(struct wl_shm_buffer *buffer, struct wl_resource *borrower, bool is_drawn_whole)
{
	if (!loans_add(buffer, borrower))
		wl_resource_post_no_memory(borrower);
	buffer_expect_stores(buffer, is_drawn_whole ? STORES_OF_ALL : SOME_STORES);
}

static void discard(struct wl_shm_pool *pool, uint64_t offset, uint64_t length)
{
	uffd_guard_discard(pool->region, offset, length);
}

static const struct back back = {
	.buffer_of = wl_shm_buffer_get,
	.show = access_take_commit,
	.catch_up = access_catch_up,
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
	err = follow_requests(display);
	if (err)
		watch_stop(display);
	else
		shm_stats_add(&shm_stats()->displays, 1);
	return err;
}

/* libuffd_guard_wayland.so is for displays whose wl_shm is not this one. */
static void call_others_off(struct wl_display *wl_display)
{
	int (*set_guarded)(struct wl_display *, int);
	void *address = dlsym(RTLD_DEFAULT, "uffd_guard_wayland_set_guarded");
	memcpy(&set_guarded, &address, sizeof(address));
	if (address)
		set_guarded(wl_display, 0);
}

WL_EXPORT int wl_display_init_shm(struct wl_display *wl_display)
{
	struct shm_display *display = display_of(wl_display);
	if (load_is_outdated() || !display || display_start(display))
		return -1;
	call_others_off(wl_display);
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

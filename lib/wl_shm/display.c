/* SPDX-License-Identifier: MIT */
/*
 * A display: its guard, its formats, and where losses and requests come in.
 *
 * The guard is made on the thread that calls wl_display_init_shm(), and lives until the last pool
 * is gone, which may be after the display: a compositor may hold on to pools as long as it likes.
 */
#include "display.h"

#include "descriptors.h"
#include "global.h"
#include "guard.h"
#include "log.h"
#include "losses.h"
#include "requests.h"
#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* ---- Life ---- */

void display_unref(struct shm_display *display)
{
	if (--display->references > 0)
		return;
	display_update_stats(display);
	uffd_guard_destroy(display->guard);
	wl_array_release(&display->formats);
	free(display);
}

static void on_destroy(struct wl_listener *listener, void *data)
{
	struct shm_display *display = wl_container_of(listener, display, destroy);
	(void)data;
	if (display->logger)
		wl_protocol_logger_destroy(display->logger);
	if (display->loss_source)
		wl_event_source_remove(display->loss_source);
	display->logger = NULL;
	display->loss_source = NULL;
	display->wl_display = NULL;
	display_unref(display);
}

struct shm_display *display_of(struct wl_display *wl_display)
{
	struct wl_listener *listener = wl_display_get_destroy_listener(wl_display, on_destroy);
	struct shm_display *display;
	if (listener)
		return wl_container_of(listener, display, destroy);

	display = calloc(1, sizeof(*display));
	if (!display)
		return NULL;
	*display = (struct shm_display){
		.wl_display = wl_display,
		.destroy = { .notify = on_destroy },
		.references = 1,
	};
	atomic_init(&display->thread, pthread_self());
	wl_array_init(&display->formats);
	wl_display_add_destroy_listener(wl_display, &display->destroy);
	return display;
}

bool display_is_on_this_thread(const struct shm_display *display)
{
	return pthread_equal(atomic_load(&display->thread), pthread_self());
}

void display_update_stats(const struct shm_display *display)
{
	struct uffd_guard_stats counted = { .size = sizeof(counted) };
	if (!display->guard || uffd_guard_get_stats(display->guard, &counted))
		return;
	atomic_store(&stats()->bytes_filled, counted.bytes_read);
	atomic_store(&stats()->bytes_refreshed, counted.bytes_refreshed);
	atomic_store(&stats()->bytes_written_back, counted.bytes_written_back);
	atomic_store(&stats()->losses, counted.losses);
}

/* ---- Guard ---- */

static void log_of_guard(int level, const char *message, void *data)
{
	(void)data;
	if (level <= LOG_WARNING)
		shm_log("%s", message);
}

static int start_guard(struct shm_display *display)
{
	int err = guard_create(log_of_guard, &display->guard);
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

static int follow_requests(struct shm_display *display)
{
	display->logger =
		wl_display_add_protocol_logger(display->wl_display, requests_on_message, display);
	return display->logger ? 0 : -ENOMEM;
}

static int start(struct shm_display *display)
{
	if (display->guard)
		return 0;
	descriptors_raise_limit();
	int err = start_guard(display);
	if (err)
		return err;
	err = listen_to_losses(display);
	if (err)
		goto err_guard;
	err = follow_requests(display);
	if (err)
		goto err_source;
	stats_add(&stats()->displays, 1);
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
	if (!display || start(display))
		return -1;
	return global_create(display);
}

/* ---- Formats ---- */

bool display_has_format(const struct shm_display *display, uint32_t code)
{
	if (code == WL_SHM_FORMAT_ARGB8888 || code == WL_SHM_FORMAT_XRGB8888)
		return true;
	const uint32_t *codes = display->formats.data;
	for (size_t i = 0; i < display->formats.size / sizeof(*codes); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

WL_EXPORT uint32_t *wl_display_add_shm_format(struct wl_display *wl_display, uint32_t format)
{
	struct shm_display *display = display_of(wl_display);
	uint32_t *code = display ? wl_array_add(&display->formats, sizeof(*code)) : NULL;
	if (code)
		*code = format;
	return code;
}

/* SPDX-License-Identifier: MIT */
/*
 * The record of a wl_display.
 *
 * The guard lives until the last pool is gone. That may be after the wl_display: a compositor may
 * keep references to pools for as long as it likes.
 */
#include "record/display.h"

#include "base/shm_stats.h"

#include <stdlib.h>

/* ---- Life ---- */

void display_unref(struct shm_display *display)
{
	if (--display->references > 0)
		return;
	display_update_stats(display);
	uffd_guard_destroy(display->guard);
	programs_finish(&display->programs);
	pthread_mutex_destroy(&display->allowance.lock);
	wl_array_release(&display->formats);
	free(display);
}

static void display_on_destroy(struct wl_listener *listener, void *data)
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
	struct wl_listener *listener =
		wl_display_get_destroy_listener(wl_display, display_on_destroy);
	struct shm_display *display;
	if (listener)
		return wl_container_of(listener, display, destroy);

	display = calloc(1, sizeof(*display));
	if (!display)
		return NULL;
	*display = (struct shm_display){
		.wl_display = wl_display,
		.destroy = { .notify = display_on_destroy },
		.references = 1,
	};
	atomic_init(&display->thread, pthread_self());
	wl_array_init(&display->formats);
	programs_init(&display->programs);
	allowance_init(&display->allowance);
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
	atomic_store(&shm_stats()->bytes_filled, counted.bytes_read);
	atomic_store(&shm_stats()->bytes_refreshed, counted.bytes_refreshed);
	atomic_store(&shm_stats()->bytes_written_back, counted.bytes_written_back);
	atomic_store(&shm_stats()->losses, counted.losses);
}

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

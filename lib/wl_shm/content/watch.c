/* SPDX-License-Identifier: MIT */
/* The guard of a display, and who hears of its losses. */
#include "content/watch.h"

#include "base/log.h"
#include "base/make_guard.h"
#include "content/losses.h"
#include "record/descriptors.h"

#include <errno.h>
#include <syslog.h>

static void log_of_guard(int level, const char *message, void *data)
{
	(void)data;
	if (level <= LOG_WARNING)
		shm_log("%s", message);
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

int watch_start(struct shm_display *display)
{
	if (display->guard)
		return 0;
	int err = make_guard(log_of_guard, MOST_POOLS, &display->guard);
	if (err)
		return err;
	err = listen_to_losses(display);
	if (err)
		watch_stop(display);
	return err;
}

void watch_stop(struct shm_display *display)
{
	if (display->loss_source)
		wl_event_source_remove(display->loss_source);
	display->loss_source = NULL;
	uffd_guard_destroy(display->guard);
	display->guard = NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * The two functions of libuffd_guard_wayland.so that others can call: in front of a compositor, the
 * wl_display_create() of libwayland; and one for compositors that link to it.
 *
 * The library is meant to be let into programs with privileges. There (AT_SECURE) it reads no
 * variable of the environment: all of them are read by secure_getenv().
 */
#include "base/log.h"
#include "base/preload.h"
#include "base/settings.h"
#include "base/shm_stats.h"
#include "shadows/follow.h"
#include "shadows/trial.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <uffd_guard.h>
#include <uffd_guard_wayland.h>

#define LIBRARY "libuffd_guard_wayland.so"

static struct wl_display *create_display(void)
{
	struct wl_display *(*create)(void);
	void *address = dlsym(RTLD_NEXT, "wl_display_create");
	memcpy(&create, &address, sizeof(address));
	return address ? create() : NULL;
}

/* ---- The test at load ---- */

static int trial_result;

static void try_once(void)
{
	struct shm_stats *stats = shm_stats();
	trial_result = trial_run(create_display());
	atomic_store(&stats->displays, 0); /* nobody's */
	atomic_store(&stats->pools[UFFD_GUARD_MODE_LAZY], 0);
	if (trial_result)
		shm_log("NOTHING IS GUARDED: a test of the guard has failed (%s). `uffd-guard-run "
			"--check` says what is missing",
			strerror(-trial_result));
}

static bool is_fit(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, try_once);
	return trial_result == 0;
}

/* ---- For others ---- */

WL_EXPORT struct wl_display *wl_display_create(void)
{
	struct wl_display *wl_display = create_display();
	int err = wl_display && is_fit() ? follow_start(wl_display) : 0;
	if (err)
		shm_log("NOTHING IS GUARDED: %s", strerror(-err));
	return wl_display;
}

int uffd_guard_wayland_set_guarded(struct wl_display *wl_display, int is_guarded)
{
	if (wl_display && !is_guarded)
		return follow_stop(wl_display);
	if (!is_fit())
		return -ENOTSUP;
	return wl_display ? follow_start(wl_display) : 0;
}

__attribute__((constructor)) static void on_load(void)
{
	if (getauxval(AT_SECURE) || !preload_is_for_this_process())
		return; /* a shell that starts it, for example: leave the environment as it is */
	shm_stats_share(SETTING_WAYLAND_STATS);
	unsetenv(SETTING_WAYLAND_STATS);
	preload_remove_from_environment(LIBRARY);
}

/* SPDX-License-Identifier: MIT */
/*
 * Loading the library into a process, and a message at exit if it was never used there: in a
 * launcher that looks like a compositor, or a compositor that does not use libwayland's wl_shm.
 * Otherwise the user would believe that it is guarded.
 */
#include "regions/load.h"

#include "base/log.h"
#include "base/preload.h"
#include "base/server_library.h"
#include "base/settings.h"
#include "base/shm_stats.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LIBRARY "libuffd_guard_wl_shm.so"

static pid_t to_be_told; /* getpid(), if uffd-guard-run will not report it */

static bool is_outdated;

bool load_is_outdated(void)
{
	return is_outdated;
}

/* The program has not begun yet: it is started once more, without us. If we are linked to it and
 * not preloaded, wl_display_init_shm() fails. */
static void step_aside(const char *function, char **arguments)
{
	is_outdated = true;
	shm_log("NOTHING IS GUARDED: libwayland-server is newer than this library, and has %s(), "
		"which would be given structs that it does not know. Install a newer uffd_guard",
		function);
	if (preload_remove_from_environment(LIBRARY) && arguments)
		execv("/proc/self/exe", arguments);
}

/* The C library of GNU hands main()'s arguments to constructors. */
#if defined(__GLIBC__)
__attribute__((constructor)) static void on_load(int argc, char **argv)
{
	(void)argc;
#else
__attribute__((constructor)) static void on_load(void)
{
	char **argv = NULL;
#endif
	if (!preload_is_for_this_process())
		return; /* a shell that starts it, for example: leave the environment as it is */
	const char *unknown = server_library_unknown_function();
	if (unknown) {
		step_aside(unknown, argv);
		return;
	}
	shm_stats_share(SETTING_STATS);
	unsetenv(SETTING_STATS);
	shm_stats_add(&shm_stats()->loads, 1);
	if (preload_remove_from_environment(LIBRARY) && !shm_stats()->has_reporter)
		to_be_told = getpid();
}

__attribute__((destructor)) static void on_exit_without_use(void)
{
	/* If libuffd_guard_wayland.so is there too, what it did is known by shared counters only.
	 */
	const bool is_known =
		shm_stats_are_shared() || !dlsym(RTLD_DEFAULT, "uffd_guard_wayland_set_guarded");
	if (to_be_told == getpid() && is_known && atomic_load(&shm_stats()->displays) == 0)
		shm_log("%s served no clients by libwayland-server: nothing was guarded",
			program_invocation_short_name);
}

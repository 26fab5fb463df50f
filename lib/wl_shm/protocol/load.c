/* SPDX-License-Identifier: MIT */
/*
 * Loading the library into a process, and a message at exit if it was never used there: in a
 * launcher that looks like a compositor, or a compositor that does not use libwayland's wl_shm.
 * Otherwise the user would believe that it is guarded.
 */
#include "base/log.h"
#include "base/preload.h"
#include "base/settings.h"
#include "base/shm_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static pid_t to_be_told; /* getpid(), if uffd-guard-run will not report it */

__attribute__((constructor)) static void on_load(void)
{
	if (!preload_is_for_this_process())
		return; /* a shell that starts it, for example: leave the environment as it is */
	shm_stats_share(SETTING_STATS);
	unsetenv(SETTING_STATS);
	shm_stats_add(&shm_stats()->loads, 1);
	if (preload_remove_from_environment("libuffd_guard_wl_shm.so") &&
		!shm_stats()->has_reporter)
		to_be_told = getpid();
}

__attribute__((destructor)) static void on_exit_without_use(void)
{
	if (to_be_told == getpid() && atomic_load(&shm_stats()->displays) == 0)
		shm_log("%s made no wl_shm of libwayland-server: nothing was guarded",
			program_invocation_short_name);
}

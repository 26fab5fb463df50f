/* SPDX-License-Identifier: MIT */
/* What happens when the library comes into a process. */
#include "preload.h"
#include "settings.h"
#include "stats.h"

#include <stdlib.h>

__attribute__((constructor)) static void on_load(void)
{
	if (!preload_is_for_this_process())
		return; /* on the way to it, everything stays as it is */
	stats_share(SETTING_STATS);
	unsetenv(SETTING_STATS);
	preload_leave_environment("libuffd_guard_wl_shm.so");
}

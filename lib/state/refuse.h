/* SPDX-License-Identifier: MIT */
/* Saying why an argument is refused. Callers' threads. */
#pragma once

#include "state/guard.h"

#include <syslog.h>

/* Tell the program's log which argument or member is wrong, and why; answers @err. */
static inline int refuse(const struct uffd_guard *guard, int err, const char *why)
{
	if (guard->log)
		guard->log(LOG_ERR, why, guard->log_data);
	return err;
}

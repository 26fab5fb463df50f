/* SPDX-License-Identifier: MIT */
/* Saying why an argument is refused. Callers' threads. */
#pragma once

#include "state/guard.h"

#include <errno.h>
#include <syslog.h>

/* Tell the program's log which argument or member is wrong, and why; answers @err. */
static inline int refuse(const struct uffd_guard *guard, int err, const char *why)
{
	if (guard->log)
		guard->log(LOG_ERR, why, guard->log_data);
	return err;
}

/* What a client can bring about, by its file, again and again: no error of the program's. */
static inline int refuse_file(const struct uffd_guard *guard, int err, const char *why)
{
	if (guard->log)
		guard->log(LOG_INFO, why, guard->log_data);
	return err;
}

/* The same for what source_check_store() answers, 0 too. */
static inline int refuse_store(const struct uffd_guard *guard, int err)
{
	switch (err) {
	case -EBADF:
		return refuse(
			guard, err, "a write: fd of uffd_guard_map was open for reading only");
	case -EPERM:
		return refuse_file(guard, err, "a write: the file is sealed against writing");
	case -EOPNOTSUPP:
		return refuse_file(guard, err, "a write: the file is on a network or FUSE");
	}
	return err;
}

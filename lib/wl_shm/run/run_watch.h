/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/shm_stats.h"

#include <limits.h>

/* Whether what was started has come to be guarded. */
enum watched {
	WATCHED_SO_FAR,	   /* nothing runs yet that would have to be */
	WATCHED_GUARDED,   /* the library is in a process that needs libwayland-server */
	WATCHED_UNGUARDED, /* a process runs libwayland-server without the library */
};

struct watch {
	pid_t root; /* what was started, whatever it has become since */
	const struct shm_stats *stats;
	bool is_let_into_all; /* LIBRARY_WAYLAND, by its name: then what has privileges, and can
				 not be looked at, has it too */
	pid_t unguarded;      /* of WATCHED_UNGUARDED */
};

/* Look once at @watch->root and all that it has started. */
enum watched watch_look(struct watch *watch);

/* Say on standard error that watch->unguarded is not guarded, and why. */
void watch_tell_unguarded(const struct watch *watch);

/* Say that all has ended, and that nothing of it was guarded. */
void watch_tell_nothing(void);

/* Fork a process that is nobody's child, and that tells until this process has ended, which is
 * about to become the compositor. Without it, nothing is told. */
void watch_from_aside(const struct watch *watch);

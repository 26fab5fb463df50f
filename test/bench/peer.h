/* SPDX-License-Identifier: MIT */
/* One way for a server to read memory that a client shares: this library, or what there is today.
 * A peer that was not built has no functions. */
#pragma once

#include "damage_sets.h"

#include <uffd_guard.h>

struct peer {
	const char *name;
	/* Take over the first @length bytes of the file. NULL and errno if that cannot be. */
	void *(*open)(int fd, size_t length);
	/* Bring the damaged bytes up to date with the file, and say where to read them: the first
	 * byte of the file. Nothing else may be read. Each begin is followed by an end. */
	const char *(*begin)(void *self, const struct damage *damage);
	void (*end)(void *self);
	void (*close)(void *self);
};

extern const struct peer peer_uffd_guard;	    /* pages are read when they are touched */
extern const struct peer peer_uffd_guard_populated; /* all of them when it is opened */
extern const struct peer peer_uffd_guard_direct;    /* the file itself, where it is sealed */
extern const struct peer peer_map_shared;
extern const struct peer peer_sigbus;
extern const struct peer peer_pread;
extern const struct peer peer_pread_fresh;
extern const struct peer peer_uring;
extern const struct peer peer_uffd_minimal;
extern const struct peer peer_wl_shm;
extern const struct peer peer_memcpy; /* the limit: from a buffer that is ours already */

/* The guard on which peers named uffd_guard are opened from now on. */
void peer_uffd_guard_use(struct uffd_guard *guard);

/* Who installs a handler of SIGBUS for good does so now, so that others can put theirs above. */
void peers_settle(void);

/* SPDX-License-Identifier: MIT */
/* A way for a server to read memory that a client shares: this library, or what servers do today.
 * The functions of a peer that was not built are NULL. */
#pragma once

#include "damage_sets.h"

#include <uffd_guard.h>

struct peer {
	const char *name;
	/* Map or prepare the first @length bytes of the file. NULL with errno set. */
	void *(*open)(int fd, size_t length);
	/* Bring the damaged bytes up to date with the file. Answers the address of the first byte
	 * of the file; only damaged bytes may be read. Call end() after each begin(). */
	const char *(*begin)(void *self, const struct damage *damage);
	void (*end)(void *self);
	void (*close)(void *self);
};

extern const struct peer peer_uffd_guard;	    /* pages are read when they are touched */
extern const struct peer peer_uffd_guard_populated; /* all pages are read when it is opened */
extern const struct peer peer_uffd_guard_direct;    /* the file itself, where it is sealed */
extern const struct peer peer_map_shared;
extern const struct peer peer_sigbus;
extern const struct peer peer_pread;
extern const struct peer peer_pread_fresh;
extern const struct peer peer_uring;
extern const struct peer peer_uffd_minimal;
extern const struct peer peer_wl_shm;
extern const struct peer peer_memcpy; /* the limit: copies between two buffers of this process */

/* Open the uffd_guard peers on @guard from now on. */
void peer_uffd_guard_use(struct uffd_guard *guard);

/* Let libwayland install its handler of SIGBUS now, for good, so that others can put theirs above
 * it. */
void peers_settle(void);

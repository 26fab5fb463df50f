/* SPDX-License-Identifier: MIT */
#pragma once

#include "../support/rng.h"
#include "control.h"

#include <uffd_guard.h>

#include <pthread.h>
#include <stdbool.h>

/* Counts things of one kind that threads do to a region, so that a reader can tell whether one of
 * them happened while it read. */
struct changes {
	_Atomic uint64_t begun, ended;
};

struct calm {
	bool at_first;
	uint64_t begun;
};

static inline void change_begin(struct changes *changes)
{
	atomic_fetch_add(&changes->begun, 1);
}

static inline void change_end(struct changes *changes)
{
	atomic_fetch_add(&changes->ended, 1);
}

/* Load in this order: equal numbers mean that nothing was under way at the second load. */
static inline struct calm calm_begin(struct changes *changes)
{
	uint64_t ended = atomic_load(&changes->ended);
	uint64_t begun = atomic_load(&changes->begun);
	return (struct calm){ .at_first = begun == ended, .begun = begun };
}

/* Whether no such thing has begun since calm_begin(). */
static inline bool calm_held(struct changes *changes, const struct calm *calm)
{
	/* Orders the plain loads of words before. TSan does not know C11 fences. */
	__sync_synchronize();
	return calm->at_first && atomic_load(&changes->begun) == calm->begun;
}

/* A client's file, and its region, which is mapped again and again. */
struct slot {
	pthread_rwlock_t lock; /* read: use the region; write: unmap it and map it again */
	const struct control *control;
	struct uffd_guard *guard;
	uint32_t file;
	bool is_direct;	     /* maps with UFFD_GUARD_MAP_DIRECT */
	bool may_be_evicted; /* pages are evicted, and come back newer */
	bool may_run_out;    /* the budget holds less than the data, which may read as zeros */
	int fd;		     /* -1: closed to save descriptors; the region stays as it is */

	struct uffd_guard_region *region; /* lock */
	uint64_t reserved_words;	  /* lock */
	bool uses_marks;		  /* lock; bytes may become newer between mark and ensure */
	_Atomic uint64_t first_page;	  /* in the file; the dispatcher reads it without lock */

	struct changes mutations; /* calls that may change what a page shows */
	struct changes resizes;
	_Atomic uint64_t *floors; /* [max_pages] the oldest rewrite of each page that may be seen */
	_Atomic uint64_t *marked; /* [max_pages] the same after the next ensure */
};

/* Map the slot's region in a shape that @rng decides. 0 or a negative errno. */
int slot_map(struct slot *slot, struct rng *rng);
void slot_unmap(struct slot *slot);

/* Whether the region is DIRECT. It stays so at least until a resize. */
bool slot_is_live(const struct slot *slot);

/* The length of the region in words, at this moment. */
uint64_t slot_length_words(const struct slot *slot);
const volatile uint64_t *slot_words(const struct slot *slot);

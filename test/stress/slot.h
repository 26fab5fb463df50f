/* SPDX-License-Identifier: MIT */
#pragma once

#include "../support/rng.h"
#include "control.h"

#include <uffd_guard.h>

#include <pthread.h>
#include <stdbool.h>

/* Things of one kind that threads do to a region at any time, so that another can tell whether one
 * of them happened while it looked. */
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

/* In this order: equal means that at the second load nothing was under way. */
static inline struct calm calm_begin(struct changes *changes)
{
	uint64_t ended = atomic_load(&changes->ended);
	uint64_t begun = atomic_load(&changes->begun);
	return (struct calm){ .at_first = begun == ended, .begun = begun };
}

/* Still? */
static inline bool calm_held(struct changes *changes, const struct calm *calm)
{
	__sync_synchronize(); /* words were read without any order; a C11 fence is nothing to TSan
			       */
	return calm->at_first && atomic_load(&changes->begun) == calm->begun;
}

/* A place for a region of one client's file. */
struct slot {
	pthread_rwlock_t lock; /* shared: use the region. Exclusively: unmap and map it */
	const struct control *control;
	struct uffd_guard *guard;
	uint32_t file;
	bool is_direct;	     /* asks for it */
	bool may_be_evicted; /* pages come back by themselves, newer */
	bool may_run_out;    /* of its budget: data may read as zeros */
	int fd;		     /* -1: closed to save descriptors; the region stays as it is */

	struct uffd_guard_region *region; /* lock */
	uint64_t reserved_words;	  /* lock */
	_Atomic uint64_t first_page;	  /* of the file; the dispatcher reads it without lock */

	struct changes mutations; /* calls after which a page may read otherwise */
	struct changes resizes;
	_Atomic uint64_t *floors; /* [max_pages] no older rewrite may be seen any more */
};

/* The slot's region, of a shape that @rng decides. 0 or a negative errno. */
int slot_map(struct slot *slot, struct rng *rng);
void slot_unmap(struct slot *slot);

/* The region shows the file itself, as far as that goes. So it stays until a resize at least. */
bool slot_is_live(const struct slot *slot);

/* Words of the region, as of now. */
uint64_t slot_length_words(const struct slot *slot);
const volatile uint64_t *slot_words(const struct slot *slot);

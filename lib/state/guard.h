/* SPDX-License-Identifier: MIT */
/* A guard: plain data on which all layers above work. calls/create.c makes and destroys it. */
#pragma once

#include <uffd_guard.h>

#include <errno.h>

#include "base/epoch.h"
#include "base/futex.h"
#include "base/range_table.h"
#include "base/shared_work.h"
#include "base/stats.h"
#include "file/source.h"
#include "kernel/spares.h"
#include "kernel/staging.h"
#include "kernel/uffd.h"
#include "state/budget.h"
#include "state/events.h"

struct copier;
struct handler;
struct inbox;

struct uffd_guard {
	atomic_uint references; /* the program's, until it destroys the guard; one for each region;
				   one while losses are delivered */
	atomic_bool is_destroyed; /* losses are delivered no more */
	int mark;		  /* of its descriptors: descriptor.h */
	struct uffd uffd;	  /* .fd is -1 in EAGER; set by create, for good */
	struct handler *handler;
	atomic_bool gave_up; /* the handler, for good: what is not filled reads as zeros */
	/* The handler's; NULL: it cannot read files that may block. */
	struct inbox *blocking_inbox;
	uint32_t read_deadline_ms;
	atomic_bool can_move; /* UFFDIO_MOVE, until it turns out not to work */
	/* On a page that fork() wipes: reads 0 in a child, else 1. */
	const volatile unsigned char *fork_witness;

	pthread_mutex_t lock; /* writers of ranges. Never held while guarded memory is touched */
	struct range_table ranges; /* read by the handler without lock, inside lookups */
	/* Held by the handler and by evictors between finding a range in the table and entering its
	 * region. */
	struct epoch lookups;

	_Atomic uint32_t n_holders; /* who keep a handler that gives up from letting go of the
				       userfaultfd: guard_hold_handler(); a futex */
	_Atomic uintptr_t lowest, highest; /* where regions ever began and ended; with lock */

	uint32_t max_regions;	    /* 0: by the descriptors of the process */
	_Atomic uint32_t n_regions; /* mapped, or about to be */

	/* Copies that callers share with a second thread; NULL: it was not started as yet, which
	 * is tried again at copier_not_before. */
	bool may_copy; /* such a thread may be started */
	_Atomic(struct copier *) copier;
	_Atomic uint64_t copier_not_before;
	struct shared_work shared_work;
	struct begun_regions {	      /* whose marks the copier brings over: pages/begun.c */
		pthread_mutex_t lock; /* before a region's, but for a copier that has that */
		struct uffd_guard_region *first, *last;
	} begun;

	struct events events;
	struct staging_pool staging;
	struct spares spares; /* pages that regions have given back */
	struct stats *stats, own_stats;
	struct published *published; /* where stats are, for others to see; NULL: not asked for */
	int published_fd;
	bool is_strict; /* the kernel keeps strict account of memory: a hole may get no page */
	bool missed_publishing; /* asked for, but it could not be done */
	struct budget budget;	/* of all regions together */
	struct recent_pages recent;
	/* Of views of files, opened when there is the first; with lock. */
	struct uffd holes;
	bool are_views_denied;
	atomic_bool has_views;	     /* they are wanted from map on */
	atomic_bool has_met_scanner; /* that holds up reads: daemon/relief.c */
	struct source zeros;	     /* a file of one page that is all hole: zeros for refresh.c */

	void (*log)(int level, const char *message, void *data); /* callers' threads only */
	void *log_data;
};

static inline void guard_ref(struct uffd_guard *guard)
{
	atomic_fetch_add(&guard->references, 1);
}

/* Without a userfaultfd: all data is read beforehand. */
static inline bool guard_is_eager(const struct uffd_guard *guard)
{
	return guard->uffd.fd < 0;
}

/* In a forked child: memory of the guard is a copy, its thread does not exist. */
static inline bool guard_is_in_child(const struct uffd_guard *guard)
{
	return *guard->fork_witness == 0;
}

/* 0, or why nothing works any more: -ECHILD, -EIO. */
static inline int guard_check(const struct uffd_guard *guard)
{
	if (guard_is_in_child(guard))
		return -ECHILD;
	return atomic_load(&guard->gave_up) ? -EIO : 0;
}

/* All threads that wait for a page: they fault again. */
static inline void guard_wake_all(struct uffd_guard *guard)
{
	const uintptr_t lowest = atomic_load(&guard->lowest);
	if (lowest)
		uffd_wake(&guard->uffd, lowest, atomic_load(&guard->highest) - lowest);
}

/* Around steps between which a part of a region is registered that a handler which gives up does
 * not find: on its way out of the table, or just being registered. It waits for the end of them,
 * and then wakes who has fallen asleep there. */
static inline void guard_hold_handler(struct uffd_guard *guard)
{
	atomic_fetch_add(&guard->n_holders, 1);
}

static inline void guard_let_handler_go(struct uffd_guard *guard)
{
	atomic_fetch_sub(&guard->n_holders, 1);
	if (atomic_load(&guard->gave_up))
		futex_wake(&guard->n_holders);
}

/* SPDX-License-Identifier: MIT */
/* Losses that wait to be delivered. Posting: any thread, without a lock. Taking: with delivery. */
#pragma once

#include "kernel/bell.h"

#include <uffd_guard.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loss {
	struct uffd_guard_region *region;
	uint64_t start, end; /* bytes of the region */
	uint32_t reasons;    /* UFFD_GUARD_LOST_* */
	int error;
};

/* What did not fit into the queue any more, as one covering range for each region. Part of the
 * region. */
struct loss_overflow {
	_Atomic uint64_t start, end;
	_Atomic uint32_t reasons;
	atomic_int error;
	atomic_bool is_listed;
	struct uffd_guard_region *next;
};

#define EVENTS_QUEUE 1024 /* a power of two */

struct events {
	struct bell bell; /* rung while something waits */
	int source;	  /* of the guard's bells: an eventfd, to which nobody writes */
	bool is_off;	  /* UFFD_GUARD_NO_EVENTS: nothing is queued; set by create */
	atomic_bool is_signalled;
	/* Recursive; held while on_event runs. Order: before all other locks. */
	pthread_mutex_t delivery;

	/* A bounded queue of many producers that never wait, and one consumer with delivery. */
	struct slot {
		_Atomic uint64_t turn; /* position when free for it, position + 1 when filled */
		struct loss loss;
	} slots[EVENTS_QUEUE];
	_Atomic uint64_t tail;
	uint64_t head; /* delivery */
	_Atomic(struct uffd_guard_region *) overflowed;
};

int events_init(struct events *events, int mark);
void events_finish(struct events *events); /* also after an init that failed */

/* Any thread, the handler's too: neither waits nor allocates. False: the queue is full. */
bool events_push(struct events *events, const struct loss *loss);
void events_signal(struct events *events); /* after a push: ring */

/* With delivery. False: the queue is empty. */
bool events_pop(struct events *events, struct loss *loss);
void events_clear_signal(struct events *events);

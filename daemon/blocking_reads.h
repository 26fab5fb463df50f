/* SPDX-License-Identifier: MIT */
/* Reads of files that may block, in flight in the handler's ring. Handler thread only, but for
 * blocking_reads_init() before it and the inbox. */
#pragma once

#include "daemon/turns.h"
#include "file/blocking_file.h"

struct loop;
struct scanned_reads;
struct watch;

struct blocking_reads {
	struct loop *loop;
	struct scanned_reads *scanned; /* which find out what callers ask; NULL: not here */
	struct inbox inbox;
	struct request *taken; /* out of it, and not done yet */
	struct turns turns;
	struct waited_for {
		struct blocking_read *first, *last;
	} waited_for;	      /* for faults, until the deadline; the earliest first */
	unsigned n_in_flight; /* of the ring, until it has answered */
	int error;	      /* because of which no fault can be answered any more */
};

void blocking_reads_init(struct blocking_reads *reads, struct loop *loop);

/* Do what callers have asked for. 0 or WATCH_ERR_TAKEN; with @watch NULL, never that: then no
 * scanner of files is asked. */
int blocking_reads_take_requests(struct blocking_reads *reads, struct watch *watch);

/* Read the page of a file that may block, and answer the fault later. Takes over @ticket of
 * region->fills. */
void blocking_reads_answer_later(struct blocking_reads *reads, struct uffd_guard_region *region,
	size_t page, size_t n_pages, uint32_t ticket);

/* When the next fault will have waited long enough, in ns of CLOCK_MONOTONIC; 0: none waits. */
uint64_t blocking_reads_next_deadline(const struct blocking_reads *reads);
void blocking_reads_expire(struct blocking_reads *reads, uint64_t now);

/* The ring has answered a request that has @tag. */
void blocking_reads_complete(struct blocking_reads *reads, uint64_t tag, int result);

/* Forget all waiters: the handler gives up, and its regions are plain memory by now. */
void blocking_reads_abandon(struct blocking_reads *reads);

/* The thread ends. What callers ask for from now on, they do themselves. */
void blocking_reads_close(struct blocking_reads *reads);

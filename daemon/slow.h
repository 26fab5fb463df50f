/* SPDX-License-Identifier: MIT */
/* Files that may block, read through the handler's ring so that nobody waits longer than he wants.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct slow;
struct slow_file;
struct uffd_guard_region;

/* ---- Callers' threads ---- */

/* A file without a descriptor as yet; NULL: no memory. */
struct slow_file *slow_create(
	struct slow *slow, unsigned deadline_ms, struct uffd_guard_region *region);
void slow_destroy(struct slow_file *file); /* if it has got none, or it was left to us */
void slow_adopt_fd(struct slow_file *file, int fd);

/* Faults that wait for it are answered, and nobody may use it afterwards. It is closed on the
 * handler's thread once nothing is in flight, however long that takes; or left to the caller, see
 * struct source. The region may go when its
 * fills have been synchronized. */
void slow_release(struct slow_file *file);

/* One call at a time reads; from begin on the deadline runs, for all that is read until end. */
void slow_begin_call(struct slow_file *file);
void slow_end_call(struct slow_file *file);

/* As source_read(), within a call. -ETIMEDOUT: the file did not answer. */
int slow_read(struct slow_file *file, uint64_t position, void *buffer, size_t length, size_t *got);

/* ---- The handler's thread ---- */

struct slow_read;
struct slow_request;

struct slow {
	struct loop *loop;
	_Atomic(struct slow_request *) inbox; /* from callers, the latest first */
	struct slow_read *waited_for;	      /* for faults, until the deadline */
	unsigned n_in_flight;		      /* of the ring, until it has answered */
	int error;	       /* because of which no fault can be answered any more */
	atomic_bool is_closed; /* the thread takes no more requests */
};

void slow_init(struct slow *slow, struct loop *loop);

/* What callers have asked for. */
void slow_take_requests(struct slow *slow);

/* A page of a file that may block is waited for: read it, and answer later. Takes over @ticket of
 * region->fills. */
void slow_answer_later(struct slow *slow, struct uffd_guard_region *region, size_t page,
	size_t n_pages, uint32_t ticket);

/* When the next fault will have waited long enough, in ns of CLOCK_MONOTONIC; 0: none waits. */
uint64_t slow_next_deadline(const struct slow *slow);
void slow_expire(struct slow *slow, uint64_t now);

/* The ring has answered a request that has @tag. */
void slow_complete(struct slow *slow, uint64_t tag, int result);

/* Nobody is to wait any more; for a handler that gives up, whose regions are plain memory by now.
 */
void slow_abandon(struct slow *slow);

/* The thread ends. What callers ask for from now on, they do themselves. */
void slow_close(struct slow *slow);

/* SPDX-License-Identifier: MIT */
/* Files whose reads may block: what callers ask of them. Callers' threads; the handler's side is
 * daemon/blocking_reads.c, which works on the structs below. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "file/inbox.h"
#include "kernel/descriptor.h"

struct epoch;
struct uffd_guard_region;

#define N_FAULT_READS 3
#define FAULT_BYTES   ((size_t)64 << 10)

/* A request in the ring, or one that waits for its turn: daemon/turns.c. The handler's. */
struct blocking_turn {
	struct blocking_file *file;
	uint64_t taken_at;
	struct turn_list *list; /* that it waits in; NULL: none */
	struct blocking_turn *next, *previous;
};

struct turn_list {
	struct blocking_turn *first, *last;
};

/* Of a caller's read; a futex. */
enum wait_state {
	WAIT_IDLE,
	WAIT_ASKED, /* in flight, and the caller waits */
	WAIT_DONE,
	WAIT_LEFT, /* in flight, and the caller has gone on */
};

struct blocking_read {
	struct request request; /* callers' only */
	struct blocking_turn turn;
	struct blocking_file *file;
	char *buffer;
	uint64_t position;	     /* in the file */
	size_t length, got;	     /* wanted; there */
	size_t from;		     /* where the part begins that is in flight now */
	int error;		     /* that ended it, or 0 */
	_Atomic uint32_t wait_state; /* callers' only: enum wait_state */

	/* Faults' only. */
	bool is_asked, is_waited_for; /* in flight, or it waits for its turn */
	size_t page;		      /* that is waited for */
	uint64_t start, deadline;
	uint32_t ticket;		       /* of the region's fills */
	struct blocking_read *next, *previous; /* blocking_reads.waited_for */
};

/* Outlives its region while the kernel may still write to one of its buffers. */
struct blocking_file {
	struct request release;
	struct inbox *inbox;
	int fd;
	struct descriptor_file identity; /* of fd */
	bool is_remote;			 /* it asks a server, and closing it may, too */
	bool is_unclosed;		 /* it is released, and counts until it is closed */
	struct blocking_turn closing;
	uint64_t deadline_ns;
	struct uffd_guard_region *region; /* the handler's; NULL once released */
	struct epoch *fills;		  /* of the region */
	uint32_t ticket;		  /* of fills, held from release until it was done */
	bool has_parked;		  /* faults were left for when a read returns */
	unsigned n_in_flight;
	struct blocking_read faults[N_FAULT_READS];

	pthread_mutex_t lock; /* one call at a time; the handler takes no part. After region.lock */
	uint64_t call_deadline;
	struct blocking_read call;
	size_t size; /* of the mapping, with the buffers */
};

/* False: too many files of that server had a region and could not be closed; or of all, if this one
 * may become one of them (is_remote). */
bool blocking_file_may_be_had(const struct descriptor_file *identity, bool is_remote);

/* A file without a descriptor as yet; NULL: no memory. */
struct blocking_file *blocking_file_create(struct inbox *inbox, unsigned deadline_ms,
	struct uffd_guard_region *region, struct epoch *fills);
/* Call only before blocking_file_adopt_fd(), or after blocking_file_release() set
 * source.caller_closes. NULL is a no-op. */
void blocking_file_destroy(struct blocking_file *file);
void blocking_file_adopt_fd(
	struct blocking_file *file, int fd, const struct descriptor_file *identity, bool is_remote);

/* Answer faults that wait for it, and let nobody use it afterwards. The handler closes it once
 * nothing is in flight, however long that takes, unless it sets source.caller_closes. The region
 * may go when its fills have been synchronized. */
void blocking_file_release(struct blocking_file *file);

/* One call at a time reads; from begin on the deadline runs, for all that is read until end. */
void blocking_file_begin_call(struct blocking_file *file);
void blocking_file_end_call(struct blocking_file *file);

/* As source_read(), within a call. -ETIMEDOUT: the file did not answer. */
int blocking_file_read(
	struct blocking_file *file, uint64_t position, void *buffer, size_t length, size_t *got);

/* ---- For the handler ---- */

/* The kernel has answered the read of a call: wake the caller, if one still waits. */
void blocking_call_finish(struct blocking_read *read);

/* SPDX-License-Identifier: MIT */
/* Reads of files on a tmpfs, before which a scanner of files may have to be asked, by workers of
 * the kernel. With the ring only. Handler thread only, or the thread that stands in for it, but for
 * scanned_reads_prepare(). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inquiry;
struct loop;
struct uffd_guard;
struct uffd_guard_region;
struct watch;

#define N_SCANNED_READS 8

struct scanned_read {
	bool is_in_flight; /* until the kernel has answered, also if nobody waits any more */
	struct uffd_guard_region *region; /* a fault of which waits; NULL: none */
	struct inquiry *inquiry;	  /* that waits; NULL: none */
	int fd;
	char *buffer;
	uint64_t position;  /* in the file */
	size_t length, got; /* wanted; there */
	size_t from;	    /* where the part begins that is in flight now */
	int error;	    /* that ended it, or 0 */
	size_t page;	    /* that is waited for */
	uint32_t ticket;    /* of the region's fills */
	uint64_t start;	    /* of the fault */
	unsigned n_looks;   /* times that the handler has found it under way */
};

struct inquiry_list {
	struct inquiry *first, *last;
};

struct scanned_reads {
	struct uffd_guard *guard;
	struct loop *loop;
	_Atomic(char *) buffers; /* NULL: there are none, and nothing is read here */
	struct scanned_read reads[N_SCANNED_READS];
	unsigned n_in_flight;
	bool has_parked;	      /* faults were left for when a read returns */
	struct inquiry_list waiting;  /* for a read that is free */
	struct inquiry_list returned; /* the kernel's worker was not held up */
	uint64_t patience_ns;	      /* how long a worker may be held up */
	uint64_t next_look;	      /* 0: nobody waits */
	int error;		      /* because of which no fault can be answered any more */
};

void scanned_reads_init(struct scanned_reads *reads, struct uffd_guard *guard, struct loop *loop);
/* Callers, one at a time, before the first region of such a file. Without memory, nothing is read
 * here. */
void scanned_reads_prepare(struct scanned_reads *reads);
void scanned_reads_finish(struct scanned_reads *reads);

/* Whether a fault in that page is to be answered later: nobody knows that no scanner is asked. NULL
 * @reads: without the ring, never. */
bool scanned_reads_are_for(
	const struct scanned_reads *reads, const struct uffd_guard_region *region, size_t page);
/* Do so, for that page alone. Takes over @ticket of region->fills. */
void scanned_reads_answer_later(struct scanned_reads *reads, struct uffd_guard_region *region,
	size_t page, uint32_t ticket);
/* Find out what a caller asks. */
void scanned_reads_ask(struct scanned_reads *reads, struct inquiry *inquiry);

/* The ring has answered. False: a request that has another tag. */
bool scanned_reads_complete(struct scanned_reads *reads, uint64_t tag, int result);
/* After that: whether a scanner was asked that has answered. 0 or WATCH_ERR_TAKEN. */
int scanned_reads_look(struct scanned_reads *reads, struct watch *watch);

/* When to look how long they have been under way; 0: nobody waits. */
uint64_t scanned_reads_next_look(const struct scanned_reads *reads);
void scanned_reads_expire(struct scanned_reads *reads, uint64_t now);
/* A scanner does not answer: no other is asked any more, and nobody waits. */
void scanned_reads_pass(struct scanned_reads *reads);
/* The handler gives up, and its regions are plain memory by now. */
void scanned_reads_abandon(struct scanned_reads *reads);

/* SPDX-License-Identifier: MIT */
/* Waiting for faults. Handler thread only. */
#pragma once

#include <liburing.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/wake.h"

struct loop;
struct uffd;

#define LOOP_MESSAGES 32 /* faults taken in one go */

/* One way to wait for faults. */
struct loop_ops {
	/* 0, or a negative errno: then this loop cannot work here, and another may. */
	int (*start)(struct loop *loop);
	/* The faults that are there; if there is none and @shall_block, wait for one, or for the
	 * bell. The number of messages, perhaps 0, or a negative errno, which is fatal, except
	 * -EAGAIN: ask the kernel again. */
	int (*wait)(struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES], bool shall_block);
	/* Wait for no more faults: the userfaultfd is not ours any more, or about to be closed. */
	void (*abandon)(struct loop *loop);
	void (*finish)(struct loop *loop);
};

struct loop {
	const struct loop_ops *ops;
	const struct uffd *uffd;
	uint64_t wake_at; /* when to stop waiting all the same, in ns of CLOCK_MONOTONIC; 0: never.
			     The ring's only */
	struct wake wake;
	bool is_stand_in; /* another thread waits in the handler's place, by poll: what it puts
			     into the ring is asked when the handler is back, and for that it looks
			     now and then */
	bool is_deaf;	  /* nobody can wake us any more: the program has closed our descriptors */
	unsigned n_workers;  /* of the kernel, for files that block: as many as are asked for */
	bool shall_restrict; /* restrict the ring to the operations used here */
	bool is_restricted;  /* set by start */

	bool is_abandoned; /* see above */

	int patience_ms; /* loop_poll.c: how long it waits until it looks again; 0: the least */

	/* loop_uring.c */
	bool is_asking; /* for faults */
	bool has_slot;	/* the ring has a file of its own of the userfaultfd */
	struct io_uring ring;
	/* Told of what was asked for with a tag. */
	void (*on_answer)(void *data, uint64_t tag, int result);
	void *on_answer_data;
	struct uffd_msg incoming[LOOP_MESSAGES]; /* where a read of the ring puts them */
	int polls; /* the kernel cannot read a userfaultfd by ring: poll it there, and read it
		      ourselves */
};

extern const struct loop_ops loop_uring, loop_poll;

/* Requests whose result goes to on_answer, with @tag: an address. They are made before the loop
 * waits the next time. */
bool loop_uring_can_read_files(const struct loop *loop);
void loop_uring_read(
	struct loop *loop, int fd, void *buffer, size_t length, uint64_t position, uint64_t tag);
void loop_uring_close(struct loop *loop, int fd, uint64_t tag);

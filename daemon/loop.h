/* SPDX-License-Identifier: MIT */
#pragma once

#include <liburing.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>

struct loop;
struct uffd;

#define LOOP_MESSAGES 32 /* faults taken in one go */

/* What waits for faults on the handler's thread. All three run there. */
struct loop_ops {
	/* 0, or a negative errno: then this loop cannot work here, and another may. */
	int (*start)(struct loop *loop);
	/* The faults that are there; if there is none and @shall_block, wait for one, or for the
	 * wake-up descriptor. The number of messages, perhaps 0, or a fatal negative errno. */
	int (*wait)(struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES], bool shall_block);
	void (*finish)(struct loop *loop);
};

struct loop {
	const struct loop_ops *ops;
	const struct uffd *uffd;
	int wake_fd;	     /* eventfd */
	bool shall_restrict; /* whoever controls this thread is to get no more out of the ring than
				faults */
	bool is_restricted;  /* set by start */

	/* loop_uring.c */
	struct io_uring ring;
	struct uffd_msg incoming[LOOP_MESSAGES]; /* where a read of the ring puts them */
	int polls; /* the kernel cannot read a userfaultfd by ring: poll it there, and read it
		      ourselves */
};

extern const struct loop_ops loop_uring, loop_poll;

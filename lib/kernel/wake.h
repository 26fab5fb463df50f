/* SPDX-License-Identifier: MIT */
/*
 * Waking the handler: a pipe. Not an eventfd, for a pipe also tells that nobody can write to it any
 * more. So the handler hears at once when the program closes the guard's descriptors; and a caller
 * who is denied write(2) closes its end instead.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct wake {
	int read_fd;	     /* the handler's */
	atomic_int write_fd; /* callers'; -1: closed */
	int mark;
};

int wake_open(struct wake *wake, int mark);
void wake_close(struct wake *wake); /* also one of zeros */

/* Any thread. */
void wake_send(struct wake *wake);

/* The handler, when read_fd can be read. False: nobody will send any more. */
bool wake_take(const struct wake *wake);

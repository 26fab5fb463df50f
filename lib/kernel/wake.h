/* SPDX-License-Identifier: MIT */
/*
 * Waking the handler: a bell, and a pipe that nobody writes to. A pipe tells its reader when the
 * last descriptor for writing is closed. So the handler hears at once when the program closes the
 * guard's descriptors; and a caller who may not ring closes its end.
 */
#pragma once

#include "kernel/bell.h"

#include <stdatomic.h>
#include <stdbool.h>

struct wake {
	struct bell bell;
	int read_fd;	     /* the handler's: polls as hung up when nobody can ring any more */
	atomic_int write_fd; /* callers'; -1: closed */
	int mark;
};

int wake_open(struct wake *wake, int source, int mark); /* @source: see bell.h */
void wake_init_closed(struct wake *wake);
void wake_close(struct wake *wake); /* also a closed one */

/* Any thread. */
void wake_send(struct wake *wake);

/* The handler, when it was sent for. False: the bell is not ours any more. */
bool wake_take(const struct wake *wake);

/* SPDX-License-Identifier: MIT */
/* The handler at work: answer faults until told to stop, or give up. Handler thread only, but for
 * shall_stop. */
#pragma once

#include "daemon/blocking_reads.h"
#include "daemon/fault.h"
#include "daemon/loop.h"
#include "daemon/scanned_reads.h"

struct server {
	struct serving serving;
	struct loop loop;
	struct blocking_reads blocking_reads;
	struct scanned_reads scanned_reads;
	unsigned n_retries; /* times in a row that the kernel said: ask again */
	uint64_t retrying_since;
	bool may_look;	   /* a second processor may be used: look for a moment before a sleep */
	bool is_in_series; /* the last faults came close to each other */
	uint64_t last_fault_ns;
	atomic_bool shall_stop; /* any thread; then wake_send(&loop.wake) */
	struct watch *watch;	/* relief.c */
	bool is_over;		/* another thread has served to the end in the handler's place */
};

/* 0 when told to stop, or, on a thread that stands in, when the handler is back; or the error
 * because of which no fault can be answered any more; or WATCH_ERR_TAKEN: all of @server is another
 * thread's now. */
int serve_until_stopped(struct server *server);

/* Tell the loss of all regions and unregister them: all waiters wake, what is not filled reads as
 * zeros. */
void serve_give_up(struct server *server);

/* SPDX-License-Identifier: MIT */
/*
 * A thread that is cancelled (pthread_cancel) in the midst of a public call would leave a lock
 * taken, a fill begun or a descriptor open. So it ends before a call that it has not begun, but not
 * within one: a thread that does nothing but call us can be cancelled too.
 */
#pragma once

#include <pthread.h>

static inline int cancel_disable(void)
{
	int before;
	pthread_testcancel();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void cancel_restore(const int *before)
{
	pthread_setcancelstate(*before, NULL);
}

/* First in each public function that makes a system call or takes a lock. Holds to its end. */
#define UNCANCELLED                                                                                \
	const int cancel_state __attribute__((cleanup(cancel_restore), unused)) = cancel_disable()

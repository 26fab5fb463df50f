/* SPDX-License-Identifier: MIT */
/*
 * All signals are blocked: no handler of the program runs on a thread of the guard. The C library's
 * own cannot be, see sandbox.c.
 */
#include "daemon/thread.h"

#include "daemon/stack.h"

#include <errno.h>
#include <signal.h>

void scheduling_note(struct scheduling *scheduling)
{
	scheduling->policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
	sched_getparam(0, &scheduling->param);
}

/* Policy and priority are inherited unless the creator asked for SCHED_RESET_ON_FORK, as real-time
 * clients of rtkit do. Asked of the kernel, for this thread: what glibc remembers of a new thread
 * is what its creator had. */
bool scheduling_take_over(const struct scheduling *scheduling)
{
	struct sched_param param;
	if (sched_getscheduler(0) == scheduling->policy && sched_getparam(0, &param) == 0 &&
		param.sched_priority == scheduling->param.sched_priority)
		return true;
	return sched_setscheduler(0, scheduling->policy, &scheduling->param) == 0;
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = stack_start_thread(thread, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* EINVAL too: after unshare(CLONE_NEWPID) there are no threads. */
	if (err)
		return -EAGAIN;
	pthread_setname_np(*thread, name);
	return 0;
}

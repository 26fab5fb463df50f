/* SPDX-License-Identifier: MIT */
/* Mutexes, and who holds them: where contracts are checked (base/check.h), taking one twice, giving
 * back what another thread holds, and working without it are found out. */
#pragma once

#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

/* @protocol: PTHREAD_PRIO_INHERIT where an urgent thread may have to wait for one that is not */
static inline void lock_init_as(pthread_mutex_t *lock, int protocol)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
#ifdef UFFD_GUARD_CHECKS
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
#endif
	pthread_mutexattr_setprotocol(&attr, protocol);
	if (pthread_mutex_init(lock, &attr) != 0) { /* a kernel without it */
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_NONE);
		pthread_mutex_init(lock, &attr);
	}
	pthread_mutexattr_destroy(&attr);
}

static inline void lock_init(pthread_mutex_t *lock)
{
	lock_init_as(lock, PTHREAD_PRIO_NONE);
}

static inline void lock_take(pthread_mutex_t *lock)
{
	int err = pthread_mutex_lock(lock);
	check(err == 0);
	(void)err;
}

static inline void lock_give(pthread_mutex_t *lock)
{
	int err = pthread_mutex_unlock(lock);
	check(err == 0);
	(void)err;
}

/* Without waiting for it. False: another thread holds it. */
static inline bool lock_try(pthread_mutex_t *lock)
{
	return pthread_mutex_trylock(lock) == 0;
}

/* For check(): this thread holds it. Only a lock that is checked can tell. */
static inline bool lock_is_held(const pthread_mutex_t *lock)
{
	return pthread_mutex_lock((pthread_mutex_t *)lock) == EDEADLK;
}

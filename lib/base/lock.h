/* SPDX-License-Identifier: MIT */
/* Mutexes, and who holds them: where contracts are checked (base/check.h), taking one twice, giving
 * back what another thread holds, and working without it are found out. */
#pragma once

#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static inline void lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
#ifdef UFFD_GUARD_CHECKS
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
#endif
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
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

/* For check(): this thread holds it. Only a lock that is checked can tell. */
static inline bool lock_is_held(const pthread_mutex_t *lock)
{
	return pthread_mutex_lock((pthread_mutex_t *)lock) == EDEADLK;
}

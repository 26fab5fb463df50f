/* SPDX-License-Identifier: MIT */
/*
 * close(2) of a file that a client serves (FUSE) asks its server, and waits for the answer as long
 * as the client likes.
 */
#include "base/close_aside.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_more = PTHREAD_COND_INITIALIZER;
static int *waiting;		      /* lock */
static size_t n_waiting, n_allocated; /* lock */
static bool has_thread;		      /* lock */

static int take_next(void)
{
	pthread_mutex_lock(&lock);
	while (n_waiting == 0)
		pthread_cond_wait(&has_more, &lock);
	const int fd = waiting[--n_waiting];
	pthread_mutex_unlock(&lock);
	return fd;
}

static void *close_all(void *data)
{
	(void)data;
	for (;;)
		close(take_next());
	return NULL;
}

/* Under the lock. The program's signals are not for this thread. */
static bool start_thread(void)
{
	sigset_t all, before;
	pthread_t thread;
	if (has_thread)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	has_thread = pthread_create(&thread, NULL, close_all, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (has_thread)
		pthread_detach(thread);
	return has_thread;
}

/* Under the lock. */
static bool make_room(void)
{
	if (n_waiting < n_allocated)
		return true;
	int *more = realloc(waiting, (n_allocated + MANY) * sizeof(*more));
	if (!more)
		return false;
	waiting = more;
	n_allocated += MANY;
	return true;
}

/* A descriptor that stays open for want of memory is better than a display that stands still. */
static bool leave_to_thread(int fd)
{
	pthread_mutex_lock(&lock);
	const bool has_room = make_room();
	if (has_room)
		waiting[n_waiting++] = fd;
	const bool may = has_room && start_thread() && n_waiting <= MANY;
	pthread_cond_signal(&has_more);
	pthread_mutex_unlock(&lock);
	return may;
}

bool close_would_wait(int fd)
{
	struct statx stx;
	if (fcntl(fd, F_GET_SEALS) >= 0)
		return false; /* only files that are memory have seals */
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 ||
	       S_ISREG(stx.stx_mode) || S_ISDIR(stx.stx_mode);
}

bool close_aside(int fd)
{
	if (close_would_wait(fd))
		return leave_to_thread(fd);
	close(fd);
	return true;
}

void close_aside_begin_anew(void)
{
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	has_more = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	waiting = NULL;
	n_waiting = n_allocated = 0;
	has_thread = false;
}

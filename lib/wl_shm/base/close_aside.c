/* SPDX-License-Identifier: MIT */
/*
 * close(2) of a file that a client serves (FUSE) asks its server, and waits for the answer as long
 * as the client likes.
 */
#include "base/close_aside.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define MOST_WAITING 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_more = PTHREAD_COND_INITIALIZER;
static int waiting[MOST_WAITING]; /* lock */
static unsigned n_waiting;	  /* lock */
static bool has_thread;		  /* lock */

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

static bool leave_to_thread(int fd)
{
	pthread_mutex_lock(&lock);
	const bool may = n_waiting < MOST_WAITING && start_thread();
	if (may) {
		waiting[n_waiting++] = fd;
		pthread_cond_signal(&has_more);
	}
	pthread_mutex_unlock(&lock);
	return may;
}

bool close_aside(int fd)
{
	/* Only files that are memory have seals. */
	if (fcntl(fd, F_GET_SEALS) >= 0) {
		close(fd);
		return true;
	}
	if (leave_to_thread(fd))
		return true;
	close(fd);
	return false;
}

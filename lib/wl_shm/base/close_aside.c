/* SPDX-License-Identifier: MIT */
/*
 * close(2) of a file that a client serves (FUSE) asks its server, and waits for the answer as long
 * as the client likes. The last close of a file that is memory frees its pages: of a gibibyte that
 * takes a tenth of a second, and it is the compositor's if the client was faster. Each kind has a
 * thread, so that memory of others is not kept while a server does not answer.
 */
#include "base/close_aside.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY	   256
#define MANY_LARGE 16 /* whoever makes more of them waits: nobody has them kept without end */
#define LARGE	   (1 << 20) /* bytes that take longer to free than to wake a thread */

struct closer {
	pthread_mutex_t lock;
	pthread_cond_t has_more;
	int *waiting;		       /* lock */
	size_t n_waiting, n_allocated; /* lock */
	bool has_thread;	       /* lock */
};

static struct closer of_files = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.has_more = PTHREAD_COND_INITIALIZER };
static struct closer of_memory = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.has_more = PTHREAD_COND_INITIALIZER };

static int take_next(struct closer *closer)
{
	pthread_mutex_lock(&closer->lock);
	while (closer->n_waiting == 0)
		pthread_cond_wait(&closer->has_more, &closer->lock);
	const int fd = closer->waiting[--closer->n_waiting];
	pthread_mutex_unlock(&closer->lock);
	return fd;
}

static void *close_all(void *data)
{
	for (;;)
		close(take_next(data));
	return NULL;
}

/* Under the lock. The program's signals are not for this thread. */
static bool start_thread(struct closer *closer)
{
	sigset_t all, before;
	pthread_t thread;
	if (closer->has_thread)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	closer->has_thread = pthread_create(&thread, NULL, close_all, closer) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (closer->has_thread)
		pthread_detach(thread);
	return closer->has_thread;
}

/* Under the lock. */
static bool make_room(struct closer *closer)
{
	if (closer->n_waiting < closer->n_allocated)
		return true;
	int *more = realloc(closer->waiting, (closer->n_allocated + MANY) * sizeof(*more));
	if (!more)
		return false;
	closer->waiting = more;
	closer->n_allocated += MANY;
	return true;
}

/* A descriptor that stays open for want of memory is better than a display that stands still. */
static bool leave_to_thread(struct closer *closer, int fd)
{
	pthread_mutex_lock(&closer->lock);
	const bool has_room = make_room(closer);
	if (has_room)
		closer->waiting[closer->n_waiting++] = fd;
	const bool may = has_room && start_thread(closer) && closer->n_waiting <= MANY;
	pthread_cond_signal(&closer->has_more);
	pthread_mutex_unlock(&closer->lock);
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
		return leave_to_thread(&of_files, fd);
	close(fd);
	return true;
}

static bool is_large_memory(int fd)
{
	struct stat st;
	return fcntl(fd, F_GET_SEALS) >= 0 && fstat(fd, &st) == 0 && st.st_blocks >= LARGE / 512;
}

static bool may_have_more(struct closer *closer)
{
	pthread_mutex_lock(&closer->lock);
	const bool may =
		closer->n_waiting < MANY_LARGE && make_room(closer) && start_thread(closer);
	pthread_mutex_unlock(&closer->lock);
	return may;
}

int close_aside_hold(int fd)
{
	return fd >= 0 && is_large_memory(fd) && may_have_more(&of_memory)
		       ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
		       : -1;
}

void close_aside_release(int held)
{
	if (held >= 0)
		leave_to_thread(&of_memory, held);
}

static void begin_anew(struct closer *closer)
{
	*closer = (struct closer){ .lock = PTHREAD_MUTEX_INITIALIZER,
		.has_more = PTHREAD_COND_INITIALIZER };
}

void close_aside_begin_anew(void)
{
	begin_anew(&of_files);
	begin_anew(&of_memory);
}

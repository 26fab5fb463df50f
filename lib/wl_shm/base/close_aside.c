/* SPDX-License-Identifier: MIT */
/*
 * close(2) of a file that a client serves (FUSE) asks its server, and waits for the answer as long
 * as the client likes. So each client has a thread for it: what others have closed does not wait
 * behind it. The last close of a file that is memory frees its pages: of a gibibyte that takes a
 * tenth of a second, and it is the compositor's if the client was faster. Nobody can hold that up,
 * so one thread does it for all.
 *
 * Descriptors that wait are the process's, so whoever has many of them is told.
 */
#include "base/close_aside.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY	    64 /* of an owner; that many pools come in less than two turns of the event loop */
#define MANY_LARGE  16 /* of all, of which an owner has half: more are not kept for the thread */
#define LARGE	    (1 << 20) /* bytes that take longer to free than to wake a thread */
#define MANY_OWNERS 16	      /* threads */

struct waiting {
	int fd;
	uint64_t owner;
};

/* Has a thread. All is under the lock. */
struct closer {
	bool has_thread, is_closing;
	uint64_t owner; /* of what it closes, or closed last */
	struct waiting *waiting;
	size_t n_waiting, n_allocated;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_more = PTHREAD_COND_INITIALIZER; /* any of them */
static struct closer of_memory, of_files[MANY_OWNERS];

/* ---- Threads ---- */

static int take_next(struct closer *closer)
{
	pthread_mutex_lock(&lock);
	closer->is_closing = false;
	while (closer->n_waiting == 0)
		pthread_cond_wait(&has_more, &lock);
	const int fd = closer->waiting[--closer->n_waiting].fd;
	closer->is_closing = true;
	pthread_mutex_unlock(&lock);
	return fd;
}

static void *close_all(void *data)
{
	for (;;)
		close(take_next(data));
	return NULL;
}

/* The program's signals are not for this thread. */
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

/* ---- What waits; under the lock ---- */

static bool make_room(struct closer *closer)
{
	if (closer->n_waiting < closer->n_allocated)
		return true;
	struct waiting *more =
		realloc(closer->waiting, (closer->n_allocated + MANY) * sizeof(*more));
	if (!more)
		return false;
	closer->waiting = more;
	closer->n_allocated += MANY;
	return true;
}

static bool leave_to_thread(struct closer *closer, int fd, uint64_t owner)
{
	if (!make_room(closer))
		return false;
	closer->waiting[closer->n_waiting++] = (struct waiting){ fd, owner };
	const bool has_thread = start_thread(closer);
	pthread_cond_broadcast(&has_more);
	return has_thread;
}

static bool is_busy(const struct closer *closer)
{
	return closer->is_closing || closer->n_waiting > 0;
}

/* Where all have a thread that is busy for somebody else, it waits behind one of them. */
static struct closer *closer_of(uint64_t owner)
{
	struct closer *found = NULL;
	for (size_t i = 0; i < MANY_OWNERS; i++) {
		struct closer *closer = &of_files[i];
		if (is_busy(closer) && closer->owner == owner)
			return closer;
		if (!is_busy(closer) && (!found || (closer->has_thread && !found->has_thread)))
			found = closer;
	}
	if (!found)
		return &of_files[owner % MANY_OWNERS];
	found->owner = owner;
	return found;
}

static size_t count_of(const struct closer *closer, uint64_t owner)
{
	size_t n = 0;
	for (size_t i = 0; i < closer->n_waiting; i++)
		n += closer->waiting[i].owner == owner;
	return n;
}

/* ---- Files ---- */

static bool is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0; /* only files that are memory have seals */
}

/* The last close of a socket on which its owner has set SO_LINGER waits until the other end has
 * taken what was sent; not if it is of this machine alone. */
static bool may_linger(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t size = sizeof(domain);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain != AF_UNIX;
}

bool close_would_wait(int fd)
{
	struct statx stx;
	if (is_memory(fd))
		return false;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 ||
	       S_ISREG(stx.stx_mode) || S_ISDIR(stx.stx_mode) ||
	       (S_ISSOCK(stx.stx_mode) && may_linger(fd));
}

/* A descriptor that stays open for want of memory is better than a display that stands still. */
bool close_aside(int fd, uint64_t owner)
{
	/* What else is sent as a pool may be anything: a userfaultfd, say, whose close waits for
	 * its owner's mmap_lock. */
	if (is_memory(fd)) {
		close(fd);
		return true;
	}
	pthread_mutex_lock(&lock);
	struct closer *closer = closer_of(owner);
	bool may = count_of(closer, owner) < MANY;
	may &= leave_to_thread(closer, fd, owner);
	pthread_mutex_unlock(&lock);
	return may;
}

/* ---- Memory ---- */

static bool is_large_memory(int fd)
{
	struct stat st;
	return is_memory(fd) && fstat(fd, &st) == 0 && st.st_blocks >= LARGE / 512;
}

static bool may_have_more(uint64_t owner)
{
	pthread_mutex_lock(&lock);
	const bool may = count_of(&of_memory, owner) + of_memory.n_waiting < MANY_LARGE &&
			 make_room(&of_memory) && start_thread(&of_memory);
	pthread_mutex_unlock(&lock);
	return may;
}

int close_aside_hold(int fd, uint64_t owner)
{
	return fd >= 0 && is_large_memory(fd) && may_have_more(owner)
		       ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
		       : -1;
}

void close_aside_release(int held, uint64_t owner)
{
	if (held < 0)
		return;
	pthread_mutex_lock(&lock);
	leave_to_thread(&of_memory, held, owner);
	pthread_mutex_unlock(&lock);
}

/* ---- fork(2) ---- */

void close_aside_begin_anew(void)
{
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	has_more = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	of_memory = (struct closer){ .has_thread = false };
	for (size_t i = 0; i < MANY_OWNERS; i++)
		of_files[i] = (struct closer){ .has_thread = false };
}

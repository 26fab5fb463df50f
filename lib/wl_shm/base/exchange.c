/* SPDX-License-Identifier: MIT */
/*
 * dup3(2) closes what was behind the number, and the close of a file that a client serves (FUSE)
 * waits for its server: close_aside.c. But it puts the new file there first. So a thread does it,
 * and the caller goes on as soon as the new file is seen.
 */
#include "base/exchange.h"

#include "base/close_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST_STALLED 32 /* threads */

struct exchange {
	int fd, by;
	uint64_t owner;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t owners[MOST_STALLED]; /* lock; of a thread each */
static size_t n_threads;	      /* lock */

/* Whoever has as many as it leaves for all others gets no more: a single one has half of them. */
static bool count_thread(uint64_t owner)
{
	size_t n_own = 0;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_threads; i++)
		n_own += owners[i] == owner;
	const bool may = n_own + n_threads < MOST_STALLED;
	if (may)
		owners[n_threads++] = owner;
	pthread_mutex_unlock(&lock);
	return may;
}

static void uncount_thread(uint64_t owner)
{
	size_t i = 0;
	pthread_mutex_lock(&lock);
	while (owners[i] != owner)
		i++;
	owners[i] = owners[--n_threads];
	pthread_mutex_unlock(&lock);
}

static void *run(void *data)
{
	const struct exchange exchange = *(struct exchange *)data;
	free(data);
	dup3(exchange.by, exchange.fd, O_CLOEXEC);
	close(exchange.by);
	uncount_thread(exchange.owner);
	return NULL;
}

/* The program's signals are not for this thread. */
static int start_thread(struct exchange *exchange)
{
	sigset_t all, before;
	pthread_t thread;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&thread, NULL, run, exchange);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		pthread_detach(thread);
	return -err;
}

/* A file that waits at its close has no seals, and what takes its place has. */
static bool is_exchanged(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

static int start_exchange(int fd, int by, uint64_t owner)
{
	struct exchange *exchange = malloc(sizeof(*exchange));
	if (!exchange)
		return -ENOMEM;
	*exchange = (struct exchange){ fd, fcntl(by, F_DUPFD_CLOEXEC, 0), owner };
	int err = exchange->by < 0 ? -errno : 0;
	if (!err && (err = start_thread(exchange)))
		close(exchange->by);
	if (err)
		free(exchange);
	return err;
}

static int exchange_aside(int fd, int by, uint64_t owner)
{
	if (!count_thread(owner))
		return -EAGAIN;
	int err = start_exchange(fd, by, owner);
	if (err) {
		uncount_thread(owner);
		return err;
	}
	const struct timespec moment = { .tv_nsec = 20000 };
	while (!is_exchanged(fd))
		nanosleep(&moment, NULL);
	return 0;
}

int exchange_descriptor(int fd, int by, uint64_t owner)
{
	if (close_would_wait(fd))
		return exchange_aside(fd, by, owner);
	return dup3(by, fd, O_CLOEXEC) < 0 ? -errno : 0;
}

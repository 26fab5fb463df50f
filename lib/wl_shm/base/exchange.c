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
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST_STALLED 16 /* threads; a client whose file stalls can have so many */

struct exchange {
	int fd, by;
};

static atomic_uint n_threads;

static void *run(void *data)
{
	const struct exchange exchange = *(struct exchange *)data;
	free(data);
	dup3(exchange.by, exchange.fd, O_CLOEXEC);
	close(exchange.by);
	atomic_fetch_sub(&n_threads, 1);
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

static int exchange_aside(int fd, int by)
{
	struct exchange *exchange = malloc(sizeof(*exchange));
	if (!exchange || atomic_load(&n_threads) >= MOST_STALLED) {
		free(exchange);
		return -EAGAIN;
	}
	*exchange = (struct exchange){ .fd = fd, .by = fcntl(by, F_DUPFD_CLOEXEC, 0) };
	int err = exchange->by < 0 ? -errno : 0;
	if (!err && (err = start_thread(exchange)))
		close(exchange->by);
	if (err) {
		free(exchange);
		return err;
	}
	atomic_fetch_add(&n_threads, 1);
	const struct timespec moment = { .tv_nsec = 20000 };
	while (!is_exchanged(fd))
		nanosleep(&moment, NULL);
	return 0;
}

int exchange_descriptor(int fd, int by)
{
	if (close_would_wait(fd))
		return exchange_aside(fd, by);
	return dup3(by, fd, O_CLOEXEC) < 0 ? -errno : 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Some calls of the kernel sleep uninterruptibly for as long as a client likes (F_ADD_SEALS, which
 * takes the inode's lock), or a scanner of files (a read of a file that it watches). So somebody
 * else makes them, and whoever has asked looks later.
 *
 * Not a thread of the program: it could not be ended, and setuid(), exec() and exit would wait for
 * it. It is a child process that shares memory and descriptors and tells nobody of its end, so it
 * costs no copy of either. A thread starts it and waits for it, interruptibly. Both are soon gone,
 * unless the client or the scanner wants otherwise; then they are few.
 */
#include "file/aside.h"

#include "base/futex.h"
#include "kernel/descriptor.h"
#include "kernel/valgrind.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE  ((size_t)32 << 10)
#define SMALL_STACK ((size_t)128 << 10)

#ifdef __SANITIZE_THREAD__
#define IS_THREAD_SANITIZED true
#else
#define IS_THREAD_SANITIZED false
#endif

/* Not of malloc(3), which would make an arena for the thread. */
struct aside {
	atomic_uint references;	    /* whoever has asked; the thread */
	_Atomic uint32_t has_ended; /* a futex */
	struct aside_count *count;
	aside_call *call;
	int result;
	int fd; /* its own, until the end */
	struct descriptor_file file;
	_Alignas(16) char stack[STACK_SIZE]; /* the child's */
};

/* ---- How many ---- */

/* The process in the upper half: a child of fork() has none of its parent's under way. */
static bool count_one(struct aside_count *count)
{
	const uint64_t process = (uint64_t)getpid() << 32;
	uint64_t before = atomic_load(&count->n_of_process), n;
	do {
		n = before >> 32 == process >> 32 ? (uint32_t)before : 0;
		if (n >= count->most)
			return false;
	} while (!atomic_compare_exchange_weak(&count->n_of_process, &before, process | (n + 1)));
	return true;
}

static void uncount_one(struct aside_count *count)
{
	atomic_fetch_sub(&count->n_of_process, 1);
}

/* ---- The child, and the thread that waits for it ---- */

/* The number is still of the file only if the program has not closed it. */
static bool is_open(const struct aside *aside)
{
	return descriptor_is_of(aside->fd, &aside->file);
}

/* Whoever has asked may count descriptors after it. */
static void end(struct aside *aside)
{
	if (is_open(aside))
		close(aside->fd);
	atomic_store(&aside->has_ended, 1);
	futex_wake(&aside->has_ended);
}

/* It runs with the thread's own storage, which the thread does not use meanwhile; sanitizers do not
 * know that. */
#define IN_CHILD __attribute__((no_sanitize("address")))

/* model: direct child */
IN_CHILD static int make_call(void *data)
{
	struct aside *aside = data;
	if (is_open(aside))
		aside->result = aside->call(aside->fd);
	end(aside);
	return 0;
}

static void make_call_in_child(struct aside *aside)
{
	const int shared = CLONE_VM | CLONE_FILES | CLONE_FS;
	if (IS_THREAD_SANITIZED || valgrind_is_there()) { /* they know no such children */
		make_call(aside);
		return;
	}
	const pid_t child = clone(make_call, aside->stack + STACK_SIZE, shared, aside);
	while (child > 0 && waitpid(child, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static void *run(void *data)
{
	struct aside *aside = data;
	make_call_in_child(aside);
	if (!aside_has_ended(aside)) /* there was no child */
		end(aside);
	struct aside_count *count = aside->count;
	aside_drop(aside);
	uncount_one(count);
	return NULL;
}

/* The program's signals are not for this thread. */
static bool start_thread(struct aside *aside)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* Where all memory is locked (mlockall), a small stack may be had, and a usual one not.
	 * -EINVAL: it has no room for the program's thread-local storage. */
	size_t usual;
	pthread_attr_getstacksize(&attr, &usual);
	pthread_attr_setstacksize(&attr, SMALL_STACK);
	int err = pthread_create(&thread, &attr, run, aside);
	if (err == EINVAL && pthread_attr_setstacksize(&attr, usual) == 0)
		err = pthread_create(&thread, &attr, run, aside);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err == 0;
}

/* ---- Asking ---- */

struct aside *aside_begin(
	struct aside_count *count, int fd, const struct descriptor_file *file, aside_call *call)
{
	if (!count_one(count))
		return NULL;
	struct aside *fresh = mmap(
		NULL, sizeof(*fresh), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		goto err_count;
	const int own = descriptor_duplicate(fd);
	if (own < 0)
		goto err_memory;
	atomic_init(&fresh->references, 2);
	atomic_init(&fresh->has_ended, 0);
	fresh->count = count;
	fresh->call = call;
	fresh->result = -1;
	fresh->fd = own;
	fresh->file = *file;
	if (start_thread(fresh))
		return fresh;

	close(own);
err_memory:
	munmap(fresh, sizeof(*fresh));
err_count:
	uncount_one(count);
	return NULL;
}

bool aside_wait(struct aside *aside, uint64_t limit)
{
	while (!aside_has_ended(aside) && futex_wait_until(&aside->has_ended, 0, limit))
		;
	return aside_has_ended(aside);
}

bool aside_has_ended(const struct aside *aside)
{
	return atomic_load(&aside->has_ended);
}

int aside_result(const struct aside *aside)
{
	return aside->result;
}

void aside_drop(struct aside *aside)
{
	if (aside && atomic_fetch_sub(&aside->references, 1) == 1)
		munmap(aside, sizeof(*aside));
}

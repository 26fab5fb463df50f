/* SPDX-License-Identifier: MIT */
/*
 * F_ADD_SEALS takes the inode's lock, uninterruptibly. A client may hold that for ever: write(2)
 * keeps it while it reads the writer's memory, which the client may serve itself. So somebody else
 * adds the seal, and whoever has asked looks later.
 *
 * Not a thread of the program: it could not be ended, and setuid(), exec() and exit would wait for
 * it. It is a child process that shares memory and descriptors and tells nobody of its end, so it
 * costs no copy of either. A thread starts it and waits for it, interruptibly. Both are gone after
 * microseconds, unless a client wants otherwise; then they are few.
 */
#include "file/seal.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/page.h"
#include "file/source.h"
#include "kernel/valgrind.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SEALINGS 8
#define STACK_SIZE    ((size_t)32 << 10)
#define SMALL_STACK   ((size_t)128 << 10)

#ifdef __SANITIZE_THREAD__
#define IS_THREAD_SANITIZED true
#else
#define IS_THREAD_SANITIZED false
#endif

/* All callers together wait a hundredth of the time at most. */
#define MOST_WAIT_NS   (8 * NS_PER_MS)
#define SHARE_OF_WAITS 100

/* Not of malloc(3), which would make an arena for the thread. */
struct sealing {
	atomic_uint references;	    /* whoever has asked; the thread */
	_Atomic uint32_t has_ended; /* a futex */
	int fd;			    /* its own, until the child has begun */
	struct descriptor_file file;
	_Alignas(16) char stack[STACK_SIZE]; /* the child's */
};

/* ---- How many ---- */

/* The process in the upper half: a child of fork() has none of its parent's under way. */
static _Atomic uint64_t n_of_process;

static bool count_sealing(void)
{
	const uint64_t process = (uint64_t)getpid() << 32;
	uint64_t before = atomic_load(&n_of_process), n;
	do {
		n = before >> 32 == process >> 32 ? (uint32_t)before : 0;
		if (n >= MOST_SEALINGS)
			return false;
	} while (!atomic_compare_exchange_weak(&n_of_process, &before, process | (n + 1)));
	return true;
}

static void uncount_sealing(void)
{
	atomic_fetch_sub(&n_of_process, 1);
}

/* ---- The child, and the thread that waits for it ---- */

/* Again only if the number is still of the file: the program may have closed it. Runs with the
 * thread's own storage, which the thread does not use meanwhile; sanitizers do not know that. */
__attribute__((no_sanitize("address"))) static int add_seal(void *data)
{
	const struct sealing *sealing = data;
	if (descriptor_is_of(sealing->fd, &sealing->file))
		fcntl(sealing->fd, F_ADD_SEALS, F_SEAL_SHRINK);
	return 0;
}

static void add_seal_in_child(struct sealing *sealing)
{
	const int shared = CLONE_VM | CLONE_FILES | CLONE_FS;
	if (IS_THREAD_SANITIZED || valgrind_is_there()) { /* they know no such children */
		add_seal(sealing);
		return;
	}
	const pid_t child = clone(add_seal, sealing->stack + STACK_SIZE, shared, sealing);
	while (child > 0 && waitpid(child, NULL, __WALL) < 0 && errno == EINTR)
		;
}

/* model: direct child */
static void *run(void *data)
{
	struct sealing *sealing = data;
	add_seal_in_child(sealing);
	if (descriptor_is_of(sealing->fd, &sealing->file))
		close(sealing->fd);
	atomic_store(&sealing->has_ended, 1);
	futex_wake(&sealing->has_ended);
	sealing_drop(sealing);
	uncount_sealing();
	return NULL;
}

/* The program's signals are not for this thread. */
static bool start_thread(struct sealing *sealing)
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
	int err = pthread_create(&thread, &attr, run, sealing);
	if (err == EINVAL && pthread_attr_setstacksize(&attr, usual) == 0)
		err = pthread_create(&thread, &attr, run, sealing);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err == 0;
}

/* ---- Asking ---- */

enum seal_prospect seal_prospect(const struct source *source)
{
	const int seals = fcntl(source->fd, F_GET_SEALS);
	if (source->kind != SOURCE_MEMORY || seals < 0)
		return SEAL_REFUSED;
	if (seals & F_SEAL_SHRINK)
		return SEAL_THERE;
	return source->writable && !(seals & F_SEAL_SEAL) ? SEAL_MISSING : SEAL_REFUSED;
}

struct sealing *sealing_begin(const struct source *source)
{
	if (!count_sealing())
		return NULL;
	struct sealing *fresh = mmap(
		NULL, sizeof(*fresh), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		goto err_count;
	const int fd = descriptor_duplicate(source->fd);
	if (fd < 0)
		goto err_memory;
	atomic_init(&fresh->references, 2);
	atomic_init(&fresh->has_ended, 0);
	fresh->fd = fd;
	fresh->file = source->file;
	if (start_thread(fresh))
		return fresh;

	close(fd);
err_memory:
	munmap(fresh, sizeof(*fresh));
err_count:
	uncount_sealing();
	return NULL;
}

/* Up to when the time for waiting is used, if it is given out evenly. Two threads at once may use
 * the same. */
static _Atomic uint64_t used_until;

static uint64_t time_to_wait(uint64_t now)
{
	const uint64_t most = MOST_WAIT_NS * SHARE_OF_WAITS, used = atomic_load(&used_until);
	const uint64_t rest = now > used ? now - used : 0;
	return min_u64(rest, most) / SHARE_OF_WAITS;
}

static void note_wait(uint64_t begin, uint64_t end)
{
	const uint64_t most = MOST_WAIT_NS * SHARE_OF_WAITS;
	const uint64_t used = max_u64(atomic_load(&used_until), end > most ? end - most : 0);
	atomic_store(&used_until, used + (end - begin) * SHARE_OF_WAITS);
}

bool sealing_wait(struct sealing *sealing)
{
	const uint64_t begin = now_ns(), limit = begin + time_to_wait(begin);
	while (!sealing_has_ended(sealing) && futex_wait_until(&sealing->has_ended, 0, limit))
		;
	note_wait(begin, now_ns());
	return sealing_has_ended(sealing);
}

bool sealing_has_ended(const struct sealing *sealing)
{
	return atomic_load(&sealing->has_ended);
}

void sealing_drop(struct sealing *sealing)
{
	if (sealing && atomic_fetch_sub(&sealing->references, 1) == 1)
		munmap(sealing, sizeof(*sealing));
}

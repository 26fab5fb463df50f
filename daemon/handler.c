/* SPDX-License-Identifier: MIT */
/*
 * The life of the handler thread: start, serve, give up, stop.
 *
 * Everything it needs is allocated before it serves. It blocks all signals, takes no lock, and
 * calls nothing that might: whoever it could wait for may be the one who waits for it, in the midst
 * of malloc() or with a stdio stream locked.
 *
 * It gives up when a fault cannot be answered or the userfaultfd cannot be read. Then it
 * unregisters every region, which wakes all waiters and leaves plain memory, zeros where nothing
 * was filled; each region's loss is reported before. Closing the userfaultfd alone would not do:
 * after a fork() the child holds it open.
 */
#include "daemon/handler.h"

#include "daemon/fault.h"
#include "daemon/loop.h"
#include "daemon/sandbox.h"
#include "daemon/slow.h"

#include "base/clock.h"
#include "state/guard.h"
#include "state/probes.h"
#include "state/region.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define STACK_SIZE ((size_t)256 << 10)

void (*handler_test_hook)(void);

struct handler {
	struct uffd_guard *guard;
	pthread_t thread;
	struct loop loop;
	struct staging *staging;
	struct ahead ahead;
	struct slow slow;
	struct sandbox sandbox;
	struct handler_options options;

	sem_t is_ready; /* posted by the thread once; what stands below is then set */
	int start_error;
	bool uses_io_uring, is_sandboxed, missed_scheduling;
	int creator_policy;
	struct sched_param creator_param;

	unsigned n_vain; /* times in a row that the kernel said: ask again */
	uint64_t vain_since;

	uint64_t stop_limit_ns;
	atomic_bool shall_stop;

	/* Between the thread's end and who stops it. */
	sem_t has_ended, may_free;
	bool lingers; /* set before has_ended: then all of this is the thread's to free, after
			 may_free */
};

/* ---- Serving ---- */

static bool is_answered(const struct answer *answers, int n_answers, uintptr_t address)
{
	for (int i = 0; i < n_answers; i++) {
		if (address >= answers[i].start && address < answers[i].end)
			return true;
	}
	return false;
}

/* Messages of one read: what one answer has filled, the next message need not ask for again. */
static int serve(struct handler *handler, const struct uffd_msg *messages, int n_messages)
{
	struct answer answers[LOOP_MESSAGES];
	uint64_t start = now_ns();
	int err = 0;

	for (int i = 0; i < n_messages && !err; i++) {
		uintptr_t address = page_floor(messages[i].arg.pagefault.address);
		answers[i] = (struct answer){ .start = 0 };
		if (messages[i].event != UFFD_EVENT_PAGEFAULT)
			continue; /* no other event is enabled */
		if (messages[i].arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			fault_note_store(handler->guard, address);
		else if (!is_answered(answers, i, address))
			err = fault_answer(handler->guard, handler->staging, address, &answers[i],
				&handler->ahead);
		if (!answers[i].is_later)
			stats_count_fault(handler->guard->stats, now_ns() - start);
	}
	return err;
}

/* What is not a fault: requests of callers, files that are late, reading ahead. */
static int serve_others(struct handler *handler, bool has_time)
{
	struct slow *slow = &handler->slow;
	slow_take_requests(slow);
	if (handler->loop.wake_at)
		slow_expire(slow, now_ns());
	if (has_time && handler->ahead.n_pages > 0)
		fault_fill_ahead(handler->guard, handler->staging, &handler->ahead);
	handler->loop.wake_at = slow_next_deadline(slow);
	return slow->error;
}

/* Memory may be short for a moment, and a fault be gone before it is read. But for ever, that is a
 * hang. */
#define MOST_VAIN    1000
#define MOST_VAIN_NS NS_PER_S

static int wait_for_faults(struct handler *handler, struct uffd_msg *messages)
{
	struct loop *loop = &handler->loop;
	int n = loop->ops->wait(loop, messages, handler->ahead.n_pages == 0);
	if (n != -EAGAIN) {
		handler->n_vain = 0;
		return n;
	}
	if (handler->n_vain++ == 0)
		handler->vain_since = now_ns();
	const bool is_hopeless =
		handler->n_vain > MOST_VAIN && now_ns() - handler->vain_since > MOST_VAIN_NS;
	return is_hopeless ? n : 0;
}

static int serve_until_stopped(struct handler *handler)
{
	struct uffd_msg messages[LOOP_MESSAGES];
	int n = 0, err = 0;

	while (!err && !atomic_load(&handler->shall_stop)) {
		n = wait_for_faults(handler, messages);
		stats_add(&handler->guard->stats->wakeups, 1);
		err = n > 0 ? serve(handler, messages, n) : n;
		if (!err)
			err = serve_others(handler, n == 0);
		if (!err && atomic_load(&handler->guard->uffd.failed_to_wake))
			err = -EIO;
	}
	return err;
}

/* ---- Giving up ---- */

/* Regions that appear from now on find gave_up set: see mapping_make_accessible(). */
static void give_up(struct handler *handler)
{
	struct uffd_guard *guard = handler->guard;
	atomic_store(&guard->gave_up, true);

	uint32_t lookup = epoch_enter(&guard->lookups);
	range_table_for_each (range, &guard->ranges) {
		struct uffd_guard_region *region = region_of_range(range);
		region_report_loss(region, region_direct_end(region), atomic_load(&region->length),
			UFFD_GUARD_LOST_HANDLER, 0);
	}
	range_table_for_each (range, &guard->ranges) {
		uintptr_t start = region_address(
			region_of_range(range), region_direct_end(region_of_range(range)));
		if (start < range->end)
			uffd_unregister(&guard->uffd, start, range->end - start);
	}
	epoch_leave(&guard->lookups, lookup);
}

/* ---- Start and stop ---- */

static int start_loop(struct handler *handler)
{
	struct loop *loop = &handler->loop;
	loop->uffd = &handler->guard->uffd;
	loop->shall_restrict = handler->options.may_use_sandbox;
	loop->ops = &loop_uring;
	if (handler->options.may_use_io_uring && loop->ops->start(loop) == 0)
		return 0;
	loop->ops = &loop_poll;
	loop->is_restricted = true; /* it has no ring */
	return loop->ops->start(loop);
}

static bool enter_sandbox(const struct handler *handler)
{
	return handler->loop.is_restricted && sandbox_enter(&handler->sandbox) == 0;
}

/* Policy and priority are inherited unless the creator asked for SCHED_RESET_ON_FORK, as real-time
 * clients of rtkit do. Asked of the kernel, for this thread: what glibc remembers of a new thread
 * is what its creator had. */
static bool take_over_scheduling(const struct handler *handler)
{
	struct sched_param param;
	if (sched_getscheduler(0) == handler->creator_policy && sched_getparam(0, &param) == 0 &&
		param.sched_priority == handler->creator_param.sched_priority)
		return true;
	return sched_setscheduler(0, handler->creator_policy, &handler->creator_param) == 0;
}

/* ---- Files that have not answered by the end ---- */

/* A thread that has asked the kernel for a page of a file cannot exit before it comes. So it waits
 * here, and whoever stops it goes on without it when that takes too long. */
static void wait_for_slow_files(struct handler *handler, bool has_time_limit)
{
	struct loop *loop = &handler->loop;
	struct uffd_msg messages[LOOP_MESSAGES];
	uint64_t limit = 0;
	int err = 0;
	while (handler->slow.n_in_flight > 0 && err >= 0 && (!limit || now_ns() < limit)) {
		if (!limit && has_time_limit && atomic_load(&handler->shall_stop))
			limit = now_ns() + handler->stop_limit_ns;
		loop->wake_at = limit;
		err = loop->ops->wait(loop, messages, true);
		slow_take_requests(&handler->slow);
	}
}

static void free_handler(struct handler *handler)
{
	if (handler->loop.wake_fd >= 0)
		close(handler->loop.wake_fd);
	staging_destroy(handler->staging);
	sem_destroy(&handler->is_ready);
	sem_destroy(&handler->has_ended);
	sem_destroy(&handler->may_free);
	free(handler);
}

static void end(struct handler *handler)
{
	wait_for_slow_files(handler, true);
	slow_close(&handler->slow);
	handler->lingers = handler->slow.n_in_flight > 0;
	const bool lingers = handler->lingers;
	if (!lingers)
		handler->loop.ops->finish(&handler->loop);
	sem_post(&handler->has_ended); /* if it does not linger, it is another's from now on */
	if (!lingers)
		return;

	while (sem_wait(&handler->may_free) < 0)
		;
	wait_for_slow_files(handler, false);
	handler->loop.ops->finish(&handler->loop);
	free_handler(handler);
}

/* A fault of this thread's own is not to need memory either. */
static void touch_stack(void)
{
	volatile char stack[STACK_SIZE / 4];
	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
}

static void *run(void *data)
{
	struct handler *handler = data;

	touch_stack();
	handler->missed_scheduling = !take_over_scheduling(handler);
	handler->start_error = start_loop(handler);
	handler->uses_io_uring = handler->loop.ops == &loop_uring;
	int err = handler->start_error;
	if (!err)
		handler->is_sandboxed = enter_sandbox(handler);
	sem_post(&handler->is_ready);
	if (err)
		return NULL;

	if (handler_test_hook)
		handler_test_hook();

	err = serve_until_stopped(handler);
	if (err) {
		PROBE_GIVE_UP(err);
		give_up(handler);
		slow_abandon(&handler->slow);
		uffd_abandon(&handler->guard->uffd, handler->loop.wake_fd);
	}
	end(handler);
	return NULL;
}

static int start_thread(struct handler *handler)
{
	pthread_attr_t attr;
	sigset_t all, before;
	sigfillset(&all);
	handler->creator_policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
	sched_getparam(0, &handler->creator_param);

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&handler->thread, &attr, run, handler);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return -err;

	pthread_setname_np(handler->thread, "uffd-guard");
	while (sem_wait(&handler->is_ready) < 0)
		; /* EINTR */
	if (handler->start_error)
		pthread_join(handler->thread, NULL);
	return handler->start_error;
}

static struct handler *create(struct uffd_guard *guard, const struct handler_options *options)
{
	struct handler *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->guard = guard;
	fresh->options = *options;
	sem_init(&fresh->is_ready, 0, 0);
	sem_init(&fresh->has_ended, 0, 0);
	sem_init(&fresh->may_free, 0, 0);
	fresh->stop_limit_ns = guard->read_deadline_ms * NS_PER_MS;
	slow_init(&fresh->slow, &fresh->loop);
	fresh->loop.slow = &fresh->slow;
	fresh->loop.wake_fd = -1;
	return fresh;
}

/* All that it needs is there before a fault needs it. */
static int prepare(struct handler *handler)
{
	const struct uffd_guard *guard = handler->guard;
	handler->staging = staging_create();
	if (!handler->staging)
		return -ENOMEM;
	staging_is_huge(handler->staging);
	memset(handler->staging->memory, 0, STAGING_SIZE);

	handler->loop.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (handler->loop.wake_fd < 0)
		return -errno;
	if (handler->options.may_use_sandbox)
		sandbox_prepare(
			&handler->sandbox, guard->uffd.fd, handler->loop.wake_fd, guard->events.fd);
	return 0;
}

int handler_start(
	struct uffd_guard *guard, const struct handler_options *options, struct handler **handler)
{
	struct handler *fresh = create(guard, options);
	if (!fresh)
		return -ENOMEM;
	int err = prepare(fresh);
	if (err)
		goto err_handler;
	guard->handler = fresh;
	err = start_thread(fresh);
	if (err)
		goto err_handler;
	guard->slow = loop_uring_can_read_files(&fresh->loop) ? &fresh->slow : NULL;
	*handler = fresh;
	return 0;

err_handler:
	free_handler(fresh);
	return err;
}

void handler_stop(struct handler *handler)
{
	atomic_store(&handler->shall_stop, true);
	eventfd_write(handler->loop.wake_fd, 1);
	while (sem_wait(&handler->has_ended) < 0)
		; /* EINTR */
	if (handler->lingers) {
		pthread_detach(handler->thread);
		sem_post(&handler->may_free);
		return;
	}
	pthread_join(handler->thread, NULL);
	free_handler(handler);
}

bool handler_uses_io_uring(const struct handler *handler)
{
	return handler->uses_io_uring;
}

bool handler_is_sandboxed(const struct handler *handler)
{
	return handler->is_sandboxed;
}

bool handler_missed_scheduling(const struct handler *handler)
{
	return handler->missed_scheduling;
}

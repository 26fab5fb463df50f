/* SPDX-License-Identifier: MIT */
/*
 * The life of the handler thread: start and stop. What it does between is serve.c.
 *
 * Everything it needs is allocated before it serves. It blocks all signals, takes no lock, and
 * calls nothing that might: the thread it would wait for may be waiting for it, in the midst
 * of malloc() or with a stdio stream locked.
 */
#include "daemon/handler.h"

#include "daemon/relief.h"
#include "daemon/sandbox.h"
#include "daemon/serve.h"
#include "daemon/stack.h"
#include "daemon/thread.h"

#include "base/clock.h"
#include "base/shared_work.h"
#include "base/watch.h"
#include "state/guard.h"
#include "state/probes.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

void (*handler_test_hook)(void);

struct handler {
	struct uffd_guard *guard;
	pthread_t thread;
	struct server server;
	struct sandbox sandbox;
	struct handler_options options;

	sem_t is_ready; /* posted by the thread once; what stands below is then set */
	int start_error;
	bool is_sandboxed, missed_scheduling;
	struct scheduling creators;

	uint64_t stop_limit_ns;

	/* Between the thread's end and the thread that stops it. */
	sem_t has_ended, may_free;
	bool outlives_guard; /* set before has_ended: then all of this is the thread's to free,
				after may_free */

	bool uses_io_uring; /* also while another thread serves by poll in its place */
	struct watch watch;
	_Atomic(struct relief *) relief; /* NULL: not started as yet */
	atomic_bool is_starting_relief;
};

/* ---- Start and stop ---- */

static int start_loop(struct handler *handler)
{
	struct loop *loop = &handler->server.loop;
	loop->uffd = &handler->guard->uffd;
	loop->shall_restrict = handler->options.may_use_sandbox;
	loop->ops = &loop_uring;
	if (handler->options.may_use_io_uring && loop->ops->start(loop) == 0) {
		struct server *server = &handler->server;
		if (loop_uring_can_read_files(loop))
			server->serving.scanned_reads = server->blocking_reads.scanned =
				&server->scanned_reads;
		return 0;
	}
	loop->ops = &loop_poll;
	loop->is_restricted = true; /* it has no ring */
	return loop->ops->start(loop);
}

static bool enter_sandbox(const struct handler *handler)
{
	return handler->server.loop.is_restricted && sandbox_enter(&handler->sandbox) == 0;
}

/* ---- Files that have not answered by the end ---- */

static unsigned count_in_flight(const struct handler *handler)
{
	return handler->server.blocking_reads.n_in_flight +
	       handler->server.scanned_reads.n_in_flight;
}

/* A thread that has asked the kernel for a page of a file cannot exit before it comes. So it waits
 * here, and whoever stops it goes on without it when that takes too long. */
/* model: blocking wait_for_files */
static void wait_for_blocking_files(struct handler *handler, bool has_time_limit)
{
	struct loop *loop = &handler->server.loop;
	struct uffd_msg messages[LOOP_MESSAGES];
	uint64_t limit = 0;
	bool is_told = false;
	int err = 0;
	while (count_in_flight(handler) > 0 && err >= 0 && (!limit || now_ns() < limit)) {
		if (!limit && has_time_limit &&
			(loop->is_deaf || atomic_load(&handler->server.shall_stop)))
			limit = now_ns() + handler->stop_limit_ns;
		loop->wake_at = limit;
		err = loop->ops->wait(loop, messages, true);
		if (err == -EBADF && loop->is_deaf && !is_told) {
			is_told = true; /* that is no reason to end before the files */
			err = 0;
		}
		blocking_reads_take_requests(&handler->server.blocking_reads, NULL);
	}
}

static void handler_free(struct handler *handler)
{
	wake_close(&handler->server.loop.wake);
	staging_destroy(handler->server.serving.staging);
	scanned_reads_finish(&handler->server.scanned_reads);
	sem_destroy(&handler->is_ready);
	sem_destroy(&handler->has_ended);
	sem_destroy(&handler->may_free);
	free(handler);
}

static void wait_until_guard_is_gone(struct handler *handler)
{
	while (sem_wait(&handler->may_free) < 0)
		;
}

static void linger(struct handler *handler)
{
	wait_for_blocking_files(handler, false);
	handler->server.loop.ops->finish(&handler->server.loop);
	handler_free(handler);
}

/* model: blocking finish, relief end, scanned end */
static void handler_end(struct handler *handler)
{
	wait_for_blocking_files(handler, true);
	blocking_reads_close(&handler->server.blocking_reads);
	handler->outlives_guard = count_in_flight(handler) > 0;
	const bool outlives_guard = handler->outlives_guard;
	if (outlives_guard) /* its userfaultfd is gone then */
		handler->server.loop.ops->abandon(&handler->server.loop);
	else
		handler->server.loop.ops->finish(&handler->server.loop);
	sem_post(&handler->has_ended); /* if it does not linger, it is another's from now on */
	if (!outlives_guard)
		return;
	wait_until_guard_is_gone(handler);
	linger(handler);
}

/* ---- Held up by a scanner of files ---- */

/* On the thread that stands in. */
/* model: relief end_without_handler */
static void end_without_handler(struct handler *handler)
{
	handler->outlives_guard = true;
	sem_post(&handler->has_ended);
}

/* It touches its own ring only: of the guard there is nothing left. */
/* model: relief linger */
static void linger_after_scanner(struct handler *handler)
{
	struct loop *loop = &handler->server.loop;
	wait_until_guard_is_gone(handler);
	loop->ops->abandon(loop);
	linger(handler);
}

/* 0 when it is over, or an error because of which the handler is to give up. False: it was held up,
 * and the guard has ended without it. */
/* model: relief serve_or_come_back */
static bool serve(struct handler *handler, int *err)
{
	struct server *server = &handler->server;
	while ((*err = serve_until_stopped(server)) == WATCH_ERR_TAKEN) {
		if (!watch_come_back(&handler->watch))
			return false;
		*err = 0;
		if (server->is_over)
			return true;
	}
	return true;
}

/* model: relief handler, scanned handler */
static void *handler_run(void *data)
{
	struct handler *handler = data;

	stack_touch();
	handler->missed_scheduling = !scheduling_take_over(&handler->creators);
	handler->server.may_look = shared_work_has_room();
	handler->start_error = start_loop(handler);
	int err = handler->start_error;
	if (!err)
		handler->is_sandboxed = enter_sandbox(handler);
	sem_post(&handler->is_ready);
	if (err)
		return NULL;

	if (handler_test_hook)
		handler_test_hook();

	if (!serve(handler, &err)) {
		linger_after_scanner(handler);
		return NULL;
	}
	if (err) {
		PROBE_GIVE_UP(err);
		serve_give_up(&handler->server);
	}
	handler_end(handler);
	return NULL;
}

static int handler_start_thread(struct handler *handler)
{
	scheduling_note(&handler->creators);
	int err = thread_start(&handler->thread, "uffd-guard", handler_run, handler);
	if (err)
		return err;
	while (sem_wait(&handler->is_ready) < 0)
		; /* EINTR */
	if (handler->start_error)
		pthread_join(handler->thread, NULL);
	return handler->start_error;
}

static void on_answer(void *data, uint64_t tag, int result)
{
	struct server *server = data;
	if (!scanned_reads_complete(&server->scanned_reads, tag, result))
		blocking_reads_complete(&server->blocking_reads, tag, result);
}

static struct handler *handler_create(
	struct uffd_guard *guard, const struct handler_options *options)
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
	struct server *server = &fresh->server;
	blocking_reads_init(&server->blocking_reads, &server->loop);
	scanned_reads_init(&server->scanned_reads, guard, &server->loop);
	watch_init(&fresh->watch);
	server->watch = &fresh->watch;
	server->serving = (struct serving){
		.guard = guard,
		.watch = &fresh->watch,
		.blocking_reads = &server->blocking_reads,
	};
	server->loop.n_workers = TURNS_MOST + N_SCANNED_READS;
	server->loop.on_answer = on_answer;
	server->loop.on_answer_data = server;
	wake_init_closed(&server->loop.wake);
	return fresh;
}

/* All that it needs is there before a fault needs it. */
static int handler_prepare(struct handler *handler)
{
	const struct uffd_guard *guard = handler->guard;
	handler->server.serving.staging = staging_create();
	if (!handler->server.serving.staging)
		return -ENOMEM;
	staging_touch(handler->server.serving.staging);
	memset(handler->server.serving.staging->memory, 0, STAGING_SIZE);

	struct wake *wake = &handler->server.loop.wake;
	int err = wake_open(wake, guard->events.source, guard->mark);
	if (err)
		return err;
	handler->server.blocking_reads.inbox.wake = wake;
	if (handler->options.may_use_sandbox)
		sandbox_prepare(&handler->sandbox, &guard->uffd, &wake->bell, &guard->events.bell);
	return 0;
}

int handler_start(
	struct uffd_guard *guard, const struct handler_options *options, struct handler **handler)
{
	struct handler *fresh = handler_create(guard, options);
	if (!fresh)
		return -ENOMEM;
	int err = handler_prepare(fresh);
	if (err)
		goto err_handler;
	guard->handler = fresh;
	err = handler_start_thread(fresh);
	if (err)
		goto err_handler;
	fresh->uses_io_uring = fresh->server.loop.ops == &loop_uring;
	guard->blocking_inbox = loop_uring_can_read_files(&fresh->server.loop)
					? &fresh->server.blocking_reads.inbox
					: NULL;
	*handler = fresh;
	return 0;

err_handler:
	handler_free(fresh);
	return err;
}

/* model: blocking stop, relief stop */
void handler_stop(struct handler *handler)
{
	atomic_store(&handler->server.shall_stop, true);
	wake_send(&handler->server.loop.wake);
	while (sem_wait(&handler->has_ended) < 0)
		; /* EINTR */
	relief_stop(atomic_load(&handler->relief));
	if (handler->outlives_guard) {
		pthread_detach(handler->thread);
		sem_post(&handler->may_free);
		return;
	}
	pthread_join(handler->thread, NULL);
	handler_free(handler);
}

#define LEAST_PATIENCE_NS (200 * NS_PER_MS)

bool handler_expect_scanners(struct handler *handler)
{
	const uint64_t deadline_ns = handler->guard->read_deadline_ms * NS_PER_MS;
	const struct relief_options options = {
		.server = &handler->server,
		.sandbox = &handler->sandbox,
		.scheduling = &handler->creators,
		.patience_ns = deadline_ns > LEAST_PATIENCE_NS ? deadline_ns : LEAST_PATIENCE_NS,
		.end = end_without_handler,
		.handler = handler,
	};
	if (atomic_load(&handler->relief))
		return true;
	if (atomic_exchange(&handler->is_starting_relief, true))
		return false;
	struct relief *fresh = relief_start(&options);
	if (fresh)
		scanned_reads_prepare(&handler->server.scanned_reads);
	atomic_store(&handler->relief, fresh);
	atomic_store(&handler->is_starting_relief, fresh != NULL);
	return fresh != NULL;
}

struct inbox *handler_inbox(struct handler *handler)
{
	return &handler->server.blocking_reads.inbox;
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

const struct sandbox *handler_sandbox(const struct handler *handler)
{
	return &handler->sandbox;
}

const struct scheduling *handler_scheduling(const struct handler *handler)
{
	return &handler->creators;
}

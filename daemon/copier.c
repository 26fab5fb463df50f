/* SPDX-License-Identifier: MIT */
/*
 * The copier: a second thread of a guard, for long copies.
 *
 * One thread cannot copy faster than pread(2) does; two halve the time, for a few per cent more
 * processor time in all. So a call that has long work to do offers chunks of it
 * (base/shared_work.c), and both threads do them until none is left. The copier is started by the
 * first call that has so much to do. Where it may not be (UFFD_GUARD_NO_COPIERS), cannot be, or
 * would only take turns with the caller on one processor, all is as without it.
 *
 * What is promised of a caller's own work holds for shared work, for the call returns only when the
 * copier has left it, and holds all the while what it would hold alone:
 *
 * - A page shows the file's bytes from after the call began, or zeros (P3): the chunks are read by
 *   pread(2) into the same place, by whichever thread.
 * - A page stays as it was read until the next refresh (P4): no chunk is written after the call.
 * - No byte is older than the call (P5): the caller has waited for fills under way before it offers
 *   anything, with region->lock, and each chunk is read after that.
 *
 * A chunk that comes short ends the sharing, and the caller goes on alone from there: what is done
 * at the file's end is decided in one place. Chunks begin and end at borders of pages, so no word
 * is torn that a client writes whole.
 *
 * What uffd_guard_begin() hands over it does by itself, a little at a time (pages/begun.c).
 *
 * A fault never waits for the copier: no lock that it holds is the handler's to take. A file that
 * may block is never read by it.
 */
#include "daemon/copier.h"

#include "daemon/handler.h"
#include "daemon/sandbox.h"
#include "daemon/stack.h"
#include "daemon/thread.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/shared_work.h"
#include "kernel/staging.h"
#include "kernel/valgrind.h"
#include "pages/begun.h"
#include "state/guard.h"

#include <stdlib.h>

#define RETRY_NS NS_PER_S	  /* between attempts to start it */
#define BUSY_NS	 UINT64_C(200000) /* while a caller is at work on a region */

struct copier {
	struct uffd_guard *guard;
	pthread_t thread;
	struct staging *staging;
	atomic_bool shall_stop;
};

/* ---- Its thread ---- */

/* Callers' work comes first, so it looks for that after each bit of its own. */
static void rest(struct shared_work *work, uint32_t calls, enum begun_result result)
{
	if (result == BEGUN_NONE)
		futex_wait(&work->calls, calls);
	else if (result == BEGUN_BUSY)
		futex_wait_until(&work->calls, calls, now_ns() + BUSY_NS);
}

static void *copier_run(void *data)
{
	struct copier *copier = data;
	struct shared_work *work = &copier->guard->shared_work;

	stack_touch();
	scheduling_take_over(handler_scheduling(copier->guard->handler));
	atomic_store(&work->copier_rank, shared_work_rank());
	sandbox_enter(handler_sandbox(copier->guard->handler));
	atomic_store(&work->has_copier, true);
	while (!atomic_load(&copier->shall_stop)) {
		const uint32_t calls = atomic_load(&work->calls);
		shared_work_help(work, copier->staging);
		rest(work, calls, begun_bring_some(copier->guard, copier->staging));
	}
	return NULL;
}

/* ---- Start and stop ---- */

static void copier_free(struct copier *copier)
{
	staging_destroy(copier->staging);
	free(copier);
}

static struct copier *copier_start(struct uffd_guard *guard)
{
	struct copier *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->guard = guard;
	fresh->staging = staging_create();
	if (fresh->staging &&
		thread_start(&fresh->thread, "uffd-guard-copy", copier_run, fresh) == 0)
		return fresh;
	copier_free(fresh);
	return NULL;
}

/* One caller starts it, the others go on without. After a failure not at once again: it costs. */
static bool is_to_start(struct uffd_guard *guard)
{
	if (!guard->may_copy || atomic_load(&guard->copier) || !shared_work_has_room() ||
		valgrind_is_there())
		return false;
	uint64_t not_before = atomic_load(&guard->copier_not_before);
	const uint64_t now = now_ns();
	return now >= not_before && atomic_compare_exchange_strong(
					    &guard->copier_not_before, &not_before, now + RETRY_NS);
}

bool copier_is_there(struct uffd_guard *guard)
{
	if (is_to_start(guard))
		atomic_store(&guard->copier, copier_start(guard));
	return atomic_load(&guard->copier);
}

void copier_expect(struct uffd_guard *guard, uint64_t n_bytes)
{
	if (n_bytes >= SHARED_LEAST)
		copier_is_there(guard);
}

void copier_stop(struct uffd_guard *guard)
{
	struct copier *copier = atomic_load(&guard->copier);
	if (!copier)
		return;
	atomic_store(&copier->shall_stop, true);
	shared_work_call(&guard->shared_work);
	pthread_join(copier->thread, NULL);
	copier_free(copier);
}

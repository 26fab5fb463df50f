/* SPDX-License-Identifier: MIT */
/*
 * Sharing work between the thread that calls and the guard's copier.
 *
 * Both claim chunks from one counter, in order. So the caller never sleeps while there is work, and
 * all that it may have to wait for in the end is the one chunk that the copier is in the midst of:
 * a short look first, then a sleep. Without a copier, or while it works for another caller, the
 * caller goes on alone; nobody queues for it.
 *
 * The copier counts itself inside before it looks whether the offer is open, and the caller closes
 * the offer before it looks whether anybody is inside. So either the copier sees that it is closed,
 * or the caller sees the copier and waits; and when the caller returns, nobody touches its memory
 * any more.
 *
 * A thread that may not wait for the copier does not share: a real-time thread would wait for as
 * long as a thread of less priority is kept from running.
 */
#include "base/shared_work.h"

#include "base/clock.h"
#include "base/futex.h"

#include <sched.h>

#define LOOK_NS UINT64_C(50000) /* about what a chunk takes */

/* ---- Who may share ---- */

bool shared_work_has_room(void)
{
	cpu_set_t allowed;
	/* An error: there are more processors than this set has room for. */
	return sched_getaffinity(0, sizeof(allowed), &allowed) < 0 || CPU_COUNT(&allowed) > 1;
}

int shared_work_rank(void)
{
	struct sched_param param = { .sched_priority = 0 };
	const int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_DEADLINE)
		return INT32_MAX; /* above all others */
	return sched_getparam(0, &param) == 0 ? param.sched_priority : 0;
}

static bool may_share(struct shared_work *work)
{
	return atomic_load(&work->has_copier) &&
	       shared_work_rank() <= atomic_load(&work->copier_rank) && shared_work_has_room();
}

/* ---- Chunks ---- */

static void note_failed(struct shared_work *work, size_t chunk)
{
	size_t before = atomic_load(&work->failed);
	while (chunk < before && !atomic_compare_exchange_weak(&work->failed, &before, chunk))
		;
	atomic_store(&work->next, work->chunks.n_chunks);
}

/* model: copier claim */
static void claim_chunks(struct shared_work *work, void *tools)
{
	const struct chunks *chunks = &work->chunks;
	size_t chunk;
	while ((chunk = atomic_fetch_add(&work->next, 1)) < chunks->n_chunks) {
		if (!chunks->work(chunks->data, chunk, tools))
			note_failed(work, chunk);
	}
}

/* ---- The caller ---- */

/* model: copier wait_for */
static void wait_for_copier(struct shared_work *work)
{
	if (atomic_load(&work->n_inside) == 0)
		return;
	const uint64_t limit = now_ns() + LOOK_NS;
	while (atomic_load(&work->n_inside) > 0 && now_ns() < limit)
		;
	for (uint32_t n; (n = atomic_load(&work->n_inside)) > 0;)
		futex_wait(&work->n_inside, n);
}

/* model: copier share */
size_t shared_work_do(struct shared_work *work, const struct chunks *chunks, void *tools)
{
	if (chunks->n_chunks < 2 || !may_share(work) || atomic_exchange(&work->is_taken, true))
		return 0;
	work->chunks = *chunks;
	atomic_store(&work->failed, chunks->n_chunks);
	atomic_store(&work->next, 0);
	atomic_store(&work->is_open, true);
	shared_work_call(work);
	claim_chunks(work, tools);
	atomic_store(&work->is_open, false);
	wait_for_copier(work);
	const size_t n_done = atomic_load(&work->failed);
	atomic_store(&work->is_taken, false);
	return n_done;
}

void shared_work_call(struct shared_work *work)
{
	atomic_fetch_add(&work->calls, 1);
	futex_wake(&work->calls);
}

/* ---- The copier ---- */

/* model: copier help */
void shared_work_help(struct shared_work *work, void *tools)
{
	if (!atomic_load(&work->is_open))
		return;
	atomic_fetch_add(&work->n_inside, 1);
	if (atomic_load(&work->is_open))
		claim_chunks(work, tools);
	/* While the offer is open, nobody waits. */
	if (atomic_fetch_sub(&work->n_inside, 1) == 1 && !atomic_load(&work->is_open))
		futex_wake(&work->n_inside);
}

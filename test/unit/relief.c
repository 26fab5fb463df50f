/* SPDX-License-Identifier: MIT */
/* The thread that stands in for a handler: when it sleeps, and that it always hears of its end. The
 * handler's part is played here, as one that is told to stop. */
#include "daemon/relief.h"

#include "base/clock.h"
#include "base/epoch.h"
#include "base/futex.h"
#include "base/watch.h"
#include "daemon/sandbox.h"
#include "daemon/serve.h"
#include "daemon/thread.h"
#include "state/guard.h"
#include "unit.h"
#include "waits.h"

#define LONG_NS	   (3600 * NS_PER_S)
#define SHORT_NS   UINT64_C(4)
#define N_ROUNDS   4000
#define MOST_READS 1000 /* of a round */

struct stage {
	struct uffd_guard *guard;
	struct server server;
	struct watch watch;
	struct epoch inside;
	struct sandbox sandbox; /* none */
	struct scheduling scheduling;
};

static void take_over_the_end(struct handler *handler)
{
	(void)handler; /* there is none */
}

static struct stage *stage_create(void)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	ck_assert_ptr_nonnull(stage);
	stage->guard = calloc(1, sizeof(*stage->guard));
	ck_assert_ptr_nonnull(stage->guard);
	watch_init(&stage->watch);
	stage->watch.inside = &stage->inside;
	blocking_reads_init(&stage->server.blocking_reads, &stage->server.loop);
	scanned_reads_init(&stage->server.scanned_reads, stage->guard, &stage->server.loop);
	stage->server.serving.guard = stage->guard;
	stage->server.watch = &stage->watch;
	atomic_store(&stage->server.shall_stop, true);
	scheduling_note(&stage->scheduling);
	return stage;
}

static void stage_destroy(struct stage *stage)
{
	free(stage->guard);
	free(stage);
}

static struct relief *start(struct stage *stage, uint64_t patience_ns)
{
	const struct relief_options options = { .server = &stage->server,
		.sandbox = &stage->sandbox,
		.scheduling = &stage->scheduling,
		.patience_ns = patience_ns,
		.end = take_over_the_end };
	struct relief *relief = relief_start(&options);
	ck_assert_ptr_nonnull(relief);
	return relief;
}

static int tid_of_relief(void)
{
	int tid = 0;
	while (threads_named("uffd-guard-aid", &tid) == 0)
		sched_yield();
	return tid;
}

/* A hang if it goes round and round. */
static void await_sleep(int tid)
{
	while (!thread_is_asleep(tid))
		sched_yield();
}

/* ---- Sleep ---- */

START_TEST(second_thread_sleeps_between_two_looks)
{
	struct stage *stage = stage_create();
	struct relief *relief = start(stage, LONG_NS);
	const int tid = tid_of_relief();
	stage->watch.ticket = epoch_enter(&stage->inside);
	watch_begin(&stage->watch);
	await_sleep(tid);
	ck_assert(watch_end(&stage->watch));
	relief_stop(relief);
	stage_destroy(stage);
}
END_TEST

START_TEST(second_thread_sleeps_as_long_as_nothing_is_read)
{
	struct stage *stage = stage_create();
	struct relief *relief = start(stage, SHORT_NS);
	const int tid = tid_of_relief();
	while (atomic_load(&stage->watch.look) != LOOK_ASLEEP)
		sched_yield();
	await_sleep(tid);
	relief_stop(relief);
	stage_destroy(stage);
}
END_TEST

/* ---- The end ---- */

static void pass_some_time(uint32_t *random, uint32_t most)
{
	for (volatile uint32_t n = random_below(random, most); n > 0; n--)
		;
}

/* False: the thread has taken over, and left the handler where it is. */
static bool read_once(struct stage *stage)
{
	stage->watch.ticket = epoch_enter(&stage->inside);
	watch_begin(&stage->watch);
	if (!watch_end(&stage->watch))
		return false;
	epoch_leave(&stage->inside, stage->watch.ticket);
	return true;
}

static void read_some(struct stage *stage, uint32_t *random)
{
	const uint32_t n_reads = random_below(random, MOST_READS);
	for (uint32_t k = 0; k < n_reads && read_once(stage); k++)
		pass_some_time(random, 200);
}

/* A futex may wake for no reason: here before the reader has told that it reads. */
static void begin_read(struct stage *stage, uint32_t *random)
{
	while (atomic_load(&stage->watch.look) != LOOK_ASLEEP)
		sched_yield();
	pass_some_time(random, 5000);
	stage->watch.ticket = epoch_enter(&stage->inside);
	atomic_store(&stage->watch.state, WATCH_KINDS + WATCH_READING);
	futex_wake(&stage->watch.look);
	pass_some_time(random, 50000);
}

/* Reads come so close to each other that it is always about to fall asleep or to wake. A hang if it
 * does not hear. */
START_TEST(second_thread_hears_of_its_end_as_it_falls_asleep_and_as_it_wakes)
{
	uint32_t random = 1;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct stage *stage = stage_create();
		struct relief *relief = start(stage, SHORT_NS);
		(i % 2 ? read_some : begin_read)(stage, &random);
		relief_stop(relief);
		stage_destroy(stage);
	}
}
END_TEST

static TCase *relief_case(void)
{
	TCase *tcase = tcase_create("relief");
	tcase_add_test(tcase, second_thread_sleeps_between_two_looks);
	tcase_add_test(tcase, second_thread_sleeps_as_long_as_nothing_is_read);
	tcase_add_test(tcase, second_thread_hears_of_its_end_as_it_falls_asleep_and_as_it_wakes);
	return tcase;
}

UNIT_MAIN("relief", relief_case)

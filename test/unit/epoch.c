/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: who is waited for, and who is not.
 *
 * No test sleeps. That a synchronize has begun shows in the ticket, which is another from then on;
 * that it waits shows in the state of its thread. A slow machine can make a test weaker, never make
 * it fail.
 */
#include "base/epoch.h"

#include "base/page.h"
#include "unit.h"
#include "waits.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Someone who synchronizes on a thread of their own ---- */

struct synchronizer {
	struct epoch *epoch;
	pthread_t thread;
	atomic_int tid;
	atomic_bool has_returned;
};

static void *synchronize(void *data)
{
	struct synchronizer *s = data;
	atomic_store(&s->tid, (int)syscall(SYS_gettid));
	epoch_synchronize(s->epoch);
	atomic_store(&s->has_returned, true);
	return NULL;
}

/* It sleeps, or has no reason to. */
static void synchronizer_settle(struct synchronizer *s)
{
	while (!atomic_load(&s->has_returned) && !thread_is_asleep(atomic_load(&s->tid)))
		sched_yield();
}

/* Start one while somebody with @ticket is inside, and answer once it has turned the epoch over. */
static void synchronizer_start(struct synchronizer *s, struct epoch *epoch, uint32_t ticket)
{
	*s = (struct synchronizer){ .epoch = epoch };
	assert_ok(pthread_create(&s->thread, NULL, synchronize, s));
	for (uint32_t now = ticket; now == ticket; sched_yield()) {
		now = epoch_enter(epoch);
		epoch_leave(epoch, now);
	}
	synchronizer_settle(s);
}

static void assert_still_waits(struct synchronizer *s)
{
	synchronizer_settle(s);
	ck_assert(!atomic_load(&s->has_returned));
}

static void assert_returns(struct synchronizer *s)
{
	assert_ok(pthread_join(s->thread, NULL));
	ck_assert(atomic_load(&s->has_returned));
}

/* ---- Who is waited for ---- */

START_TEST(synchronize_with_nobody_inside_returns)
{
	struct epoch epoch = { 0 };
	for (int i = 0; i < 1000; i++) {
		epoch_synchronize(&epoch);
		epoch_leave(&epoch, epoch_enter(&epoch));
	}
	ck_assert_uint_eq(epoch.state & INT32_MAX, 0);
}
END_TEST

START_TEST(synchronize_waits_until_the_last_who_was_inside_has_left)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	const int n_inside = _i;
	uint32_t ticket = 0;
	for (int i = 0; i < n_inside; i++)
		ticket = epoch_enter(&epoch);
	synchronizer_start(&s, &epoch, ticket);
	for (int i = 0; i < n_inside; i++) {
		assert_still_waits(&s);
		epoch_leave(&epoch, ticket);
	}
	assert_returns(&s);
}
END_TEST

START_TEST(synchronize_does_not_wait_for_who_enters_later)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	uint32_t before = epoch_enter(&epoch);
	synchronizer_start(&s, &epoch, before);
	uint32_t later = epoch_enter(&epoch);
	ck_assert_uint_ne(later, before);
	assert_still_waits(&s);
	epoch_leave(&epoch, before);
	assert_returns(&s); /* a hang if it waited for the other one */
	epoch_leave(&epoch, later);
}
END_TEST

START_TEST(leaving_of_who_entered_later_does_not_end_the_wait)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	uint32_t before = epoch_enter(&epoch);
	synchronizer_start(&s, &epoch, before);
	for (int i = 0; i < 100; i++) {
		epoch_leave(&epoch, epoch_enter(&epoch));
		assert_still_waits(&s);
	}
	epoch_leave(&epoch, before);
	assert_returns(&s);
}
END_TEST

START_TEST(next_synchronize_waits_for_who_the_last_did_not_wait_for)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	uint32_t ticket = epoch_enter(&epoch);
	for (int i = 0; i < 50; i++) {
		synchronizer_start(&s, &epoch, ticket);
		uint32_t later = epoch_enter(&epoch);
		assert_still_waits(&s);
		epoch_leave(&epoch, ticket);
		assert_returns(&s);
		ticket = later;
	}
	epoch_leave(&epoch, ticket);
}
END_TEST

/* Two flips bring the parity back: whoever leaves then must still wake the first. */
START_TEST(two_that_synchronize_both_return)
{
	struct epoch epoch = { 0 };
	struct synchronizer first, second;
	for (int i = 0; i < 50; i++) {
		uint32_t ticket = epoch_enter(&epoch);
		synchronizer_start(&first, &epoch, ticket);
		second = (struct synchronizer){ .epoch = &epoch };
		assert_ok(pthread_create(&second.thread, NULL, synchronize, &second));
		while (!atomic_load(&second.tid))
			sched_yield();
		synchronizer_settle(&second);
		assert_still_waits(&first);
		epoch_leave(&epoch, ticket);
		assert_returns(&first);
		assert_returns(&second);
	}
	ck_assert_uint_eq(epoch.state & INT32_MAX, 0);
}
END_TEST

START_TEST(second_synchronize_waits_for_who_entered_after_the_first)
{
	struct epoch epoch = { 0 };
	struct synchronizer first, second;
	uint32_t before = epoch_enter(&epoch);
	synchronizer_start(&first, &epoch, before);
	uint32_t between = epoch_enter(&epoch);
	second = (struct synchronizer){ .epoch = &epoch };
	assert_ok(pthread_create(&second.thread, NULL, synchronize, &second));
	while (!atomic_load(&second.tid))
		sched_yield();
	epoch_leave(&epoch, before);
	assert_returns(&first);
	assert_still_waits(&second);
	epoch_leave(&epoch, between);
	assert_returns(&second);
}
END_TEST

START_TEST(thousands_may_be_inside_on_both_sides)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	uint32_t before = 0, later = 0;
	for (int i = 0; i < 10000; i++)
		before = epoch_enter(&epoch);
	synchronizer_start(&s, &epoch, before);
	for (int i = 0; i < 10000; i++)
		later = epoch_enter(&epoch);
	for (int i = 0; i < 10000; i++) {
		ck_assert(!atomic_load(&s.has_returned));
		epoch_leave(&epoch, before);
	}
	assert_returns(&s);
	for (int i = 0; i < 10000; i++)
		epoch_leave(&epoch, later);
	ck_assert_uint_eq(epoch.state & INT32_MAX, 0);
}
END_TEST

START_TEST(epoch_is_entered_while_somebody_is_inside_on_either_side)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	ck_assert(!epoch_is_entered(&epoch));
	uint32_t before = epoch_enter(&epoch);
	ck_assert(epoch_is_entered(&epoch));
	synchronizer_start(&s, &epoch, before);
	uint32_t later = epoch_enter(&epoch);
	ck_assert(epoch_is_entered(&epoch)); /* one on each side */
	epoch_leave(&epoch, before);
	assert_returns(&s);
	ck_assert(epoch_is_entered(&epoch));
	epoch_leave(&epoch, later);
	ck_assert(!epoch_is_entered(&epoch));
}
END_TEST

static void do_nothing(int signal)
{
	(void)signal;
}

START_TEST(signal_does_not_end_the_wait)
{
	struct epoch epoch = { 0 };
	struct synchronizer s;
	const struct sigaction action = { .sa_handler = do_nothing }; /* no SA_RESTART: EINTR */
	assert_ok(sigaction(SIGUSR1, &action, NULL));
	uint32_t ticket = epoch_enter(&epoch);
	synchronizer_start(&s, &epoch, ticket);
	for (int i = 0; i < 100; i++) {
		assert_ok(pthread_kill(s.thread, SIGUSR1));
		sched_yield();
		assert_still_waits(&s);
	}
	epoch_leave(&epoch, ticket);
	assert_returns(&s);
}
END_TEST

/* ---- Many threads ---- */

#define N_READERS 4

struct object {
	int is_live; /* not atomic: what orders it is the epoch */
};

struct stage {
	struct epoch epoch;
	struct object objects[2];
	_Atomic(struct object *) current;
	atomic_bool is_over;
	atomic_size_t n_reads, n_retired_seen;
};

static void *read_for_ever(void *data)
{
	struct stage *stage = data;
	while (!atomic_load(&stage->is_over)) {
		uint32_t ticket = epoch_enter(&stage->epoch);
		struct object *object = atomic_load(&stage->current);
		if (!object->is_live)
			atomic_fetch_add(&stage->n_retired_seen, 1);
		epoch_leave(&stage->epoch, ticket);
		atomic_fetch_add(&stage->n_reads, 1);
	}
	return NULL;
}

START_TEST(no_reader_sees_a_retired_object)
{
	struct stage stage = { .objects = { { .is_live = 1 } }, .current = &stage.objects[0] };
	pthread_t readers[N_READERS];
	for (int i = 0; i < N_READERS; i++)
		assert_ok(pthread_create(&readers[i], NULL, read_for_ever, &stage));

	for (size_t i = 1; i < 500 || atomic_load(&stage.n_reads) < 10000; i++) {
		struct object *fresh = &stage.objects[i % 2];
		fresh->is_live = 1;
		struct object *old = atomic_exchange(&stage.current, fresh);
		epoch_synchronize(&stage.epoch);
		old->is_live = 0;
	}
	atomic_store(&stage.is_over, true);
	for (int i = 0; i < N_READERS; i++)
		assert_ok(pthread_join(readers[i], NULL));
	ck_assert_uint_eq(stage.n_retired_seen, 0);
	ck_assert_uint_eq(stage.epoch.state & INT32_MAX, 0);
}
END_TEST

struct crowd {
	struct epoch epoch;
	atomic_bool is_over;
};

static void *enter_and_leave(void *data)
{
	struct crowd *crowd = data;
	while (!atomic_load(&crowd->is_over)) {
		const uint32_t ticket = epoch_enter(&crowd->epoch);
		sched_yield(); /* let somebody wait for this one, and the next one queue */
		epoch_leave(&crowd->epoch, ticket);
	}
	return NULL;
}

static void *synchronize_often(void *data)
{
	struct crowd *crowd = data;
	for (int i = 0; i < 3000; i++)
		epoch_synchronize(&crowd->epoch);
	return NULL;
}

/* Who finds another synchronizing says so in the word in which all are counted. */
START_TEST(those_who_queue_to_synchronize_lose_nobody_who_enters_or_leaves)
{
	struct crowd crowd = { .epoch = { 0 } };
	pthread_t inside[2], synchronizing[3];
	for (size_t i = 0; i < n_elements(inside); i++)
		assert_ok(pthread_create(&inside[i], NULL, enter_and_leave, &crowd));
	for (size_t i = 0; i < n_elements(synchronizing); i++)
		assert_ok(pthread_create(&synchronizing[i], NULL, synchronize_often, &crowd));
	for (size_t i = 0; i < n_elements(synchronizing); i++)
		assert_ok(pthread_join(synchronizing[i], NULL));
	atomic_store(&crowd.is_over, true);
	for (size_t i = 0; i < n_elements(inside); i++)
		assert_ok(pthread_join(inside[i], NULL));
	ck_assert_uint_eq(crowd.epoch.state & INT32_MAX, 0);
}
END_TEST

/* ---- The epoch's own memory ---- */

static void *leave_at_once(void *data)
{
	_Atomic(struct epoch *) *passed = data;
	for (;;) {
		struct epoch *epoch = atomic_load(passed);
		if (!epoch) {
			sched_yield();
			continue;
		}
		if (epoch == MAP_FAILED)
			return NULL;
		uint32_t ticket = epoch_enter(epoch);
		atomic_store(passed, NULL); /* we are inside */
		epoch_leave(epoch, ticket);
	}
}

START_TEST(memory_may_go_as_soon_as_synchronize_has_returned)
{
	_Atomic(struct epoch *) passed = NULL;
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, leave_at_once, &passed));
	for (int i = 0; i < 2000; i++) {
		struct epoch *epoch = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ck_assert_ptr_ne(epoch, MAP_FAILED);
		atomic_store(&passed, epoch);
		while (atomic_load(&passed))
			sched_yield();
		epoch_synchronize(epoch);
		munmap(epoch, page_size()); /* a touch from now on is a SIGSEGV */
	}
	atomic_store(&passed, MAP_FAILED);
	assert_ok(pthread_join(thread, NULL));
}
END_TEST

static TCase *waiting_case(void)
{
	TCase *tcase = tcase_create("waiting");
	tcase_add_test(tcase, synchronize_with_nobody_inside_returns);
	tcase_add_loop_test(tcase, synchronize_waits_until_the_last_who_was_inside_has_left, 1, 5);
	tcase_add_test(tcase, synchronize_does_not_wait_for_who_enters_later);
	tcase_add_test(tcase, leaving_of_who_entered_later_does_not_end_the_wait);
	tcase_add_test(tcase, next_synchronize_waits_for_who_the_last_did_not_wait_for);
	tcase_add_test(tcase, two_that_synchronize_both_return);
	tcase_add_test(tcase, second_synchronize_waits_for_who_entered_after_the_first);
	tcase_add_test(tcase, thousands_may_be_inside_on_both_sides);
	tcase_add_test(tcase, epoch_is_entered_while_somebody_is_inside_on_either_side);
	tcase_add_test(tcase, signal_does_not_end_the_wait);
	return tcase;
}

static TCase *threads_case(void)
{
	TCase *tcase = tcase_create("threads");
	tcase_add_test(tcase, no_reader_sees_a_retired_object);
	tcase_add_test(tcase, those_who_queue_to_synchronize_lose_nobody_who_enters_or_leaves);
	tcase_add_test(tcase, memory_may_go_as_soon_as_synchronize_has_returned);
	return tcase;
}

UNIT_MAIN("epoch", waiting_case, threads_case)

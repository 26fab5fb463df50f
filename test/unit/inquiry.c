/* SPDX-License-Identifier: MIT */
/* Questions about a scanner of files: callers ask once, and hear the answer. The handler's part is
 * played here. */
#include "file/inquiry.h"

#include "base/clock.h"
#include "base/watch.h"
#include "kernel/wake.h"
#include "together.h"
#include "unit.h"
#include "waits.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_ROUNDS 500

struct stage {
	struct wake wake;
	struct inbox inbox;
	struct inquiry inquiry;
	struct watch watch;
	int fd;
	unsigned n_asked;
	atomic_bool is_over;
};

static void stage_start(struct stage *stage)
{
	*stage = (struct stage){ .fd = memfd_create("inquiry", MFD_CLOEXEC) };
	ck_assert_int_ge(stage->fd, 0);
	assert_ok(wake_open(&stage->wake, eventfd(0, EFD_CLOEXEC), 0));
	stage->inbox.wake = &stage->wake;
	watch_init(&stage->watch);
}

static void stage_stop(struct stage *stage)
{
	wake_close(&stage->wake);
	close(stage->fd);
}

static void answer_all(struct stage *stage)
{
	for (struct request *request = inbox_take(&stage->inbox), *next; request; request = next) {
		next = request->next;
		stage->n_asked++;
		assert_ok(inquiry_make((struct inquiry *)request, &stage->watch));
	}
}

static void await_answer(void *data)
{
	struct stage *stage = data;
	const uint64_t deadline = now_ns() + 3600 * NS_PER_S;
	ck_assert_int_eq(
		inquiry_await(&stage->inquiry, stage->fd, &stage->inbox, deadline), INQUIRY_FREE);
}

/* And not at its deadline: a hang is the test's timeout. */
START_TEST(caller_that_sleeps_is_woken_by_the_answer)
{
	struct stage stage;
	struct waiting_call caller;
	pthread_t thread;
	stage_start(&stage);
	waiting_call_begin(&caller, &thread, await_answer, &stage);
	while (atomic_load(&stage.inquiry.state) != INQUIRY_ASKED)
		sched_yield();
	ck_assert(waiting_call_sleeps(&caller));
	answer_all(&stage);
	assert_ok(pthread_join(thread, NULL));
	stage_stop(&stage);
}
END_TEST

static void *answer_until_over(void *data)
{
	struct stage *stage = data;
	while (!atomic_load(&stage->is_over)) {
		answer_all(stage);
		sched_yield();
	}
	return NULL;
}

static void *ask_with_others(void *data)
{
	await_answer(data);
	return NULL;
}

START_TEST(callers_that_come_at_once_ask_once)
{
	struct stage stage;
	pthread_t handler;
	stage_start(&stage);
	assert_ok(pthread_create(&handler, NULL, answer_until_over, &stage));
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		atomic_store(&stage.inquiry.answered_at, 0); /* long ago */
		together(ask_with_others, &stage);
	}
	atomic_store(&stage.is_over, true);
	assert_ok(pthread_join(handler, NULL));
	ck_assert_uint_eq(stage.n_asked, N_ROUNDS);
	inquiry_finish(&stage.inquiry);
	stage_stop(&stage);
}
END_TEST

static void finish(void *data)
{
	inquiry_finish(&((struct stage *)data)->inquiry);
}

/* Whoever unmaps the region frees it after this. */
START_TEST(inquiry_is_over_when_the_handler_has_left_it)
{
	struct stage stage;
	stage_start(&stage);
	ck_assert(waits_for_inside(&stage.inquiry.under_way, finish, &stage));
	stage_stop(&stage);
}
END_TEST

static TCase *inquiry_case(void)
{
	TCase *tcase = tcase_create("inquiry");
	tcase_add_test(tcase, caller_that_sleeps_is_woken_by_the_answer);
	tcase_add_test(tcase, callers_that_come_at_once_ask_once);
	tcase_add_test(tcase, inquiry_is_over_when_the_handler_has_left_it);
	return tcase;
}

UNIT_MAIN("inquiry", inquiry_case)

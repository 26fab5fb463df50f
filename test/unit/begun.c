/* SPDX-License-Identifier: MIT */
/* The list of regions that are begun: the copier and all callers work on it, one at a time. */
#include "pages/begun.h"

#include "base/epoch.h"
#include "base/marks.h"
#include "state/guard.h"
#include "state/region.h"
#include "unit.h"
#include "waits.h"

struct stage {
	struct uffd_guard *guard;
	struct uffd_guard_region *region; /* nothing is marked: whatever is begun is done */
};

static void stage_start(struct stage *stage)
{
	*stage = (struct stage){ calloc(1, sizeof(*stage->guard)),
		calloc(1, sizeof(*stage->region)) };
	ck_assert(stage->guard && stage->region);
	stage->region->guard = stage->guard;
	atomic_store(&stage->region->marks, marks_create());
	begun_init(&stage->guard->begun);
	lock_init(&stage->region->lock);
}

static void stage_stop(struct stage *stage)
{
	begun_finish(&stage->guard->begun);
	pthread_mutex_destroy(&stage->region->lock);
	marks_destroy(atomic_load(&stage->region->marks));
	free(stage->region);
	free(stage->guard);
}

static void add(void *data)
{
	begun_add(((struct stage *)data)->region, 100);
}

static void forget(void *data)
{
	begun_forget(((struct stage *)data)->region);
}

static void bring_none(void *data)
{
	ck_assert_int_eq(begun_bring_some(((struct stage *)data)->guard, NULL), BEGUN_NONE);
}

static void bring_some(void *data)
{
	ck_assert_int_eq(begun_bring_some(((struct stage *)data)->guard, NULL), BEGUN_SOME);
}

START_TEST(each_step_waits_for_another_threads)
{
	struct stage stage;
	stage_start(&stage);
	pthread_mutex_t *lock = &stage.guard->begun.lock;
	ck_assert(waits_for(lock, bring_none, &stage));
	ck_assert(waits_for(lock, add, &stage));
	ck_assert_ptr_eq(stage.guard->begun.first, stage.region);
	ck_assert(waits_for(lock, forget, &stage));
	ck_assert_ptr_null(stage.guard->begun.first);
	stage_stop(&stage);
}
END_TEST

/* Whoever unmaps it frees it after this. */
START_TEST(region_is_forgotten_when_the_copier_has_left_it)
{
	struct stage stage;
	stage_start(&stage);
	add(&stage);
	ck_assert(waits_for(&stage.region->lock, forget, &stage));
	stage_stop(&stage);
}
END_TEST

/* It is held up in the midst by a fill that does not end. */
START_TEST(copier_that_has_brought_a_region_over_waits_for_another_threads_step)
{
	struct stage stage;
	pthread_t thread;
	stage_start(&stage);
	add(&stage);
	const uint32_t ticket = epoch_enter(&stage.region->fills);
	struct waiting_call copier = { .call = bring_some, .data = &stage };
	assert_ok(pthread_create(&thread, NULL, waiting_call_run, &copier));
	ck_assert(waiting_call_sleeps(&copier));
	lock_take(&stage.guard->begun.lock);
	epoch_leave(&stage.region->fills, ticket);
	ck_assert(waiting_call_sleeps(&copier));
	ck_assert_ptr_eq(stage.guard->begun.first, stage.region);
	lock_give(&stage.guard->begun.lock);
	assert_ok(pthread_join(thread, NULL));
	ck_assert_ptr_null(stage.guard->begun.first);
	stage_stop(&stage);
}
END_TEST

/* A region that a caller is at work on stays in the list, and the copier waits for nobody. */
START_TEST(copier_passes_a_region_that_a_caller_is_at_work_on)
{
	struct stage stage;
	stage_start(&stage);
	add(&stage);
	atomic_fetch_add(&stage.region->begun.n_wanting, 1);
	ck_assert_int_eq(begun_bring_some(stage.guard, NULL), BEGUN_BUSY);
	ck_assert_ptr_eq(stage.guard->begun.first, stage.region);
	atomic_fetch_sub(&stage.region->begun.n_wanting, 1);
	bring_some(&stage);
	bring_none(&stage);
	stage_stop(&stage);
}
END_TEST

static TCase *begun_case(void)
{
	TCase *tcase = tcase_create("begun");
	tcase_add_test(tcase, each_step_waits_for_another_threads);
	tcase_add_test(tcase, region_is_forgotten_when_the_copier_has_left_it);
	tcase_add_test(tcase, copier_that_has_brought_a_region_over_waits_for_another_threads_step);
	tcase_add_test(tcase, copier_passes_a_region_that_a_caller_is_at_work_on);
	return tcase;
}

UNIT_MAIN("begun", begun_case)

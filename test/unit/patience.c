/* SPDX-License-Identifier: MIT */
/* What counts as waiting for a client, and what becomes of it. */
#include "file/patience.h"

#include "base/clock.h"
#include "base/page.h"
#include "unit.h"

#include <sys/mman.h>

#define STEP_NS (30 * NS_PER_MS)
#define MOST_NS (100 * NS_PER_MS)

static void sleep_for(uint64_t ns)
{
	const struct timespec time = { .tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S) };
	nanosleep(&time, NULL);
}

static void spin_for(uint64_t ns)
{
	const uint64_t limit = now_ns() + ns;
	while (now_ns() < limit)
		;
}

static void make_call(struct patience *patience, void (*pass)(uint64_t ns), uint64_t ns)
{
	struct patience_look look = { .first = 0 };
	patience_begin(patience, &look);
	pass(ns);
	patience_end(patience, &look);
}

static void lose(struct patience *patience)
{
	for (int i = 0; i < 20 && !patience_is_lost(patience); i++)
		make_call(patience, sleep_for, STEP_NS);
	ck_assert(patience_is_lost(patience));
}

START_TEST(long_sleep_makes_doubtful_and_more_of_it_is_too_much)
{
	struct patience patience = { .most_ns = MOST_NS };
	make_call(&patience, sleep_for, STEP_NS);
	ck_assert(patience_is_doubtful(&patience));
	ck_assert(!patience_is_lost(&patience));
	lose(&patience);
}
END_TEST

START_TEST(short_calls_change_nothing)
{
	struct patience patience = { .most_ns = MOST_NS };
	for (int i = 0; i < 1000; i++)
		make_call(&patience, spin_for, 0);
	ck_assert(!patience_is_lost(&patience));
}
END_TEST

/* Together they are long. */
START_TEST(many_short_sleeps_of_one_call_are_too_much)
{
	struct patience patience = { .most_ns = MOST_NS };
	struct patience_look look = { .first = 0 };
	for (int i = 0; i < 2000 && !patience_is_lost(&patience); i++) {
		patience_begin(&patience, &look);
		sleep_for(NS_PER_MS);
		patience_end(&patience, &look);
	}
	ck_assert(patience_is_lost(&patience));
}
END_TEST

START_TEST(work_is_no_waiting)
{
	struct patience patience = { .most_ns = MOST_NS };
	for (int i = 0; i < 10; i++)
		make_call(&patience, spin_for, STEP_NS);
	ck_assert(patience_is_doubtful(&patience));
	ck_assert(!patience_is_lost(&patience));
}
END_TEST

static char *fresh; /* memory that nobody has touched yet */

static void sleep_and_fault(uint64_t ns)
{
	sleep_for(ns);
	*fresh = 1;
	fresh += page_size();
}

/* Memory may have to be made free for it, which is no client's doing. */
START_TEST(sleep_with_a_page_fault_is_no_waiting)
{
	struct patience patience = { .most_ns = MOST_NS };
	const size_t size = 16 * page_size();
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	madvise(memory, size, MADV_NOHUGEPAGE);
	fresh = memory;
	for (int i = 0; i < 10; i++)
		make_call(&patience, sleep_and_fault, STEP_NS);
	ck_assert(patience_is_doubtful(&patience));
	ck_assert(!patience_is_lost(&patience));
	munmap(memory, size);
}
END_TEST

START_TEST(without_a_deadline_there_is_no_end_of_it)
{
	struct patience patience = { .most_ns = 0 };
	for (int i = 0; i < 10; i++)
		make_call(&patience, sleep_for, STEP_NS);
	ck_assert(!patience_is_doubtful(&patience));
	ck_assert(!patience_is_lost(&patience));
}
END_TEST

START_TEST(it_comes_back_and_later_the_next_time)
{
	struct patience patience = { .most_ns = MOST_NS };
	lose(&patience);
	sleep_for(NS_PER_S + 100 * NS_PER_MS);
	ck_assert(!patience_is_lost(&patience));
	lose(&patience);
	sleep_for(NS_PER_S + 100 * NS_PER_MS);
	ck_assert(patience_is_lost(&patience));
	sleep_for(NS_PER_S);
	ck_assert(!patience_is_lost(&patience));
}
END_TEST

static TCase *patience_case(void)
{
	TCase *tcase = tcase_create("patience");
	tcase_add_test(tcase, long_sleep_makes_doubtful_and_more_of_it_is_too_much);
	tcase_add_test(tcase, short_calls_change_nothing);
	tcase_add_test(tcase, many_short_sleeps_of_one_call_are_too_much);
	tcase_add_test(tcase, work_is_no_waiting);
	tcase_add_test(tcase, sleep_with_a_page_fault_is_no_waiting);
	tcase_add_test(tcase, without_a_deadline_there_is_no_end_of_it);
	tcase_add_test(tcase, it_comes_back_and_later_the_next_time);
	return tcase;
}

UNIT_MAIN("patience", patience_case)

/* SPDX-License-Identifier: MIT */
/* What is charged to a bound by several threads at once: exactly what they have charged, and never
 * more than the bound by those who ask. */
#include "state/budget.h"

#include "base/page.h"
#include "together.h"
#include "unit.h"

#define N_ROUNDS 20000
#define N_PAGES	 128

struct stage {
	struct budget budget;
	atomic_uint n_beyond;
};

/* Each has one page charged at a time that it did not ask for. */
static void *charge_and_refund(void *data)
{
	struct stage *stage = data;
	const uint64_t page = page_size();
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		budget_charge(&stage->budget, page);
		if (budget_try_charge(&stage->budget, i % 8 * page))
			budget_refund(&stage->budget, i % 8 * page);
		budget_refund(&stage->budget, page);
	}
	return NULL;
}

START_TEST(what_threads_charge_and_refund_at_once_is_counted_exactly)
{
	struct stage stage = { .budget = budget_of(N_PAGES * page_size()) };
	for (int i = 0; i < 4; i++) { /* one that is lost both ways is made up for */
		together(charge_and_refund, &stage);
		ck_assert_uint_eq(stage.budget.charged, 0);
	}
}
END_TEST

/* Until there is no room, for any of them. */
static void *charge_to_the_end(void *data)
{
	struct stage *stage = data;
	while (budget_try_charge(&stage->budget, page_size()))
		stage->n_beyond += stage->budget.charged > stage->budget.most;
	return NULL;
}

START_TEST(threads_that_ask_at_once_do_not_exceed_the_bound_together)
{
	for (int i = 0; i < 200; i++) {
		struct stage stage = { .budget = budget_of(N_PAGES * page_size()) };
		together(charge_to_the_end, &stage);
		ck_assert_uint_eq(stage.n_beyond, 0);
		ck_assert_uint_eq(stage.budget.charged, N_PAGES * page_size());
	}
}
END_TEST

START_TEST(bound_is_not_less_than_what_is_spared)
{
	const struct budget budget = budget_of(1);
	ck_assert_uint_ge(budget.most, N_RECENT * page_size());
	ck_assert_uint_eq(budget_excess(&budget, budget.most), 0);
	ck_assert_uint_eq(budget_excess(&budget, budget.most + 5), 5);
}
END_TEST

START_TEST(nothing_is_charged_without_a_bound)
{
	struct budget budget = budget_of(0);
	ck_assert(budget_try_charge(&budget, UINT64_MAX));
	budget_charge(&budget, 1);
	ck_assert_uint_eq(budget.charged, 0);
	budget_refund(&budget, 1);
	ck_assert_uint_eq(budget.charged, 0);
}
END_TEST

static TCase *budget_case(void)
{
	TCase *tcase = tcase_create("budget");
	tcase_add_test(tcase, what_threads_charge_and_refund_at_once_is_counted_exactly);
	tcase_add_test(tcase, threads_that_ask_at_once_do_not_exceed_the_bound_together);
	tcase_add_test(tcase, bound_is_not_less_than_what_is_spared);
	tcase_add_test(tcase, nothing_is_charged_without_a_bound);
	return tcase;
}

UNIT_MAIN("budget", budget_case)

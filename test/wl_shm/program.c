/* SPDX-License-Identifier: MIT */
/* What copies may cost: who has to wait, and who comes first then. */
#include "record/program.h"
#include "../support/runner.h"

#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

struct market {
	struct allowance of_all;
	struct shm_program flood, other;
};

static void market_open(struct market *market)
{
	*market = (struct market){ .of_all.period = 0 };
	allowance_init(&market->of_all);
	allowance_init(&market->flood.allowance);
	allowance_init(&market->other.allowance);
}

/* A copy that took so long. */
static bool copy(struct market *market, struct shm_program *program, uint64_t bytes, unsigned ms)
{
	if (!program_may_spend(program, &market->of_all, bytes))
		return false;
	allowance_end(&market->of_all, allowance_begin() - ms * INT64_C(1000000));
	return true;
}

static void wait_for_next_period(void)
{
	const int64_t period = client_period();
	while (client_period() == period)
		usleep(500);
}

/* The flood asks all the time, the other one once in a period, by its timer. True if that is served
 * first. */
static bool other_comes_first(struct market *market)
{
	while (!copy(market, &market->flood, MIB / 16, 60))
		usleep(500);
	for (int64_t asked_at = 0;; usleep(500)) {
		if (copy(market, &market->flood, MIB / 16, 60))
			return false;
		if (asked_at != client_period() && copy(market, &market->other, MIB, 1))
			return true;
		asked_at = client_period();
	}
}

START_TEST(program_that_waits_comes_before_one_that_floods)
{
	enum { ROUNDS = 10 };
	struct market market;
	unsigned n = 0;
	market_open(&market);
	for (unsigned i = 0; i < ROUNDS; i++)
		n += other_comes_first(&market);
	ck_assert_uint_ge(n, ROUNDS / 2); /* a busy machine may let it ask too late */
}
END_TEST

START_TEST(program_that_asks_no_more_is_not_waited_for)
{
	struct market market;
	market_open(&market);
	ck_assert(copy(&market, &market.flood, 30 * MIB, 60));
	ck_assert(!copy(&market, &market.other, 30 * MIB, 1));
	unsigned n = 0;
	for (; n < 1000 && !copy(&market, &market.flood, 30 * MIB, 1); n++)
		usleep(1000);
	ck_assert_uint_lt(n, 1000);
}
END_TEST

/* A picture that is shown large is one program's own affair, even if nothing of it is copied. */
START_TEST(one_program_does_not_spend_the_allowance_of_all)
{
	struct market market;
	market_open(&market);
	for (unsigned i = 0; i < 10; i++) {
		wait_for_next_period();
		const int64_t period = client_period();
		const bool may_flood = program_may_spend(&market.flood, &market.of_all, 2048 * MIB);
		const bool may_other = program_may_spend(&market.other, &market.of_all, 8 * MIB);
		if (client_period() != period)
			continue;
		ck_assert(may_flood);
		ck_assert(may_other);
	}
}
END_TEST

static TCase *program_case(void)
{
	TCase *tcase = tcase_create("program");
	tcase_add_test(tcase, program_that_waits_comes_before_one_that_floods);
	tcase_add_test(tcase, program_that_asks_no_more_is_not_waited_for);
	tcase_add_test(tcase, one_program_does_not_spend_the_allowance_of_all);
	return tcase;
}

RUNNER_MAIN("program", program_case)

/* SPDX-License-Identifier: MIT */
/* What copies may cost: who has to wait, and who comes first then; and how long programs are known.
 * Time passes when a test says so. */
#include "record/program.h"
#include "../support/runner.h"

#include <time.h>
#include <unistd.h>

#define MIB	  (UINT64_C(1) << 20)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* ---- Time ---- */

static int64_t now_ns = 1000 * NS_PER_S;

/* For record/program.c, and hidden from all libraries. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ .tv_sec = now_ns / NS_PER_S, .tv_nsec = now_ns % NS_PER_S };
	return 0;
}

static void wait_ms(int64_t ms)
{
	now_ns += ms * NS_PER_MS;
}

/* ---- Copies ---- */

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

/* A copy that takes so long. */
static bool copy(struct market *market, struct shm_program *program, uint64_t bytes, int64_t ms)
{
	if (!program_may_spend(program, &market->of_all, bytes))
		return false;
	const int64_t begun = allowance_begin();
	wait_ms(ms);
	allowance_end(&market->of_all, begun);
	return true;
}

/* ---- Turns ---- */

/* The flood asks all the time, the other one once in a period, by its timer. True if that is served
 * first. */
static bool other_comes_first(struct market *market)
{
	while (!copy(market, &market->flood, MIB / 16, 60))
		wait_ms(1);
	for (int64_t asked_at = 0;; wait_ms(1)) {
		if (copy(market, &market->flood, MIB / 16, 60))
			return false;
		if (asked_at != client_period() && copy(market, &market->other, MIB, 1))
			return true;
		asked_at = client_period();
	}
}

START_TEST(program_that_waits_comes_before_one_that_floods)
{
	struct market market;
	market_open(&market);
	for (unsigned i = 0; i < 10; i++)
		ck_assert(other_comes_first(&market));
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
		wait_ms(1);
	ck_assert_uint_lt(n, 1000);
}
END_TEST

/* ---- All together ---- */

/* A picture that is shown large is one program's own affair, even if nothing of it is copied. */
START_TEST(one_program_does_not_spend_the_allowance_of_all)
{
	struct market market;
	market_open(&market);
	for (unsigned i = 0; i < 10; i++) {
		wait_ms(CLIENT_PERIOD);
		ck_assert(program_may_spend(&market.flood, &market.of_all, 2048 * MIB));
		ck_assert(program_may_spend(&market.other, &market.of_all, 8 * MIB));
	}
}
END_TEST

/* As many allowances as programs, and a turn that lasts longer than a period, would be a turn
 * without an end. */
START_TEST(programs_that_flood_together_stop_the_display_for_a_period_and_a_copy)
{
	enum { N_PROGRAMS = 100, MS_OF_A_COPY = 7 };
	struct market market;
	struct shm_program programs[N_PROGRAMS] = { 0 };
	market_open(&market);
	for (unsigned i = 0; i < N_PROGRAMS; i++)
		allowance_init(&programs[i].allowance);
	for (unsigned turn = 0; turn < 100; turn++) {
		const int64_t begun = now_ns;
		unsigned n_copied = 0;
		for (unsigned i = 0; i < N_PROGRAMS; i++)
			n_copied += copy(&market, &programs[i], 20 * MIB, MS_OF_A_COPY);
		ck_assert_int_le(now_ns - begun, (CLIENT_PERIOD + MS_OF_A_COPY) * NS_PER_MS);
		ck_assert(n_copied > 0 || turn > 0);
		wait_ms(1);
	}
}
END_TEST

/* ---- Programs that are gone ---- */

#define KEPT_MS	  10000
#define MOST_KEPT 256

static pid_t pid_of_client;

/* For record/program.c. */
WL_EXPORT void wl_client_get_credentials(
	struct wl_client *client, pid_t *pid, uid_t *uid, gid_t *gid)
{
	(void)client;
	*pid = pid_of_client;
	*uid = 1000;
	if (gid)
		*gid = 1000;
}

static struct shm_program *connect_as(struct programs *programs, pid_t pid)
{
	pid_of_client = pid;
	struct shm_program *program = program_of(programs, NULL);
	ck_assert_ptr_nonnull(program);
	return program;
}

/* It leaves a mark by which it is known when it comes back. */
static void come_and_go(struct programs *programs, pid_t pid)
{
	struct shm_program *program = connect_as(programs, pid);
	program->n_left_unsealed = (unsigned)pid;
	program_unref(program);
}

static bool is_known(struct programs *programs, pid_t pid)
{
	struct shm_program *program = connect_as(programs, pid);
	const bool is_it = program->n_left_unsealed == (unsigned)pid;
	program->n_left_unsealed = (unsigned)pid;
	program_unref(program);
	return is_it;
}

/* Those that went last, for starting processes is cheap. */
START_TEST(few_programs_that_are_gone_are_known)
{
	const pid_t first = getpid() + 1, n = 4 * MOST_KEPT;
	struct programs programs;
	programs_init(&programs);
	for (pid_t i = 0; i < n; i++) {
		come_and_go(&programs, first + i);
		ck_assert_uint_le(programs.n_gone, MOST_KEPT + 1);
	}
	for (pid_t i = 1; i <= MOST_KEPT; i++)
		ck_assert(is_known(&programs, first + n - i));
	ck_assert(!is_known(&programs, first));
	programs_finish(&programs);
	ck_assert_uint_eq(programs.n_gone, 0);
}
END_TEST

START_TEST(program_that_is_gone_is_known_for_some_seconds)
{
	const pid_t pid = getpid() + 1;
	struct programs programs;
	programs_init(&programs);
	come_and_go(&programs, pid);
	wait_ms(KEPT_MS - 1);
	ck_assert(is_known(&programs, pid));
	wait_ms(KEPT_MS + 1); /* since it went once more */
	ck_assert(!is_known(&programs, pid));
	programs_finish(&programs);
}
END_TEST

START_TEST(program_that_is_not_gone_is_known_for_ever)
{
	const pid_t pid = getpid() + 1;
	struct programs programs;
	programs_init(&programs);
	struct shm_program *program = connect_as(&programs, pid);
	for (pid_t i = 1; i <= 2 * MOST_KEPT; i++)
		come_and_go(&programs, pid + i);
	wait_ms(2 * KEPT_MS);
	ck_assert_ptr_eq(connect_as(&programs, pid), program);
	ck_assert_uint_eq(program->references, 2);
	program_unref(program);
	ck_assert_ptr_eq(connect_as(&programs, pid), program);
	program_unref(program);
	program_unref(program);
	ck_assert(!is_known(&programs, pid + 1));
	programs_finish(&programs);
}
END_TEST

/* The compositor's own process starts programs, and has their connections: they have nothing in
 * common. */
START_TEST(connections_without_a_process_of_their_own_are_each_a_program)
{
	const pid_t pids[] = { 0, getpid() };
	struct programs programs;
	programs_init(&programs);
	for (unsigned i = 0; i < 2; i++) {
		struct shm_program *one = connect_as(&programs, pids[i]);
		struct shm_program *other = connect_as(&programs, pids[i]);
		ck_assert_ptr_ne(one, other);
		program_unref(other);
		program_unref(one);
		other = connect_as(&programs, pids[i]);
		ck_assert_ptr_ne(other, one);
		program_unref(other);
	}
	programs_finish(&programs);
}
END_TEST

static TCase *program_case(void)
{
	TCase *tcase = tcase_create("program");
	tcase_add_test(tcase, program_that_waits_comes_before_one_that_floods);
	tcase_add_test(tcase, program_that_asks_no_more_is_not_waited_for);
	tcase_add_test(tcase, one_program_does_not_spend_the_allowance_of_all);
	tcase_add_test(
		tcase, programs_that_flood_together_stop_the_display_for_a_period_and_a_copy);
	tcase_add_test(tcase, few_programs_that_are_gone_are_known);
	tcase_add_test(tcase, program_that_is_gone_is_known_for_some_seconds);
	tcase_add_test(tcase, program_that_is_not_gone_is_known_for_ever);
	tcase_add_test(tcase, connections_without_a_process_of_their_own_are_each_a_program);
	return tcase;
}

RUNNER_MAIN("program", program_case)

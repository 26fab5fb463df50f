/* SPDX-License-Identifier: MIT */
/* Interrupt uffd-guard-stress and uffd-guard-bench, which are the two arguments: they report what
 * they have measured until then, and end with 128 and the number of the signal. */
#include "../support/command.h"
#include "../support/json_text.h"
#include "../unit/unit.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static const char *stress = "uffd-guard-stress", *bench = "uffd-guard-bench";

/* Long enough for small rows of the benchmark, and for some attacks. */
static const struct timespec some_time = { .tv_sec = 4 };
/* Too short for ten rounds of large frames. */
static const struct timespec short_time = { .tv_nsec = 300000000 };

static void interrupt_after(const struct timespec *pause, struct command *command, int number)
{
	command_start(command);
	nanosleep(pause, NULL);
	kill(command->child, number);
	command_finish(command);
}

static int count_rows(const char *text)
{
	struct json_object *root = json_read(text), *rows;
	const bool has_rows = json_pointer_get(root, "/rows", &rows) == 0;
	const int n = has_rows ? (int)json_object_array_length(rows) : 0;
	json_object_put(root);
	return n;
}

START_TEST(stress_reports_until_the_interrupt)
{
	static struct command run;
	run = (struct command){ .words = { stress, "--no-control", "--seconds", "60", "--json" } };
	interrupt_after(&some_time, &run, SIGINT);
	ck_assert_msg(run.exit_code == 130, "%d: %s", run.exit_code, run.complaint);
	assert_json_has(run.text, "/interrupted", "true");
	assert_json_has(run.text, "/seconds", "60");
	assert_json_has(run.text, "/found/all", "0");
	char ns[32];
	ck_assert(json_find(run.text, "/ns", ns, sizeof(ns)));
	ck_assert_double_le(strtod(ns, NULL), 30e9);
}
END_TEST

START_TEST(stress_says_after_how_long)
{
	static struct command run;
	run = (struct command){ .words = { stress, "--no-control", "--seconds", "77" } };
	interrupt_after(&some_time, &run, SIGTERM);
	ck_assert_msg(run.exit_code == 128 + SIGTERM, "%d: %s", run.exit_code, run.complaint);
	ck_assert_ptr_nonnull(strstr(run.text, "\ninterrupted after "));
	ck_assert_ptr_nonnull(strstr(run.text, " of 77 s\n"));
}
END_TEST

START_TEST(run_to_the_end_is_not_called_interrupted)
{
	static struct command run;
	run = (struct command){ .words = { stress, "--no-control", "--seconds", "1", "--json" } };
	command_run(&run);
	ck_assert_int_eq(run.exit_code, 0);
	assert_json_has(run.text, "/interrupted", "false");
	run = (struct command){ .words = { bench, "--seconds", "1", "--frame", "64x64", "--filter",
					"B6", "--json" } };
	command_run(&run);
	ck_assert_int_eq(run.exit_code, 0);
	assert_json_has(run.text, "/interrupted", "false");
}
END_TEST

START_TEST(bench_tells_the_rows_that_it_has_measured)
{
	static struct command run;
	run = (struct command){ .words = {
					bench, "--seconds", "600", "--frame", "64x64", "--json" } };
	interrupt_after(&some_time, &run, SIGINT);
	ck_assert_msg(run.exit_code == 130, "%d: %s", run.exit_code, run.complaint);
	assert_json_has(run.text, "/interrupted", "true");
	ck_assert_int_ge(count_rows(run.text), 1);
	char samples[32];
	for (int i = 0; i < count_rows(run.text); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/rows/%d/contenders/0/samples", i);
		ck_assert(json_find(run.text, path, samples, sizeof(samples)));
		ck_assert_int_ge(atoi(samples), 10);
	}
}
END_TEST

START_TEST(bench_leaves_a_row_of_less_than_ten_rounds_out)
{
	static struct command run;
	run = (struct command){ .words = { bench, "--seconds", "600", "--frame", "4k", "--filter",
					"B1", "--json" } };
	interrupt_after(&short_time, &run, SIGINT);
	ck_assert_msg(run.exit_code == 130, "%d: %s", run.exit_code, run.complaint);
	assert_json_has(run.text, "/interrupted", "true");
	ck_assert_int_eq(count_rows(run.text), 0);
}
END_TEST

START_TEST(bench_says_that_it_was_interrupted)
{
	static struct command run;
	run = (struct command){ .words = { bench, "--seconds", "600", "--frame", "64x64" } };
	interrupt_after(&some_time, &run, SIGINT);
	ck_assert_msg(run.exit_code == 130, "%d: %s", run.exit_code, run.complaint);
	ck_assert_ptr_nonnull(strstr(run.text, "\nInterrupted: "));
}
END_TEST

/* As nohup(1) does. */
static void ignore_hangups(void)
{
	signal(SIGHUP, SIG_IGN);
}

START_TEST(ignored_signal_stays_ignored)
{
	static struct command run;
	run = (struct command){ .words = { stress, "--no-control", "--seconds", "6", "--json" },
		.prepare = ignore_hangups };
	interrupt_after(&some_time, &run, SIGHUP);
	ck_assert_int_eq(run.exit_code, 0);
	assert_json_has(run.text, "/interrupted", "false");
}
END_TEST

static TCase *interrupted_case(void)
{
	TCase *tcase = tcase_create("interrupted");
	tcase_add_test(tcase, stress_reports_until_the_interrupt);
	tcase_add_test(tcase, stress_says_after_how_long);
	tcase_add_test(tcase, run_to_the_end_is_not_called_interrupted);
	tcase_add_test(tcase, bench_tells_the_rows_that_it_has_measured);
	tcase_add_test(tcase, bench_leaves_a_row_of_less_than_ten_rounds_out);
	tcase_add_test(tcase, bench_says_that_it_was_interrupted);
	tcase_add_test(tcase, ignored_signal_stays_ignored);
	return tcase;
}

int main(int argc, char **argv)
{
	unit_case_fn *const cases[] = { interrupted_case };
	if (argc == 3) {
		stress = argv[1];
		bench = argv[2];
	}
	return unit_main("interrupted", cases, n_elements(cases));
}

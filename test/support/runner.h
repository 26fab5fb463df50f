/* SPDX-License-Identifier: MIT */
/* The main() of every test program: take --loop, --user and --mode, become that user, run the
 * cases. */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

/* The flags of struct uffd_guard_options that make a guard of this run. */
uint32_t runner_guard_flags(void);
bool runner_is_root(void);
bool runner_is_eager(void); /* --mode eager: userfaultfd is denied, and guards have ALLOW_EAGER */

/* Print that the running test cannot run, and why. CI collects these lines. */
void runner_skip(const char *reason);
bool runner_skip_eager(void); /* true: return from the test, since EAGER has no faults */
/* false: return, since this user cannot run a program of the build, which may lie in a home that is
 * closed to others. */
bool runner_can_run(const char *program);

typedef TCase *runner_case_fn(void);
int runner_main(int argc, char **argv, const char *name, runner_case_fn *const *cases, int n_cases);

#define RUNNER_MAIN(name, ...)                                                                     \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		runner_case_fn *const cases[] = { __VA_ARGS__ };                                   \
		return runner_main(argc, argv, name, cases, sizeof(cases) / sizeof(cases[0]));     \
	}

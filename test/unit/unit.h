/* SPDX-License-Identifier: MIT */
/* What all unit tests share: main(), skips with a reason, and random numbers that are the same in
 * every run. */
#pragma once

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT_TIMEOUT 240 /* seconds, after which a test counts as hanging */

#define assert_ok(call)	  ck_assert_int_eq((call), 0)
#define n_elements(array) (sizeof(array) / sizeof((array)[0]))

/* The thread sanitizer keeps at least four bytes for each byte that is read. */
#if defined(__SANITIZE_THREAD__)
#define HAS_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREAD_SANITIZER 1
#endif
#endif
#ifndef HAS_THREAD_SANITIZER
#define HAS_THREAD_SANITIZER 0
#endif

/* CI collects these lines. */
static inline void unit_skip(const char *reason)
{
	printf("SKIP: %s\n", reason);
	fflush(stdout);
}

/* A number below @limit, by xorshift32. *state begins as the seed, which is not 0. */
static inline uint32_t random_below(uint32_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % limit;
}

typedef TCase *unit_case_fn(void);

static inline int unit_main(const char *name, unit_case_fn *const *cases, size_t n_cases)
{
	Suite *suite = suite_create(name);
	for (size_t i = 0; i < n_cases; i++) {
		TCase *tcase = cases[i]();
		tcase_set_timeout(tcase, UNIT_TIMEOUT);
		suite_add_tcase(suite, tcase);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(name, ...)                                                                       \
	int main(void)                                                                             \
	{                                                                                          \
		unit_case_fn *const cases[] = { __VA_ARGS__ };                                     \
		return unit_main(name, cases, n_elements(cases));                                  \
	}

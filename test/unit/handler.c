/* SPDX-License-Identifier: MIT */
/* The second thread of a real guard: it is started once, however many ask for it. */
#include "daemon/handler.h"

#include "state/guard.h"
#include "together.h"
#include "unit.h"
#include "waits.h"

#include <uffd_guard.h>

#define N_ROUNDS 200

static void *expect_scanners(void *handler)
{
	handler_expect_scanners(handler);
	return NULL;
}

/* The kernel may leave a thread out of its list while another one ends. */
static unsigned count_second_threads(void)
{
	unsigned most = 0;
	for (int i = 0; i < 100 && most == 0; i++)
		most = threads_named("uffd-guard-aid", NULL);
	const unsigned again = threads_named("uffd-guard-aid", NULL);
	return again > most ? again : most;
}

START_TEST(second_thread_is_started_once)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER | UFFD_GUARD_NO_COPIERS };
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct uffd_guard *guard;
		assert_ok(uffd_guard_create(&options, &guard));
		if (!guard->handler) {
			unit_skip("nothing faults in EAGER");
			i = N_ROUNDS;
		} else {
			together(expect_scanners, guard->handler);
			ck_assert(handler_expect_scanners(guard->handler));
			ck_assert_uint_eq(count_second_threads(), 1);
		}
		uffd_guard_destroy(guard);
	}
}
END_TEST

static TCase *handler_case(void)
{
	TCase *tcase = tcase_create("handler");
	tcase_add_test(tcase, second_thread_is_started_once);
	return tcase;
}

UNIT_MAIN("handler", handler_case)

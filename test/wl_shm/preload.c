/* SPDX-License-Identifier: MIT */
#include "base/preload.h"

#include "../support/runner.h"

#include <stdlib.h>

#define OURS "libuffd_guard_wl_shm.so"

static const struct row {
	const char *before, *after; /* NULL: not set */
} rows[] = {
	{ NULL, NULL },
	{ "/usr/lib/" OURS, NULL },
	{ OURS, NULL },
	{ "/usr/lib/" OURS ":libother.so", "libother.so" },
	{ "libother.so /usr/lib/" OURS, "libother.so" },
	{ "a.so:" OURS ":b.so", "a.so:b.so" },
	{ "a.so  b.so::c.so", "a.so:b.so:c.so" },
	{ "/x/" OURS ".old", "/x/" OURS ".old" },
	{ "/" OURS "/a.so", "/" OURS "/a.so" },
};

START_TEST(library_leaves_the_environment)
{
	const struct row *row = &rows[_i];
	if (row->before)
		setenv("LD_PRELOAD", row->before, 1);
	else
		unsetenv("LD_PRELOAD");
	preload_remove_from_environment(OURS);
	if (row->after)
		ck_assert_str_eq(getenv("LD_PRELOAD"), row->after);
	else
		ck_assert_ptr_null(getenv("LD_PRELOAD"));
}
END_TEST

/* This program does not use libwayland-server, and so does not need it. */
START_TEST(program_without_libwayland_is_not_meant)
{
	ck_assert(!preload_is_for_this_process());
}
END_TEST

static TCase *preloads(void)
{
	TCase *tcase = tcase_create("preload");
	tcase_add_loop_test(
		tcase, library_leaves_the_environment, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tcase, program_without_libwayland_is_not_meant);
	return tcase;
}

RUNNER_MAIN("preload", preloads)

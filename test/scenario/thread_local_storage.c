/* SPDX-License-Identifier: MIT */
/* A program with much thread-local storage: each thread has it on its stack, the handler too. */
#include "../support/fixture.h"

static _Thread_local volatile unsigned char storage[KIB_OF_STORAGE << 10];

START_TEST(guard_works_in_a_program_with_much_thread_local_storage)
{
	struct fixture f;
	storage[sizeof(storage) - 1] = 1;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	for (size_t i = 0; i < 64; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	fixture_stop(&f);
}
END_TEST

static TCase *storage_case(void)
{
	TCase *tcase = tcase_create("storage");
	tcase_add_test(tcase, guard_works_in_a_program_with_much_thread_local_storage);
	return tcase;
}

RUNNER_MAIN("thread_local_storage", storage_case)

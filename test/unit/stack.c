/* SPDX-License-Identifier: MIT */
/* The stack of the guard's threads, where the C library tells no least size of one: in a static
 * program. Then the program's thread-local storage is counted. */
#include "daemon/stack.h"

#include "unit.h"

#include <pthread.h>
#include <string.h>

/* More than the stack would have without it. */
static _Thread_local char storage[(size_t)300 << 10];

/* In place of the C library's, for the guard: the linker sees to that. */
void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
	(void)handle;
	(void)name;
	return NULL;
}

static void *use_all(void *data)
{
	memset(storage, 1, sizeof(storage));
	stack_touch();
	*(char *)data = storage[sizeof(storage) - 1];
	return NULL;
}

START_TEST(thread_has_room_beside_the_programs_storage)
{
	pthread_t thread;
	pthread_attr_t attr;
	size_t size = 0;
	char value = 0;
	assert_ok(stack_start_thread(&thread, use_all, &value));
	assert_ok(pthread_getattr_np(thread, &attr));
	assert_ok(pthread_attr_getstacksize(&attr, &size));
	pthread_attr_destroy(&attr);
	assert_ok(pthread_join(thread, NULL));
	ck_assert_int_eq(value, 1);
	ck_assert_uint_ge(size, sizeof(storage) + ((size_t)200 << 10));
}
END_TEST

static TCase *stack_case(void)
{
	TCase *tcase = tcase_create("stack");
	tcase_add_test(tcase, thread_has_room_beside_the_programs_storage);
	return tcase;
}

UNIT_MAIN("stack", stack_case)

/* SPDX-License-Identifier: MIT */
/*
 * The handler's stack. It is small, so that many guards cost little where memory is locked or
 * strictly accounted. But glibc puts each thread's copy of the program's thread-local storage on
 * the thread's stack too, and that may be larger than all the handler needs.
 */
#include "daemon/stack.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

#define STACK_SIZE ((size_t)256 << 10) /* without thread-local storage */

static int add_storage(struct dl_phdr_info *object, size_t size, void *data)
{
	size_t *sum = data;
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			*sum += object->dlpi_phdr[i].p_memsz + object->dlpi_phdr[i].p_align;
	}
	return 0;
}

/* glibc's own figure has what its tunables reserve besides. There is none in a static program. */
static size_t count_storage(const pthread_attr_t *attr)
{
	size_t (*get_least_size)(const pthread_attr_t *attr), sum = 0;
	/* ISO C has no cast from an object's address to a function's. */
	*(void **)&get_least_size = dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
	if (get_least_size)
		return get_least_size(attr);
	dl_iterate_phdr(add_storage, &sum);
	return sum;
}

int stack_start_thread(pthread_t *thread, void *(*run)(void *data), void *data)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE + count_storage(&attr));
	int err = pthread_create(thread, &attr, run, data);
	pthread_attr_destroy(&attr);
	return err;
}

void stack_touch(void)
{
	volatile char stack[STACK_SIZE / 4];
	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
}

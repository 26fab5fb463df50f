/* SPDX-License-Identifier: MIT */
#include "allocations.h"

#include "self.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local bool is_on, has_failed;
static _Thread_local unsigned n_left;
static const char *wanted; /* NULL: all */
static atomic_long n_live;

void allocations_fail_in(const char *object)
{
	wanted = object;
}

void allocations_fail_after(unsigned n_before)
{
	n_left = n_before;
	has_failed = false;
	is_on = true;
}

bool allocations_end(void)
{
	is_on = false;
	return has_failed;
}

long allocations_live(void)
{
	return atomic_load(&n_live);
}

#if defined(__GLIBC__) && !IS_SANITIZED

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

bool allocations_can_fail(void)
{
	return true;
}

static bool is_of(void *caller, const char *object)
{
	Dl_info info;
	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, object);
}

static bool may_fail(void *caller)
{
	return wanted ? is_of(caller, wanted) : !is_of(caller, "libseccomp");
}

static bool shall_fail(void *caller)
{
	if (!is_on || has_failed || !may_fail(caller) || n_left-- > 0)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

/* Of the wanted file alone: these are few. */
static _Atomic(void *) kept[4096];

static bool replace(void *from, void *to)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		void *expected = from;
		if (atomic_load(&kept[i]) == from &&
			atomic_compare_exchange_strong(&kept[i], &expected, to))
			return true;
	}
	return false;
}

static void *count(void *block, void *caller)
{
	if (block && (!wanted || (is_of(caller, wanted) && replace(NULL, block))))
		atomic_fetch_add(&n_live, 1);
	return block;
}

static void uncount(void *block)
{
	if (block && (!wanted || replace(block, NULL)))
		atomic_fetch_sub(&n_live, 1);
}

#pragma GCC visibility push(default) /* or they would be this program's alone */

void *malloc(size_t size)
{
	void *caller = __builtin_return_address(0);
	return shall_fail(caller) ? NULL : count(__libc_malloc(size), caller);
}

void *calloc(size_t n, size_t size)
{
	void *caller = __builtin_return_address(0);
	return shall_fail(caller) ? NULL : count(__libc_calloc(n, size), caller);
}

void *realloc(void *block, size_t size)
{
	void *caller = __builtin_return_address(0);
	if (shall_fail(caller))
		return NULL;
	void *fresh = __libc_realloc(block, size);
	if (fresh)
		uncount(block);
	return count(fresh, caller);
}

static void *allocate_aligned(size_t alignment, size_t size, void *caller)
{
	return shall_fail(caller) ? NULL : count(__libc_memalign(alignment, size), caller);
}

void *memalign(size_t alignment, size_t size)
{
	return allocate_aligned(alignment, size, __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return allocate_aligned(alignment, size, __builtin_return_address(0));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
	void *fresh = allocate_aligned(alignment, size, __builtin_return_address(0));
	if (fresh)
		*block = fresh;
	return fresh ? 0 : ENOMEM;
}

void free(void *block)
{
	uncount(block);
	__libc_free(block);
}

#pragma GCC visibility pop

#else

bool allocations_can_fail(void)
{
	return false;
}

#endif

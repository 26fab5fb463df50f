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
static atomic_long n_live;

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

static bool is_of_libseccomp(void *caller)
{
	Dl_info info;
	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libseccomp");
}

static bool shall_fail(void *caller)
{
	if (!is_on || has_failed || is_of_libseccomp(caller) || n_left-- > 0)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

static void *count(void *block)
{
	if (block)
		atomic_fetch_add(&n_live, 1);
	return block;
}

#pragma GCC visibility push(default) /* or they would be this program's alone */

void *malloc(size_t size)
{
	return shall_fail(__builtin_return_address(0)) ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return shall_fail(__builtin_return_address(0)) ? NULL : count(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
	if (shall_fail(__builtin_return_address(0)))
		return NULL;
	void *fresh = __libc_realloc(block, size);
	return block ? fresh : count(fresh);
}

static void *allocate_aligned(size_t alignment, size_t size, void *caller)
{
	return shall_fail(caller) ? NULL : count(__libc_memalign(alignment, size));
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
	if (block)
		atomic_fetch_sub(&n_live, 1);
	__libc_free(block);
}

#pragma GCC visibility pop

#else

bool allocations_can_fail(void)
{
	return false;
}

#endif

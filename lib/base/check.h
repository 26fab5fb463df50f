/* SPDX-License-Identifier: MIT */
/* Contracts between the files of this library, checked where the build asks for it
 * (UFFD_GUARD_CHECKS: the presets dev, asan and tsan); nothing at all in a release. */
#pragma once

#ifdef UFFD_GUARD_CHECKS
#include <stdio.h>
#include <stdlib.h>

/* A condition that no input of a program or a client can make false: only a mistake in here can. */
#define check(condition)                                                                           \
	((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, __func__))

static inline _Noreturn void check_failed(
	const char *condition, const char *file, int line, const char *function)
{
	dprintf(2, "uffd_guard: %s:%d: %s: not true: %s\n", file, line, function, condition);
	abort();
}
#else
#define check(condition) ((void)0)
#endif

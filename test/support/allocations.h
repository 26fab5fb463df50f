/* SPDX-License-Identifier: MIT */
/*
 * malloc(3) and its like of the whole program, the library and the C library included, so that one
 * call of them can fail. Linked into the programs that want it; not with a sanitizer, which has its
 * own.
 */
#pragma once

#include <stdbool.h>

bool allocations_can_fail(void);

/* Fail and count only those of a file with this in its name, such as "libuffd_guard". For all tests
 * to come. */
void allocations_fail_in(const char *object);

/* From now on, of the calling thread: @n_before allocations, then one that fails. libseccomp's do
 * not count: version 2.5.4 leaks, or crashes. */
void allocations_fail_after(unsigned n_before);
/* No more; answers whether one has failed. */
bool allocations_end(void);
/* Blocks that nobody has freed, of all threads; after allocations_fail_in(), its alone. */
long allocations_live(void);

/* SPDX-License-Identifier: MIT */
/* Memory that the kernel is about to store to, brought nearer while something else is done. */
#pragma once

#include "base/page.h"

#define MOST_PREFETCHED 4096
#define CACHE_LINE	64

/* A hint: no fault, whatever @place is. For rows that lie far apart, whose pages and lines are in
 * no cache, and which the processor cannot guess while it is in the kernel. */
static inline void prefetch_for_stores(const void *place, size_t length)
{
	const size_t end = min_u64(length, MOST_PREFETCHED);
	for (size_t at = 0; at < end; at += CACHE_LINE)
		__builtin_prefetch((const char *)place + at, 1);
}

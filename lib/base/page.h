/* SPDX-License-Identifier: MIT */
/* Bytes and pages. Bytes are uint64_t in files and regions, uintptr_t in memory; pages are size_t.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static inline size_t page_size(void)
{
	static atomic_size_t known_size; /* asked of the C library, it is dearer than all that is
					    done with it */
	size_t size = atomic_load_explicit(&known_size, memory_order_relaxed);
	if (size == 0) {
		size = (size_t)sysconf(_SC_PAGESIZE);
		atomic_store_explicit(&known_size, size, memory_order_relaxed);
	}
	return size;
}

static inline uint64_t page_floor(uint64_t bytes)
{
	return bytes & ~(uint64_t)(page_size() - 1);
}

/* Callers have made sure that the sum fits. */
static inline uint64_t page_ceil(uint64_t bytes)
{
	return page_floor(bytes + page_size() - 1);
}

/* Private anonymous memory at a multiple of @alignment, or NULL. */
void *map_aligned(size_t size, size_t alignment, int protection);

bool bytes_are_zero(const char *bytes, size_t length); /* at least a word */

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

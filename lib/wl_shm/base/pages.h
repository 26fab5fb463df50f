/* SPDX-License-Identifier: MIT */
/* Bytes and whole pages. */
#pragma once

#include <stdint.h>
#include <unistd.h>

static inline uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline uint64_t page_floor(uint64_t bytes)
{
	return bytes & ~(page_size() - 1);
}

/* Callers make sure that the sum fits, or check that the result is not below @bytes. */
static inline uint64_t page_ceil(uint64_t bytes)
{
	return page_floor(bytes + page_size() - 1);
}

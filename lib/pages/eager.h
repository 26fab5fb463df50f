/* SPDX-License-Identifier: MIT */
/* All data read beforehand (EAGER). Callers' threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct uffd_guard_region;

/*
 * Read what the file has for the pages of the range that presence says are absent, whatever they
 * hold; what it does not have becomes zeros and is reported. The caller holds region->lock, or
 * no other thread knows the region yet.
 */
int eager_fill(struct uffd_guard_region *region, size_t first, size_t n_pages);

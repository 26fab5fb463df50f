/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

struct uffd_guard_region;

/* For uffd_guard_refresh() and those that build on it. The caller holds region->lock, and has
 * synchronized with fills since what the bytes must not be older than. The range is inside the
 * region. */
int refresh_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length);
/* The same, but for bytes within one page, and with zeros: for what leaves the region. Absent pages
 * stay absent. */
int refresh_zeros(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

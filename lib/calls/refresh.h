/* SPDX-License-Identifier: MIT */
/* Bringing bytes up to date. Callers' threads, with region->lock. */
#pragma once

#include <stdint.h>

struct rows;
struct uffd_guard_region;

/* Bring a range inside the region up to date. Caller: region->lock held,
 * epoch_synchronize(&region->fills) done after the moment the bytes must be newer than. */
int refresh_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length);
/* Put zeros in place of bytes within one page: they leave the region. An absent page stays absent.
 */
int refresh_zeros(struct uffd_guard_region *region, uint64_t offset, uint64_t length);
/* The same as refresh_range() for rows, which may lie beyond the length by now. */
int refresh_rows(struct uffd_guard_region *region, struct rows *rows);

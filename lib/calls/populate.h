/* SPDX-License-Identifier: MIT */
/* Callers' threads. */
#pragma once

#include <stdint.h>

struct rows;
struct uffd_guard_region;

/* Fill the absent pages of a range that was checked. */
int populate_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length);
/* Fill the absent pages that rows touch; they may lie beyond the length by now. With region->lock,
 * between change_begin() and change_end(). */
int populate_rows(struct uffd_guard_region *region, struct rows *rows);

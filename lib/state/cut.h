/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/region.h"

/* Where whole pages begin and end in a range; of the region's last page, what is behind the length
 * counts as in it. Without any, both are a border within the range, or its end. */
struct cut {
	uint64_t first, last;
};

static inline struct cut cut_range(
	const struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const uint64_t first = page_ceil(start);
	const uint64_t last =
		end == atomic_load(&region->length) ? page_ceil(end) : page_floor(end);
	const uint64_t border = min_u64(first, end);
	return first < last ? (struct cut){ first, last } : (struct cut){ border, border };
}

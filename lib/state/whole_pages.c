/* SPDX-License-Identifier: MIT */
#include "state/whole_pages.h"

#include "state/region.h"

int for_parts(struct uffd_guard_region *region, uint64_t start, uint64_t end, part_fn *on_bytes,
	part_fn *on_pages)
{
	const bool reaches_end = end == atomic_load(&region->length);
	const uint64_t whole_end = reaches_end ? page_ceil(end) : page_floor(end);
	const bool has_whole = page_ceil(start) < whole_end;
	const uint64_t first = has_whole ? page_ceil(start) : min_u64(page_ceil(start), end);
	const uint64_t last = has_whole ? whole_end : first;

	int err = start < first ? on_bytes(region, start, first) : 0;
	if (!err && has_whole)
		err = on_pages(region, first, last);
	return !err && last < end ? on_bytes(region, last, end) : err;
}

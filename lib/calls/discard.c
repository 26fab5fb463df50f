/* SPDX-License-Identifier: MIT */
/*
 * Discard: whole pages are taken away, and come back from the file when they are touched, or at
 * once where nothing tells of a touch (EAGER). Of pages that are only partly in the range the bytes
 * are refreshed, for the rest stays.
 */
#include "base/cancel.h"
#include "base/check.h"
#include "base/marks.h"
#include "calls/refresh.h"
#include "calls/scanners.h"
#include "pages/change.h"
#include "pages/refill.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/region.h"
#include "state/whole_pages.h"

static int refresh_bytes(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	return refresh_range(region, start, end - start);
}

static int discard_pages(struct uffd_guard_region *region, uint64_t start, uint64_t stop)
{
	const size_t first = start / page_size(), end = stop / page_size();
	check(page_floor(start) == start && page_floor(stop) == stop);
	/* Of the DIRECT part, only copies that stores have made go. */
	const size_t n_direct = region_direct_end(region) / page_size();
	const size_t split =
		guard_is_eager(region->guard) ? min_u64(max_u64(first, n_direct), end) : end;
	int err = first < split ? resident_drop_synced(region, first, split - first) : 0;
	return !err && split < end ? refill_pages(region, split, end - split) : err;
}

static int discard_range(struct uffd_guard_region *region, uint64_t offset, uint64_t end)
{
	end = min_u64(end, atomic_load(&region->length));
	if (offset >= end)
		return 0;
	return for_parts(region, offset, end, refresh_bytes, discard_pages);
}

/* model: protocol discard */
int uffd_guard_discard(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	UNCANCELLED;
	int err = region_check_range(region, offset, length);
	if (err || length == 0)
		return err;
	err = region_check_source(region);
	if (err)
		return err;

	struct marks_taken taken;
	scanners_pass(region);
	change_begin(region);
	marks_take(atomic_load(&region->marks), offset, offset + length, &taken);
	epoch_synchronize(&region->fills);
	err = discard_range(region, offset, offset + length);
	marks_settle(&taken, !err);
	change_end(region);
	return err;
}

/* SPDX-License-Identifier: MIT */
/* populate: the pages of a range, filled on the caller's thread. */
#include "calls/populate.h"

#include "base/cancel.h"
#include "base/lock.h"
#include "base/rows.h"
#include "kernel/staging.h"
#include "pages/evict.h"
#include "pages/pieces.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

/* They would get EFAULT from pages that are protected. */
static void let_system_calls_store(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	lock_take(&region->lock);
	eviction_pause(region);
	evict_allow_stores(region, first, n_pages);
	eviction_resume(region);
	lock_give(&region->lock);
}

int populate_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;

	source_begin_call(&region->source);
	const size_t page = page_size();
	const size_t end = page_ceil(offset + length) / page;
	const size_t begin = min_u64(max_u64(offset, region_direct_end(region)) / page, end);
	int err = fill_in_pieces(region, staging, begin, end - begin, false);
	source_end_call(&region->source);
	staging_return(&region->guard->staging, staging);
	if (!err && region_tracks_stores(region) && !region->guard->uffd.kernel_faults)
		let_system_calls_store(region, begin, end - begin);
	return err;
}

/* Pages that rows touch: pages of rows that follow each other are filled in one go. */
static int fill_pages_of(
	struct uffd_guard_region *region, struct staging *staging, struct rows *rows)
{
	const size_t page = page_size();
	const uint64_t direct = region_direct_end(region), length = atomic_load(&region->length);
	size_t first = 0, end = 0;
	struct uffd_guard_span row;
	int err = 0;
	while (!err && rows_next(rows, &row)) {
		const size_t from = max_u64(row.offset, direct) / page;
		const size_t to = page_ceil(min_u64(row.offset + row.length, length)) / page;
		if (from > end) {
			err = fill_in_pieces(region, staging, first, end - first, false);
			first = end = from;
		}
		end = max_u64(end, to);
	}
	return err ? err : fill_in_pieces(region, staging, first, end - first, false);
}

int populate_rows(struct uffd_guard_region *region, struct rows *rows)
{
	if (guard_is_eager(region->guard))
		return 0; /* refresh has read all there is */
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;
	int err = fill_pages_of(region, staging, rows);
	staging_return(&region->guard->staging, staging);
	return err;
}

int uffd_guard_populate(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	UNCANCELLED;
	int err = region_check_range(region, offset, length);
	if (err || length == 0 || guard_is_eager(region->guard))
		return err;
	return populate_range(region, offset, length);
}

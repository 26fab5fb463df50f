/* SPDX-License-Identifier: MIT */
/* populate: the pages of a range, filled on the caller's thread. */
#include "calls/populate.h"
#include "calls/scanners.h"

#include "base/cancel.h"
#include "base/lock.h"
#include "base/rows.h"
#include "daemon/copier.h"
#include "kernel/staging.h"
#include "pages/evict.h"
#include "pages/pieces.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

/* They would get EFAULT from pages that are protected. */
static void let_system_calls_store(struct uffd_guard_region *region, size_t first, size_t end)
{
	lock_take(&region->lock);
	eviction_pause(region);
	for (size_t n; first < end; first += n) {
		/* Not what was evicted again meanwhile. */
		if (presence_run(&region->presence, first, end - first, &n) == PRESENCE_HELD)
			evict_allow_stores(region, first, n);
	}
	eviction_resume(region);
	lock_give(&region->lock);
}

static bool system_calls_cannot_wait(const struct uffd_guard_region *region)
{
	return !guard_is_eager(region->guard) && !region->guard->uffd.kernel_faults;
}

/* A refresh that has not seen it may be taking pages away, with the lock. Set within the lock, so
 * that every caller waits for it, and not only the first. */
static void let_pages_stay(struct uffd_guard_region *region)
{
	if (atomic_load(&region->is_populated))
		return;
	lock_take(&region->lock);
	atomic_store(&region->is_populated, true);
	lock_give(&region->lock);
}

int populate_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	const bool is_for_system_calls = system_calls_cannot_wait(region);
	if (is_for_system_calls)
		let_pages_stay(region);
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;

	scanners_pass(region);
	copier_expect(region->guard, length);
	source_begin_call(&region->source);
	const size_t page = page_size();
	const size_t end = page_ceil(offset + length) / page;
	const size_t begin = min_u64(max_u64(offset, region_direct_end(region)) / page, end);
	int err = fill_in_pieces(region, staging, begin, end - begin, false);
	source_end_call(&region->source);
	staging_return(&region->guard->staging, staging);
	if (!err && region_tracks_stores(region) && is_for_system_calls)
		let_system_calls_store(region, begin, end);
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
		return 0;		      /* refresh has read all there is */
	if (system_calls_cannot_wait(region)) /* nobody takes pages away: we hold region->lock */
		atomic_store(&region->is_populated, true);
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

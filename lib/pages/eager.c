/* SPDX-License-Identifier: MIT */
/*
 * EAGER: regions of a guard that may not have a userfaultfd. Nothing tells when a page is touched,
 * so all data is read beforehand: by map, and again by refresh, discard and resize. The rest is as
 * in LAZY, and a page that was not filled reads as zero, for that is what the file had there.
 *
 * A hole costs nothing, not even the time to read it (extents.c).
 */
#include "pages/eager.h"

#include "file/extents.h"
#include "pages/mapping.h"
#include "pages/pieces.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"

#include <errno.h>

struct reader {
	struct uffd_guard_region *region;
	struct staging *staging;
};

static int read_run(void *data, uint64_t offset, uint64_t length)
{
	const struct reader *reader = data;
	return fill_in_pieces(
		reader->region, reader->staging, offset / page_size(), length / page_size(), false);
}

/* Drop pages of holes and pages behind the end: some may hold what the file had before. */
static int drop_absent(struct uffd_guard_region *region, size_t first, size_t end)
{
	int err = 0;
	for (size_t n; first < end && !err; first += n) {
		if (presence_run(&region->presence, first, end - first, &n) == PRESENCE_ABSENT)
			err = mapping_drop(
				region_address(region, first * page_size()), n * page_size());
	}
	return err;
}

int eager_fill(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	const size_t page = page_size();
	const uint64_t start = max_u64(first * page, region_direct_end(region)),
		       length = atomic_load(&region->length);
	const uint64_t end = min_u64((first + n_pages) * page, page_ceil(length));
	if (start >= end)
		return 0;

	/* A terabyte behind the end is told of at once. */
	const uint64_t there = min_u64(source_length_from(&region->source, start), end - start);
	if (start + page_ceil(there) < end)
		region_report_loss(
			region, start + page_ceil(there), end, UFFD_GUARD_LOST_TRUNCATED, 0);

	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;
	struct reader reader = { .region = region, .staging = staging };
	int err =
		extents_for_each_data(&region->source, start, page_ceil(there), read_run, &reader);
	staging_return(&region->guard->staging, staging);
	return err ? err : drop_absent(region, start / page, end / page);
}

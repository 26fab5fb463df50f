/* SPDX-License-Identifier: MIT */
/*
 * Filling whole pages on the caller's thread: populate, and pages that are filled anew in the place
 * of others.
 *
 * In pieces of a staging buffer, and a grace period for each piece: who waits for us waits no
 * longer than for a fault.
 */
#include "pages/populate.h"

#include "pages/eager.h"
#include "pages/fill.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

static int fill_piece(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	struct fill fill = { .region = region, .staging = staging, .asked = FILL_ALL_ASKED };
	uint32_t ticket = epoch_enter(&region->fills);
	int err = fill_pages(&fill, first, n_pages);
	epoch_leave(&region->fills, ticket);
	return err && guard_check(region->guard) ? -EIO : err;
}

static int fill_in_pieces(struct uffd_guard_region *region, struct staging *staging, size_t first,
	size_t n_pages, bool is_again)
{
	int err = 0;
	const size_t most = STAGING_SIZE / page_size();
	for (size_t end = first + n_pages, n; first < end && !err; first += n) {
		n = min_u64(most, end - first);
		if (is_again)
			err = resident_drop_for_sure(region, first, n);
		if (!err)
			err = fill_piece(region, staging, first, n);
	}
	return err;
}

int populate_pages(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	return fill_in_pieces(region, staging, first, n_pages, false);
}

int populate_again(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	if (region->guard->is_eager) {
		resident_forget(region, first, n_pages);
		return eager_fill(region, first, n_pages);
	}
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;
	int err = fill_in_pieces(region, staging, first, n_pages, true);
	staging_return(&region->guard->staging, staging);
	return err;
}

/* They would get EFAULT from pages that are protected. */
static void let_system_calls_store(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	pthread_mutex_lock(&region->lock);
	budget_hold_off(region);
	budget_allow_stores(region, first, n_pages);
	budget_go_on(region);
	pthread_mutex_unlock(&region->lock);
}

int uffd_guard_populate(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	int err = region_check_range(region, offset, length);
	if (err || length == 0 || region->guard->is_eager)
		return err;
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;

	source_begin_call(&region->source);
	const size_t page = page_size();
	const size_t end = page_ceil(offset + length) / page;
	const size_t begin = min_u64(max_u64(offset, region_direct_end(region)) / page, end);
	err = populate_pages(region, staging, begin, end - begin);
	source_end_call(&region->source);
	staging_return(&region->guard->staging, staging);
	if (!err && region->is_tracked && !region->guard->uffd.kernel_faults)
		let_system_calls_store(region, begin, end - begin);
	return err;
}

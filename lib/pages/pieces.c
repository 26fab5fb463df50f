/* SPDX-License-Identifier: MIT */
/*
 * Whole ranges on a caller's thread: in pieces of a staging buffer, and a grace period for each
 * piece, so that whoever waits for us waits no longer than for a fault.
 */
#include "pages/pieces.h"
#include "base/lock.h"

#include "base/epoch.h"
#include "kernel/staging.h"
#include "pages/fill.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <sys/mman.h>

/* Pages that the program has given back with madvise(2) are noted, and not there. The kernel is not
 * sure of such as are swapped out; these it does not let us fill again. */
static int fill_given_back(struct fill *fill, size_t first, size_t n_pages)
{
	const struct uffd_guard_region *region = fill->region;
	unsigned char there[STAGING_SIZE / 4096];
	int err = 0;
	if (n_pages > sizeof(there) || mincore((void *)region_address(region, first * page_size()),
					       n_pages * page_size(), there) < 0)
		return 0;
	fill->is_gone = true;
	for (size_t at = 0, n; at < n_pages && !err; at += n) {
		for (n = 0; at + n < n_pages && !(there[at + n] & 1) &&
			    page_is_present(&region->presence, first + at + n);)
			n++;
		if (n > 0)
			err = fill_pages(fill, first + at, n);
		else
			n = 1;
	}
	return err;
}

/* model: protocol populate */
static int fill_piece(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	struct fill fill = { .region = region, .staging = staging, .asked = ASKED_ALL };
	uint32_t ticket = epoch_enter(&region->fills);
	const bool is_fresh = presence_count_absent(&region->presence, first, n_pages) == n_pages;
	int err = fill_pages(&fill, first, n_pages);
	if (!err && !is_fresh && !guard_is_eager(region->guard))
		err = fill_given_back(&fill, first, n_pages);
	epoch_leave(&region->fills, ticket);
	return err && guard_check(region->guard) ? -EIO : err;
}

int fill_in_pieces(struct uffd_guard_region *region, struct staging *staging, size_t first,
	size_t n_pages, bool is_again)
{
	int err = 0;
	const size_t most = STAGING_SIZE / page_size();
	check(!is_again || lock_is_held(&region->lock));
	for (size_t end = first + n_pages, n; first < end && !err; first += n) {
		n = min_u64(most, end - first);
		if (is_again)
			err = resident_drop_synced(region, first, n);
		if (!err)
			err = fill_piece(region, staging, first, n);
	}
	return err;
}

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

/* model: protocol populate */
static int fill_piece(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	struct fill fill = { .region = region, .staging = staging, .asked = ASKED_ALL };
	uint32_t ticket = epoch_enter(&region->fills);
	int err = fill_pages(&fill, first, n_pages);
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

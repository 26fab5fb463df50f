/* SPDX-License-Identifier: MIT */
/*
 * Whole ranges on a caller's thread: in pieces of a staging buffer, and a grace period for each
 * piece, so that whoever waits for us waits no longer than for a fault.
 */
#include "pages/pieces.h"
#include "base/lock.h"

#include "base/epoch.h"
#include "base/shared_work.h"
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

/* model: direct populate, protocol populate */
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

/* ---- Shared with the copier ---- */

struct filling {
	struct uffd_guard_region *region;
	size_t first, end;
};

/* Where huge pages begin. */
static size_t piece_start(const struct filling *filling, size_t piece)
{
	const size_t most = STAGING_SIZE / page_size();
	const size_t skew = filling->region->range.start / page_size() % most;
	const size_t start = (filling->first + skew) / most * most + piece * most;
	return min_u64(max_u64(start, filling->first + skew) - skew, filling->end);
}

static bool fill_one(void *data, size_t piece, void *staging)
{
	const struct filling *filling = data;
	const size_t start = piece_start(filling, piece);
	return fill_piece(filling->region, staging, start,
		       piece_start(filling, piece + 1) - start) == 0;
}

/* Answers how many of the pages are filled, from the first on. In EAGER, pages are made by system
 * calls that the copier's sandbox denies. */
static size_t fill_shared(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	struct filling filling = { .region = region, .first = first, .end = first + n_pages };
	if (n_pages * page_size() <= STAGING_SIZE || source_may_block(&region->source) ||
		guard_is_eager(region->guard))
		return 0;
	struct chunks chunks = { .work = fill_one, .data = &filling };
	while (piece_start(&filling, chunks.n_chunks) < filling.end)
		chunks.n_chunks++;
	const size_t n_done = shared_work_do(&region->guard->shared_work, &chunks, staging);
	return n_done ? piece_start(&filling, n_done) - first : 0;
}

int fill_in_pieces(struct uffd_guard_region *region, struct staging *staging, size_t first,
	size_t n_pages, bool is_again)
{
	int err = 0;
	const size_t most = STAGING_SIZE / page_size();
	check(!is_again || lock_is_held(&region->lock));
	const size_t end = first + n_pages;
	if (!is_again)
		first += fill_shared(region, staging, first, n_pages);
	for (size_t n; first < end && !err; first += n) {
		n = min_u64(most, end - first);
		if (is_again)
			err = resident_drop_synced(region, first, n);
		if (!err)
			err = fill_piece(region, staging, first, n);
	}
	return err;
}

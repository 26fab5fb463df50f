/* SPDX-License-Identifier: MIT */
/*
 * Huge pages on their way from a region to the guard's spares: UFFDIO_MOVE, the way that they came.
 *
 * The kernel moves pages only to where a userfaultfd is registered. So the slot is registered for
 * the moment of the move; nobody touches it then. What the program has withdrawn, pinned or shared
 * by fork(2) is not moved, and goes with the rest of the range.
 */
#include "pages/take_home.h"

#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

void find_huge_pages(
	struct uffd_guard_region *region, size_t first, size_t n_pages, struct huge_pages *found)
{
	const size_t end = first + n_pages;
	found->n = 0;
	if (region_is_bounded(region) || atomic_load(&region->guard->gave_up))
		return;
	while (found->n < SPARES_MOST &&
		(first = presence_next_huge(&region->presence, first, end)) < end) {
		found->first[found->n++] = first;
		first += PRESENCE_HUGE;
	}
}

/* Whether all of it has come. */
static bool move_home(struct uffd_guard *guard, const struct spare *spare, uintptr_t address)
{
	size_t done = 0;
	const uintptr_t to = (uintptr_t)spare->memory;
	if (uffd_register(&guard->uffd, to, STAGING_SIZE, false))
		return false;
	int err = uffd_move(&guard->uffd, to, (const void *)address, STAGING_SIZE, &done);
	/* By mlockall(MCL_FUTURE): every new mapping is filled at once. */
	if (err == -EEXIST && done == 0)
		atomic_store(&guard->spares.is_off, true);
	return uffd_unregister(&guard->uffd, to, STAGING_SIZE) == 0 && done == STAGING_SIZE;
}

void take_home(struct uffd_guard_region *region, const struct huge_pages *pages)
{
	struct uffd_guard *guard = region->guard;
	/* The program may have closed it, and its number may be of a userfaultfd of its own. */
	if (pages->n == 0 || !uffd_is_ours(&guard->uffd))
		return;
	for (size_t i = 0; i < pages->n; i++) {
		struct spare *spare = spares_claim(&guard->spares);
		if (!spare)
			return;
		if (move_home(guard, spare, region_address(region, pages->first[i] * page_size())))
			spares_put(&guard->spares, spare, &region->source.file);
		else
			spares_drop(spare);
	}
}

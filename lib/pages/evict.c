/* SPDX-License-Identifier: MIT */
/*
 * Keeping within max_resident: what was filled first goes first.
 *
 * Each bound has a ring of the pieces that were filled, one word each: where it begins, and how
 * many pages. Who fills puts a piece in, and who needs room takes the oldest out and evicts what is
 * left of it; both are one atomic operation, so the handler never waits for a caller. A piece may
 * have been discarded, refilled or unmapped since, and then lies in the ring in vain: so the region
 * is looked up by address, and only pages that hold memory go. When the ring is full of such, the
 * oldest piece is evicted before its time.
 *
 * Stores that were not written back are spared. Pages of a region mapped with MAP_WRITE are
 * write-protected by the userfaultfd when they are filled, and the handler notes those that are
 * stored to (fault.c). Only the handler takes such pages, for then no store can come between the
 * look and the taking. And nobody else takes any while a region is refreshed or saved
 * (eviction_pause()): a page that is noted as gone, but is still there, would be passed over.
 * Pages of zeros hold no memory and stay.
 */
#include "pages/evict.h"
#include "base/lock.h"

#include "base/page.h"
#include "kernel/uffd.h"
#include "pages/resident.h"
#include "state/budget.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

#define TRIES_IN_VAIN 64

/* Pages from @first on that hold memory and no store, at most @limit; *n_others come before. */
static size_t count_clean(
	const struct uffd_guard_region *region, size_t first, size_t limit, size_t *n_others)
{
	size_t n = 0;
	for (*n_others = 0; *n_others < limit; ++*n_others) {
		if (page_is_clean(&region->presence, first + *n_others))
			break;
	}
	while (*n_others + n < limit && page_is_clean(&region->presence, first + *n_others + n))
		n++;
	return n;
}

static void evict_pages(struct uffd_guard_region *region, size_t first, size_t end)
{
	for (size_t n_others, n; first < end; first += n_others + n) {
		n = count_clean(region, first, end - first, &n_others);
		if (n == 0)
			continue;
		if (resident_drop(region, first + n_others, n) == 0)
			stats_add(&region->guard->stats->pages_evicted, n);
	}
}

static uintptr_t this_thread(void)
{
	return (uintptr_t)pthread_self();
}

static bool has_stores(const struct uffd_guard_region *region, size_t first, size_t end)
{
	return presence_has_stored(&region->presence, first, end - first);
}

/* Inside lookups: the region stays. */
static void evict_from(
	struct budget *budget, struct uffd_guard_region *region, uint64_t piece, bool is_handler)
{
	const uintptr_t address = piece_address(piece);
	const size_t first = (address - region->range.start) / page_size();
	const size_t end =
		min_u64(first + piece_count(piece), region_reserve(region) / page_size());
	const uintptr_t evictor = atomic_load(&region->eviction.evictor);
	const enum eviction_policy policy = region->eviction.policy;
	const bool is_mine = policy != EVICT_NONE && (!evictor || evictor == this_thread()) &&
			     (policy == EVICT_ANY || is_handler);
	if (is_mine)
		evict_pages(region, first, end);
	/* To be looked at again later. */
	if (!is_mine || has_stores(region, first, end))
		budget_put(budget, piece);
}

/* model: protocol evict */
static void evict(struct uffd_guard *guard, struct budget *budget, uint64_t piece, bool is_handler)
{
	if (!piece)
		return; /* its place is taken, but it is not there yet */
	const uint32_t lookup = epoch_enter(&guard->lookups);
	struct range *range = range_table_find(&guard->ranges, piece_address(piece));
	if (range)
		evict_from(budget, region_of_range(range), piece, is_handler);
	epoch_leave(&guard->lookups, lookup);
}

static void make_room(struct uffd_guard *guard, struct budget *budget,
	const _Atomic uint64_t *resident, uint64_t wanted, bool is_handler)
{
	uint64_t piece, n = atomic_load(&budget->tail) - atomic_load(&budget->head);
	size_t n_in_vain = 0; /* stores that are spared: go on the next time */
	for (n = min_u64(n, budget->n_pieces); n > 0 && n_in_vain < TRIES_IN_VAIN; n--) {
		const uint64_t before = atomic_load(resident);
		if (before + wanted <= budget->most || !budget_take(budget, &piece))
			return;
		evict(guard, budget, piece, is_handler);
		n_in_vain = atomic_load(resident) < before ? 0 : n_in_vain + 1;
	}
}

/* ---- What fills ask for ---- */

/* model: protocol pause */
void eviction_pause(struct uffd_guard_region *region)
{
	struct uffd_guard *guard = region->guard;
	check(lock_is_held(&region->lock));
	if (!region_is_bounded(region))
		return;
	check(!atomic_load(&region->eviction.evictor));
	atomic_store(&region->eviction.evictor, this_thread());
	lock_take(&guard->lock);
	epoch_synchronize(&guard->lookups); /* who has begun to take pages has taken them */
	lock_give(&guard->lock);
}

void eviction_resume(struct uffd_guard_region *region)
{
	check(lock_is_held(&region->lock));
	atomic_store(&region->eviction.evictor, 0);
}

void evict_allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	check(atomic_load(&region->eviction.evictor) == this_thread());
	presence_mark_stored(&region->presence, first, n_pages);
	uffd_protect(&region->guard->uffd, region_address(region, first * page_size()),
		n_pages * page_size(), false);
}

static size_t limit_by(const struct budget *budget, size_t most)
{
	return budget->most ? min_u64(most, budget->most / page_size() / 2) : most;
}

size_t evict_limit(const struct uffd_guard_region *region, size_t most)
{
	return limit_by(&region->guard->budget, limit_by(&region->eviction.budget, most));
}

static bool has_room(const struct budget *budget, uint64_t resident, uint64_t wanted)
{
	return !budget->most || resident + wanted <= budget->most;
}

int evict_make_room(struct uffd_guard_region *region, size_t n_pages, bool is_handler)
{
	struct uffd_guard *guard = region->guard;
	const uint64_t wanted = n_pages * page_size();
	if (!region_is_bounded(region))
		return 0;
	if (guard_is_eager(guard))
		return has_room(&region->eviction.budget,
			       atomic_load(&region->publication.stats->bytes_resident), wanted) &&
				       has_room(&guard->budget,
					       atomic_load(&guard->stats->bytes_resident), wanted)
			       ? 0
			       : -ENOMEM;
	if (region->eviction.budget.most)
		make_room(guard, &region->eviction.budget,
			&region->publication.stats->bytes_resident, wanted, is_handler);
	if (guard->budget.most)
		make_room(guard, &guard->budget, &guard->stats->bytes_resident, wanted, is_handler);
	return 0;
}

void evict_note(struct uffd_guard_region *region, size_t first, size_t n_pages, bool is_handler)
{
	struct uffd_guard *guard = region->guard;
	if (n_pages == 0 || guard_is_eager(guard))
		return;
	const uint64_t piece = piece_of(region_address(region, first * page_size()), n_pages);
	if (region->eviction.budget.most)
		evict(guard, &region->eviction.budget, budget_put(&region->eviction.budget, piece),
			is_handler);
	if (guard->budget.most)
		evict(guard, &guard->budget, budget_put(&guard->budget, piece), is_handler);
}

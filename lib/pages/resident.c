/* SPDX-License-Identifier: MIT */
/*
 * Which pages hold memory: what presence knows and the counters say of it, told together.
 *
 * Pages are noted as absent before they are taken away, and as filled after they are installed. One
 * that is noted and gone is harmless: the fault comes, and is answered. One that is there and not
 * noted would be passed over by refresh, which therefore waits for fills before it looks, and for
 * those who evict after it has.
 */
#include "pages/resident.h"
#include "base/lock.h"

#include "pages/mapping.h"
#include "pages/take_home.h"
#include "state/guard.h"
#include "state/region.h"

void resident_note_held(
	struct uffd_guard_region *region, size_t first, size_t n_pages, size_t n_charged)
{
	const size_t n_fresh = presence_fill(&region->presence, first, n_pages, PRESENCE_HELD);
	atomic_fetch_add(&region->publication.stats->bytes_resident, n_fresh * page_size());
	stats_add(&region->guard->stats->bytes_resident, n_fresh * page_size());
	if (n_fresh < n_charged)
		region_refund(region, n_charged - n_fresh);
	else
		region_charge(region, n_fresh - n_charged);
}

static void note_gone(struct uffd_guard_region *region, size_t n_held)
{
	atomic_fetch_sub(&region->publication.stats->bytes_resident, n_held * page_size());
	stats_sub(&region->guard->stats->bytes_resident, n_held * page_size());
	region_refund(region, n_held);
}

void resident_note_absent(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	note_gone(region, presence_clear(&region->presence, first, n_pages));
}

/* model: direct drop, protocol drop */
int resident_drop(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	/* Presence first: a page that is filled in between counts as present, which is the harmless
	 * mistake. The counters last: until then the memory is in use. */
	struct huge_pages going;
	find_huge_pages(region, first, n_pages, &going);
	const size_t n_held = presence_clear(&region->presence, first, n_pages);
	take_home(region, &going);
	int err = mapping_drop(region_address(region, first * page_size()), n_pages * page_size());
	note_gone(region, n_held);
	/* Or else refresh would leave them as they are. */
	if (err)
		resident_note_held(region, first, n_pages, 0);
	return err;
}

/* A page that was filled between the two steps above is gone, but noted. Whoever populated pages
 * relies on the notes. So again, until no fill has come in between; unless readers keep at it. */
#define DROP_TRIES 4

/* model: direct drop_synced, protocol drop_synced */
int resident_drop_synced(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	int err = 0;
	size_t n_absent = 0;
	check(lock_is_held(&region->lock));
	for (int i = 0; i < DROP_TRIES && n_absent < n_pages && !err; i++) {
		err = resident_drop(region, first, n_pages);
		epoch_synchronize(&region->fills);
		n_absent = presence_count_absent(&region->presence, first, n_pages);
	}
	return err;
}

void resident_end(struct uffd_guard_region *region)
{
	const uint64_t held = atomic_load(&region->publication.stats->bytes_resident);
	stats_sub(&region->guard->stats->bytes_resident, held);
	budget_refund(&region->guard->budget, held);
}

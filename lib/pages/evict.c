/* SPDX-License-Identifier: MIT */
/*
 * Keeping within max_resident: who fills evicts.
 *
 * Nothing is listed. What may go is what presence says holds memory, and a hand goes round over
 * all regions (or over one, for its own bound), as that of a clock: it stops where enough has gone,
 * and goes on from there the next time. So nothing is forgotten, nothing is found in vain, and a
 * page stays for one turn of the hand after it was passed. Pages that threads have just waited for
 * are passed over: an instruction may need several at once. Pages of zeros hold no memory and stay.
 * A huge page goes whole, for a part of it would not give memory back.
 *
 * Stores that were not written back are spared. Pages of a region mapped with MAP_WRITE are
 * write-protected by the userfaultfd when they are filled, and the handler notes those that are
 * stored to (fault.c). Who evicts claims a page first and looks for a store then, and the handler
 * notes a store first and looks for a claim then: one of the two sees the other. A store to a page
 * that goes is not let through, but waits for the wake that follows, and comes again.
 *
 * Refresh does not stop this. A page that goes is noted as gone before it is (resident.c), and
 * refresh might pass it over in between: so it waits in the end for those that were at it
 * (region->eviction.under_way), and what it has passed over has gone by then.
 *
 * Where nothing can go (stores, and what others are just filling), the bound is exceeded by what
 * is filled.
 */
#include "pages/evict.h"

#include "base/lock.h"
#include "base/page.h"
#include "kernel/staging.h"
#include "kernel/uffd.h"
#include "pages/resident.h"
#include "state/budget.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

/* ---- Pages of a word ---- */

/* The lowest @most of them. */
static uint64_t lowest_bits(uint64_t bits, size_t most)
{
	while ((size_t)__builtin_popcountll(bits) > most)
		bits &= ~(UINT64_C(1) << (63 - __builtin_clzll(bits)));
	return bits;
}

static size_t drop_pages(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	if (resident_drop(region, first, n_pages))
		return 0;
	stats_add(&region->guard->stats->pages_evicted, n_pages);
	return n_pages;
}

/* Answers how many have gone. */
static size_t drop_bits(struct uffd_guard_region *region, size_t word, uint64_t bits)
{
	size_t n_dropped = 0;
	while (bits) {
		const int first = __builtin_ctzll(bits);
		const uint64_t others = ~(bits >> first);
		const int n = others ? __builtin_ctzll(others) : PRESENCE_WORD;
		n_dropped += drop_pages(region, word + (size_t)first, (size_t)n);
		bits = first + n < PRESENCE_WORD ? bits & (UINT64_MAX << (first + n)) : 0;
	}
	return n_dropped;
}

static size_t claim_and_drop(struct uffd_guard_region *region, size_t word, uint64_t bits)
{
	struct presence *presence = &region->presence;
	const uint64_t claimed = presence_claim(presence, word, bits);
	const size_t n_dropped = drop_bits(region, word, claimed);
	presence_unclaim(presence, word, claimed);
	const size_t first = (size_t)__builtin_ctzll(bits),
		     end = PRESENCE_WORD - (size_t)__builtin_clzll(bits);
	uffd_wake(&region->guard->uffd, region_address(region, (word + first) * page_size()),
		(end - first) * page_size());
	return n_dropped;
}

/* ---- Pages of a region ---- */

/* All of a huge page, if @page lies in what may be one; else 0. *end is where it ends. */
static size_t drop_huge(struct uffd_guard_region *region, size_t page, size_t *end)
{
	const size_t n_huge = STAGING_SIZE / page_size();
	const size_t before =
		region_address(region, page * page_size()) % STAGING_SIZE / page_size();
	size_t n = 0;
	if (region_tracks_stores(region) || evict_limit(region, n_huge) < n_huge || before > page ||
		n_huge > region->presence.n_pages - (page - before) ||
		presence_run(&region->presence, page - before, n_huge, &n) != PRESENCE_HELD ||
		n < n_huge)
		return 0;
	for (size_t word = page - before; word < page - before + n_huge; word += PRESENCE_WORD) {
		if (recent_spare(&region->guard->recent, region_address(region, word * page_size()),
			    UINT64_MAX) != UINT64_MAX)
			return 0;
	}
	*end = page - before + n_huge;
	return drop_pages(region, page - before, n_huge);
}

/* Of the word of @page, from there on, up to @wanted. *end is where looking goes on. */
static size_t drop_some(struct uffd_guard_region *region, size_t page, size_t wanted, size_t *end)
{
	const size_t word = page / PRESENCE_WORD * PRESENCE_WORD;
	const uint64_t clean =
		recent_spare(&region->guard->recent, region_address(region, word * page_size()),
			presence_clean_bits(&region->presence, page));
	const uint64_t bits = lowest_bits(clean, wanted);
	*end = word + PRESENCE_WORD;
	if (!bits)
		return 0;
	if (bits != clean)
		*end -= (size_t)__builtin_clzll(bits);
	return region_tracks_stores(region) ? claim_and_drop(region, word, bits)
					    : drop_bits(region, word, bits);
}

/* From page *at on, which is moved on. Inside under_way. */
static size_t evict_from(struct uffd_guard_region *region, size_t *at, size_t wanted)
{
	const struct presence *presence = &region->presence;
	const bool is_spared =
		region->eviction.policy == EVICT_NONE || atomic_load(&region->eviction.is_paused);
	size_t n_dropped = 0;
	if (is_spared)
		*at = presence->n_pages;
	while (n_dropped < wanted && *at < presence->n_pages) {
		const size_t page = presence_next_held(presence, *at);
		size_t n = page < presence->n_pages ? drop_huge(region, page, at) : 0;
		if (n == 0 && page < presence->n_pages)
			n = drop_some(region, page, wanted - n_dropped, at);
		else if (n == 0)
			*at = page;
		n_dropped += n;
	}
	return n_dropped;
}

/* ---- The hand ---- */

/* The region at @address, or the next one, entered; NULL: there is none. Of a region's own bound,
 * only that one. */
static struct uffd_guard_region *enter_from(struct uffd_guard *guard,
	struct uffd_guard_region *only, uintptr_t address, uint32_t *ticket)
{
	if (only) {
		if (address >= only->range.end)
			return NULL;
		*ticket = epoch_enter(&only->eviction.under_way);
		return only;
	}
	const uint32_t lookup = epoch_enter(&guard->lookups);
	struct range *range = range_table_find_from(&guard->ranges, address);
	struct uffd_guard_region *region = range ? region_of_range(range) : NULL;
	if (region)
		*ticket = epoch_enter(&region->eviction.under_way);
	epoch_leave(&guard->lookups, lookup);
	return region;
}

/* Answers how many pages have gone: fewer than @wanted after a whole turn. */
/* model: direct evict, protocol evict */
static size_t sweep(struct uffd_guard *guard, struct budget *budget, struct uffd_guard_region *only,
	size_t wanted)
{
	const uintptr_t start = atomic_load(&budget->hand);
	uintptr_t hand = start;
	size_t n_dropped = 0;
	for (bool has_turned = false; n_dropped < wanted && !(has_turned && hand >= start);) {
		uint32_t ticket;
		struct uffd_guard_region *region = enter_from(guard, only, hand, &ticket);
		if (!region) {
			if (has_turned)
				break;
			has_turned = true;
			hand = 0;
			continue;
		}
		const uintptr_t from = max_u64(hand, region->range.start);
		size_t page = (from - region->range.start) / page_size();
		n_dropped += evict_from(region, &page, wanted - n_dropped);
		hand = region_address(region, page * page_size());
		epoch_leave(&region->eviction.under_way, ticket);
	}
	atomic_store(&budget->hand, hand);
	return n_dropped;
}

/* ---- What fills ask for ---- */

static int reserve_in(struct uffd_guard *guard, struct budget *budget,
	struct uffd_guard_region *only, uint64_t bytes)
{
	while (!budget_try_charge(budget, bytes)) {
		const size_t n_excess = page_ceil(budget_excess(budget, bytes)) / page_size();
		if (guard_is_eager(guard))
			return -ENOMEM;
		if (n_excess > 0 && sweep(guard, budget, only, n_excess) == 0) {
			budget_charge(budget, bytes);
			break;
		}
	}
	return 0;
}

int evict_reserve(struct uffd_guard_region *region, size_t n_pages)
{
	struct uffd_guard *guard = region->guard;
	const uint64_t bytes = n_pages * page_size();
	int err = reserve_in(guard, &region->eviction.budget, region, bytes);
	if (err)
		return err;
	err = reserve_in(guard, &guard->budget, NULL, bytes);
	if (err)
		budget_refund(&region->eviction.budget, bytes);
	return err;
}

static void evict_excess_of(
	struct uffd_guard *guard, struct budget *budget, struct uffd_guard_region *only)
{
	uint64_t excess = 0;
	do
		excess = budget->most ? page_ceil(budget_excess(budget, 0)) : 0;
	while (excess > 0 && sweep(guard, budget, only, excess / page_size()) > 0);
}

void evict_excess(struct uffd_guard_region *region)
{
	if (guard_is_eager(region->guard))
		return;
	evict_excess_of(region->guard, &region->eviction.budget, region);
	evict_excess_of(region->guard, &region->guard->budget, NULL);
}

void eviction_pause(struct uffd_guard_region *region)
{
	check(lock_is_held(&region->lock));
	if (!region_tracks_stores(region))
		return;
	check(!atomic_load(&region->eviction.is_paused));
	atomic_store(&region->eviction.is_paused, true);
	epoch_synchronize(&region->eviction.under_way);
}

void eviction_resume(struct uffd_guard_region *region)
{
	atomic_store(&region->eviction.is_paused, false);
}

void evict_allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	check(atomic_load(&region->eviction.is_paused));
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

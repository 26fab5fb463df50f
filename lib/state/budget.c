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
 * (budget_hold_off()): a page that is noted as gone, but is still there, would be passed over.
 * Pages of zeros hold no memory and stay.
 */
#include "state/budget.h"

#include "pages/resident.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <sys/mman.h>

#define LEAST_PAGES  64 /* one instruction may need several at once */
#define LEAST_PIECES 256
#define MOST_IN_VAIN 64
#define MOST_PIECES  ((size_t)1 << 20)

/* ---- The ring ---- */

#define COUNT_BITS 10 /* STAGING_SIZE in pages, and less */

static uint64_t piece_of(uintptr_t address, size_t n_pages)
{
	return (uint64_t)(address / page_size()) << COUNT_BITS | n_pages;
}

int budget_init(struct budget *budget, uint64_t most, uint64_t length)
{
	*budget = (struct budget){ .most = most ? max_u64(most, LEAST_PAGES * page_size()) : 0 };
	if (!most)
		return 0;
	const uint64_t n_pages = min_u64(most, length) / page_size();
	budget->n_pieces = max_u64(LEAST_PIECES, min_u64(2 * n_pages, MOST_PIECES));
	void *pieces = mmap(NULL, budget->n_pieces * sizeof(*budget->pieces),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	budget->pieces = pieces == MAP_FAILED ? NULL : pieces;
	return budget->pieces ? 0 : -ENOMEM;
}

void budget_finish(struct budget *budget)
{
	if (budget->pieces)
		munmap((void *)budget->pieces, budget->n_pieces * sizeof(*budget->pieces));
}

/* Answers the piece that had to give way, or 0. */
static uint64_t put(struct budget *budget, uint64_t piece)
{
	const uint64_t at = atomic_fetch_add(&budget->tail, 1);
	return atomic_exchange(&budget->pieces[at % budget->n_pieces], piece);
}

/* False: the ring is empty. */
static bool take(struct budget *budget, uint64_t *piece)
{
	uint64_t at = atomic_load(&budget->head);
	do {
		const uint64_t tail = atomic_load(&budget->tail);
		if (at >= tail)
			return false;
		if (tail - at > budget->n_pieces) { /* what is older has given way */
			uint64_t oldest = tail - budget->n_pieces;
			atomic_compare_exchange_strong(&budget->head, &at, oldest);
			at = atomic_load(&budget->head);
			continue;
		}
		if (atomic_compare_exchange_weak(&budget->head, &at, at + 1))
			break;
	} while (true);
	*piece = atomic_exchange(&budget->pieces[at % budget->n_pieces], 0);
	return true;
}

/* ---- Evicting ---- */

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
	const uintptr_t address = (piece >> COUNT_BITS) * page_size();
	const size_t first = (address - region->range.start) / page_size();
	const size_t end = min_u64(
		first + (piece & ((1u << COUNT_BITS) - 1)), region_reserve(region) / page_size());
	const uintptr_t evictor = atomic_load(&region->evictor);
	const bool is_mine = !region->is_spared && (!evictor || evictor == this_thread()) &&
			     (!region->is_tracked || is_handler);
	if (is_mine)
		evict_pages(region, first, end);
	/* To be looked at again later. */
	if (!is_mine || has_stores(region, first, end))
		put(budget, piece);
}

static void evict(struct uffd_guard *guard, struct budget *budget, uint64_t piece, bool is_handler)
{
	if (!piece)
		return; /* its place is taken, but it is not there yet */
	const uint32_t lookup = epoch_enter(&guard->lookups);
	struct range *range = range_table_find(&guard->ranges, (piece >> COUNT_BITS) * page_size());
	if (range)
		evict_from(budget, region_of_range(range), piece, is_handler);
	epoch_leave(&guard->lookups, lookup);
}

static void make_room(struct uffd_guard *guard, struct budget *budget,
	const _Atomic uint64_t *resident, uint64_t wanted, bool is_handler)
{
	uint64_t piece, n = atomic_load(&budget->tail) - atomic_load(&budget->head);
	size_t n_in_vain = 0; /* stores that are spared: go on the next time */
	for (n = min_u64(n, budget->n_pieces); n > 0 && n_in_vain < MOST_IN_VAIN; n--) {
		const uint64_t before = atomic_load(resident);
		if (before + wanted <= budget->most || !take(budget, &piece))
			return;
		evict(guard, budget, piece, is_handler);
		n_in_vain = atomic_load(resident) < before ? 0 : n_in_vain + 1;
	}
}

/* ---- What fills ask for ---- */

bool budget_is_set(const struct uffd_guard_region *region)
{
	return region->budget.most || region->guard->budget.most;
}

void budget_hold_off(struct uffd_guard_region *region)
{
	struct uffd_guard *guard = region->guard;
	if (!budget_is_set(region))
		return;
	atomic_store(&region->evictor, this_thread());
	pthread_mutex_lock(&guard->lock);
	epoch_synchronize(&guard->lookups); /* who has begun to take pages has taken them */
	pthread_mutex_unlock(&guard->lock);
}

void budget_go_on(struct uffd_guard_region *region)
{
	atomic_store(&region->evictor, 0);
}

void budget_allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	presence_mark_stored(&region->presence, first, n_pages);
	uffd_protect(&region->guard->uffd, region_address(region, first * page_size()),
		n_pages * page_size(), false);
}

static size_t limit_by(const struct budget *budget, size_t most)
{
	return budget->most ? min_u64(most, budget->most / page_size() / 2) : most;
}

size_t budget_limit(const struct uffd_guard_region *region, size_t most)
{
	return limit_by(&region->guard->budget, limit_by(&region->budget, most));
}

static bool has_room(const struct budget *budget, uint64_t resident, uint64_t wanted)
{
	return !budget->most || resident + wanted <= budget->most;
}

int budget_make_room(struct uffd_guard_region *region, size_t n_pages, bool is_handler)
{
	struct uffd_guard *guard = region->guard;
	const uint64_t wanted = n_pages * page_size();
	if (!budget_is_set(region))
		return 0;
	if (guard->is_eager)
		return has_room(&region->budget, atomic_load(&region->stats->bytes_resident),
			       wanted) &&
				       has_room(&guard->budget,
					       atomic_load(&guard->stats->bytes_resident), wanted)
			       ? 0
			       : -ENOMEM;
	if (region->budget.most)
		make_room(
			guard, &region->budget, &region->stats->bytes_resident, wanted, is_handler);
	if (guard->budget.most)
		make_room(guard, &guard->budget, &guard->stats->bytes_resident, wanted, is_handler);
	return 0;
}

void budget_note(struct uffd_guard_region *region, size_t first, size_t n_pages, bool is_handler)
{
	struct uffd_guard *guard = region->guard;
	const uint64_t piece = piece_of(region_address(region, first * page_size()), n_pages);
	if (n_pages == 0 || guard->is_eager)
		return;
	if (region->budget.most)
		evict(guard, &region->budget, put(&region->budget, piece), is_handler);
	if (guard->budget.most)
		evict(guard, &guard->budget, put(&guard->budget, piece), is_handler);
}

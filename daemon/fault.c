/* SPDX-License-Identifier: MIT */
/*
 * One fault. Each return has answered it, by pages, by a wake, or blocking_reads.c has taken it
 * over: one left unanswered parks a thread of the compositor for ever.
 *
 * The handler holds no lock, so it says where it is instead: inside guard->lookups while the
 * table's ranges are in its hands, inside region->fills while it works for a region. Unmap waits
 * for both, refresh for the second.
 */
#include "daemon/fault.h"

#include "base/watch.h"
#include "daemon/blocking_reads.h"
#include "pages/evict.h"
#include "pages/window.h"

#include "pages/fill.h"
#include "pages/install.h"
#include "state/guard.h"
#include "state/probes.h"
#include "state/region.h"

#include <stdbool.h>

static struct uffd_guard_region *find_region(struct uffd_guard *guard, uintptr_t address)
{
	struct range *range = range_table_find(&guard->ranges, address);
	return range ? region_of_range(range) : NULL;
}

/*
 * The region, entered; or NULL: it is being unmapped under the reader's hands. Then its waiters are
 * woken, and nothing is filled: the address may be another guard's region by now, and the kernel
 * does not mind whose userfaultfd it is that fills.
 */
/* model: ahead enter_region, blocking take_fault, protocol enter_region */
static struct uffd_guard_region *enter_region(
	struct uffd_guard *guard, uintptr_t address, uint32_t *ticket)
{
	uint32_t lookup = epoch_enter(&guard->lookups);
	struct uffd_guard_region *region = find_region(guard, address);
	if (region)
		*ticket = epoch_enter(&region->fills);
	else
		uffd_wake(&guard->uffd, address, page_size());
	epoch_leave(&guard->lookups, lookup);
	return region;
}

/* Windows end where huge pages do, so that the next one may be of a huge page. */
static size_t count_to_border(uintptr_t address)
{
	return WINDOW_MOST_PAGES - address / page_size() % WINDOW_MOST_PAGES;
}

static struct window window_for(const struct uffd_guard_region *region, size_t page)
{
	const struct presence *presence = &region->presence;
	size_t n_pages = max_u64(page + 1, page_ceil(atomic_load(&region->length)) / page_size());
	size_t n_behind = min_u64(count_to_border(region_address(region, page * page_size())),
				  n_pages - page) -
			  1;

	return window_around(page, presence_count_before(presence, page, WINDOW_MOST_PAGES),
		1 + (n_behind ? presence_count_absent(presence, page + 1, n_behind) : 0));
}

/* For the thread that may have to take over. */
static void note_what_is_read_for(
	struct watch *watch, struct uffd_guard_region *region, uint32_t ticket, const size_t *asked)
{
	if (!watch)
		return;
	watch->region = region;
	watch->ticket = ticket;
	watch->is_asked = asked;
	watch->page = asked ? *asked : 0;
}

/* A scanner of files may keep the copier from ever coming back, and nobody stands in for it. */
static bool may_be_shared(const struct uffd_guard_region *region)
{
	return !source_may_be_scanned(&region->source);
}

/* Windows behind @start, as far as the region goes. The copier has its share of them. */
static void offer_ahead(struct uffd_guard_region *region, uintptr_t start, size_t n_pages)
{
	struct uffd_guard *guard = region->guard;
	const uintptr_t limit = region_address(region, page_ceil(atomic_load(&region->length)));
	if (n_pages == 0 || region_is_bounded(region) || start >= limit)
		return;
	const bool is_shared = may_be_shared(region);
	ahead_offer(&guard->ahead, start, start + min_u64(n_pages * page_size(), limit - start),
		is_shared);
	if (is_shared && ahead_count(&guard->ahead) > 1 &&
		atomic_load(&guard->shared_work.has_copier))
		shared_work_call(&guard->shared_work);
}

/* model: ahead answer, direct answer, protocol answer, relief answer */
int fault_answer(struct serving *serving, uintptr_t address, struct answer *answer)
{
	struct uffd_guard *guard = serving->guard;
	uint32_t ticket;
	*answer = (struct answer){ .start = 0, .end = 0 };
	struct uffd_guard_region *region = enter_region(guard, address, &ticket);
	if (!region)
		return 0;

	PROBE_FAULT(region, address - region->range.start);
	stats_add(&region->publication.stats->faults, 1);
	size_t page = (address - region->range.start) / page_size();
	struct window window = window_for(region, page);
	window.n_pages = evict_limit(region, window.n_pages);
	if (region_is_bounded(region))
		recent_note(&guard->recent, page_floor(address));
	if (region->source.blocking) {
		answer->is_later = true;
		blocking_reads_answer_later(
			serving->blocking_reads, region, page, window.n_pages, ticket);
		return 0;
	}
	struct fill fill = { .region = region,
		.staging = serving->staging,
		.asked = ASKED_PAGE,
		.page = page,
		.is_handler = true,
		.watch = serving->watch };
	note_what_is_read_for(serving->watch, region, ticket, &page);
	int err = fill_pages(&fill, window.first, window.n_pages);
	if (err == WATCH_ERR_TAKEN)
		return err;

	answer->start = region_address(region, page * page_size());
	answer->end = region_address(region, fill.asked_end * page_size());
	if (fill.asked_end > page)
		offer_ahead(region, answer->end, window_ahead(window.n_pages));
	epoch_leave(&region->fills, ticket);
	return err;
}

void fault_note_store(struct serving *serving, uintptr_t address)
{
	struct uffd_guard *guard = serving->guard;
	uint32_t ticket;
	struct uffd_guard_region *region = enter_region(guard, address, &ticket);
	if (!region)
		return;
	const size_t page = (address - region->range.start) / page_size();
	presence_mark_stored(&region->presence, page, 1);
	if (page_is_going(&region->presence, page))
		presence_unmark_stored(&region->presence, page, 1); /* who evicts it wakes */
	else if (uffd_protect(&guard->uffd, address, page_size(), false))
		uffd_wake(&guard->uffd, address, page_size()); /* gone meanwhile: it comes again */
	epoch_leave(&region->fills, ticket);
}

/* model: ahead is_on_its_way */
bool fault_is_on_its_way(struct serving *serving, uintptr_t address)
{
	struct uffd_guard *guard = serving->guard;
	uint32_t ticket;
	if (!ahead_is_under_way(&guard->ahead, address))
		return false;
	struct uffd_guard_region *region =
		ahead_count(&guard->ahead) > 0 ? NULL : enter_region(guard, address, &ticket);
	if (region) {
		offer_ahead(region, ahead_border(address), window_ahead(WINDOW_MOST_PAGES));
		epoch_leave(&region->fills, ticket);
	}
	return true;
}

/* model: ahead answer_late */
int fault_answer_late(struct serving *serving, uintptr_t address)
{
	struct uffd_guard *guard = serving->guard;
	struct answer answer;
	uint32_t ticket;
	struct uffd_guard_region *region = enter_region(guard, address, &ticket);
	if (!region)
		return 0;
	/* While the copier stands still there, presence may be of what a caller is taking away. */
	const bool is_there =
		!ahead_is_under_way(&guard->ahead, address) &&
		page_is_present(&region->presence, (address - region->range.start) / page_size());
	if (is_there) { /* if it is not after all, the fault comes again */
		stats_add(&region->publication.stats->faults, 1);
		uffd_wake(&guard->uffd, address, page_size());
	}
	epoch_leave(&region->fills, ticket);
	return is_there ? 0 : fault_answer(serving, address, &answer);
}

/* Another region may be there by now than when it was offered. */
static size_t pages_of_window(const struct uffd_guard_region *region, uintptr_t address)
{
	const size_t page = (address - region->range.start) / page_size();
	const size_t n_all = page_ceil(atomic_load(&region->length)) / page_size();
	if (region->source.blocking || region_is_bounded(region) || page >= n_all)
		return 0;
	return min_u64(count_to_border(address), n_all - page);
}

/* Gives @ticket back, unless all is another thread's now (WATCH_ERR_TAKEN). */
/* model: ahead fill_window */
static int fill_window(struct fill *fill, struct watch *watch, uintptr_t address, uint32_t ticket)
{
	struct uffd_guard_region *region = fill->region;
	struct ahead *ahead = &region->guard->ahead;
	const size_t page = (address - region->range.start) / page_size();
	const size_t n_pages = pages_of_window(region, address);
	fill->asked = ASKED_NONE;
	fill->watch = watch;
	note_what_is_read_for(watch, region, ticket, NULL);
	int err = fill_pages(fill, page, n_pages);
	if (err == WATCH_ERR_TAKEN)
		return err;

	/* Stop where the region or the file does. */
	const size_t n_all = page_ceil(atomic_load(&region->length)) / page_size();
	bool goes_on = !err && n_pages > 0 && page + n_pages < n_all &&
		       page_is_present(&region->presence, page + n_pages - 1);
	if (!goes_on)
		ahead_stop(ahead);
	epoch_leave(&region->fills, ticket);
	return 0;
}

/* model: ahead fill_ahead_or_stop */
int fault_fill_ahead(struct serving *serving, uintptr_t address)
{
	struct uffd_guard *guard = serving->guard;
	uint32_t ticket;
	struct uffd_guard_region *region = enter_region(guard, address, &ticket);
	struct fill fill = { .region = region, .staging = serving->staging, .is_handler = true };
	if (region)
		return fill_window(&fill, serving->watch, address, ticket);
	ahead_stop(&guard->ahead);
	return 0;
}

/* model: ahead help_ahead */
void fault_help_ahead(struct uffd_guard *guard, struct staging *staging, uintptr_t address)
{
	uint32_t ticket;
	struct uffd_guard_region *region = enter_region(guard, address, &ticket);
	struct fill fill = { .region = region, .staging = staging };
	if (region && may_be_shared(region))
		fill_window(&fill, NULL, address, ticket);
	else if (region)
		epoch_leave(&region->fills, ticket);
}

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
#include "daemon/scanned_reads.h"
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
/* model: blocking take_fault, protocol enter_region */
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
	watch->inside = &region->fills;
	watch->region = region;
	watch->ticket = ticket;
	watch->is_asked = asked;
	watch->page = asked ? *asked : 0;
}

/* model: direct answer, protocol answer, relief answer */
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
	if (scanned_reads_are_for(serving->scanned_reads, region, page)) {
		answer->is_later = true;
		scanned_reads_answer_later(serving->scanned_reads, region, page, ticket);
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
	if (window_ahead(window.n_pages) > 0 && !region_is_bounded(region) &&
		fill.asked_end > page &&
		fill.asked_end * page_size() < atomic_load(&region->length))
		serving->ahead = (struct ahead){ .address = answer->end,
			.n_pages = window_ahead(window.n_pages) };
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

int fault_fill_ahead(struct serving *serving)
{
	struct ahead *ahead = &serving->ahead;
	uint32_t ticket;
	struct uffd_guard_region *region = enter_region(serving->guard, ahead->address, &ticket);
	if (!region) {
		ahead->n_pages = 0;
		return 0;
	}

	size_t page = (ahead->address - region->range.start) / page_size();
	size_t n_all = page_ceil(atomic_load(&region->length)) / page_size();
	/* Another region may be there by now. */
	const bool is_ordinary = !region->source.blocking && !region_is_bounded(region) &&
				 !scanned_reads_are_for(serving->scanned_reads, region, page);
	size_t n_pages = is_ordinary && page < n_all
				 ? min_u64(count_to_border(ahead->address), n_all - page)
				 : 0;
	struct fill fill = { .region = region,
		.staging = serving->staging,
		.asked = ASKED_NONE,
		.is_handler = true,
		.watch = serving->watch };
	note_what_is_read_for(serving->watch, region, ticket, NULL);
	int err = fill_pages(&fill, page, n_pages);
	if (err == WATCH_ERR_TAKEN)
		return err;

	/* Stop where the region or the file does. */
	bool goes_on = !err && n_pages > 0 && page + n_pages < n_all &&
		       page_is_present(&region->presence, page + n_pages - 1);
	ahead->address += n_pages * page_size();
	ahead->n_pages = goes_on ? ahead->n_pages - min_u64(ahead->n_pages, n_pages) : 0;
	epoch_leave(&region->fills, ticket);
	return 0;
}

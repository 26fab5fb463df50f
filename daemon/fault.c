/* SPDX-License-Identifier: MIT */
/*
 * One fault. No early return: a fault left unanswered parks a thread of the compositor for ever.
 *
 * The handler holds no lock, so it says where it is instead: inside guard->lookups while the
 * table's ranges are in its hands, inside region->fills while it works for a region. Unmap waits
 * for both, refresh for the second.
 */
#include "fault.h"

#include "window.h"

#include "../lib/fill.h"
#include "../lib/guard.h"
#include "../lib/region.h"

/* The region, entered, or NULL. */
static struct uffd_guard_region *enter_region(
	struct uffd_guard *guard, uintptr_t address, uint32_t *ticket)
{
	uint32_t lookup = epoch_enter(&guard->lookups);
	struct range *range = range_table_find(&guard->ranges, address);
	struct uffd_guard_region *region = range ? region_of_range(range) : NULL;
	if (region)
		*ticket = epoch_enter(&region->fills);
	epoch_leave(&guard->lookups, lookup);
	return region;
}

static struct window window_for(const struct uffd_guard_region *region, size_t page)
{
	const struct presence *presence = &region->presence;
	size_t n_pages = max_u64(page + 1, page_ceil(atomic_load(&region->length)) / page_size());
	size_t n_behind = min_u64(WINDOW_MOST_PAGES, n_pages - page) - 1;

	return window_around(page, presence_count_before(presence, page, WINDOW_MOST_PAGES),
		1 + (n_behind ? presence_count_absent(presence, page + 1, n_behind) : 0));
}

/* A page that is nobody's any more: its region was unmapped under the reader's hands. */
static int answer_stray(struct uffd_guard *guard, uintptr_t address, struct answer *answer)
{
	*answer = (struct answer){ .start = 0, .end = 0 };
	uffd_wake(&guard->uffd, address, page_size());
	return 0;
}

int fault_answer(struct uffd_guard *guard, void *staging, uintptr_t address, struct answer *answer)
{
	uint32_t ticket;
	struct uffd_guard_region *region = enter_region(guard, address, &ticket);
	if (!region)
		return answer_stray(guard, address, answer);

	size_t page = (address - region->range.start) / page_size();
	struct window window = window_for(region, page);
	struct fill fill = { .region = region, .staging = staging, .asked = page };
	int err = fill_pages(&fill, window.first, window.n_pages);

	answer->start = region_address(region, page * page_size());
	answer->end = region_address(region, fill.asked_end * page_size());
	epoch_leave(&region->fills, ticket);
	return err;
}

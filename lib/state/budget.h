/* SPDX-License-Identifier: MIT */
/* How much memory filled pages may hold: of a guard, and of a region. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uffd_guard_region;

/* What was filled, the oldest first. Neither waits for anybody; see budget.c. */
struct budget {
	uint64_t most;		  /* bytes; 0: no bound, and nothing is noted */
	_Atomic uint64_t *pieces; /* a ring */
	size_t n_pieces;
	_Atomic uint64_t head, tail; /* how many were ever taken, and put */
};

int budget_init(struct budget *budget, uint64_t most, uint64_t length);
void budget_finish(struct budget *budget);

bool budget_is_set(const struct uffd_guard_region *region);
/* Pages that may be filled in one go, @most or fewer. */
size_t budget_limit(const struct uffd_guard_region *region, size_t most);

/* Before so many pages are installed: take others away. Where that is not possible (EAGER, which
 * could not bring them back) -ENOMEM. Any thread; the handler's alone may take pages that might be
 * stored to. */
int budget_make_room(struct uffd_guard_region *region, size_t n_pages, bool is_handler);
/* From hold_off to go_on nobody but this thread evicts from the region. Not nested: within
 * region->lock. */
void budget_hold_off(struct uffd_guard_region *region);
void budget_go_on(struct uffd_guard_region *region);
/* From now on these count as stored to, and are not protected any more. Eviction is held off. */
void budget_allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages);

/* They are installed. */
void budget_note(struct uffd_guard_region *region, size_t first, size_t n_pages, bool is_handler);

/* SPDX-License-Identifier: MIT */
/* Map a client's file in random shapes: from a page within it, beyond its end, with room to grow,
 * filled at once or not. */
#include "slot.h"

#include <stddef.h>

static uint64_t choose_length(uint64_t own, uint64_t most, struct rng *rng)
{
	switch (rng_below(rng, 4)) {
	case 0:
		return 1 + rng_below(rng, most);
	case 1:
		return most;
	default:
		return own;
	}
}

int slot_map(struct slot *slot, struct rng *rng)
{
	const struct control *control = slot->control;
	uint64_t per_page = control->words_per_page;
	uint64_t first = rng_one_in(rng, 4) ? rng_below(rng, control->n_pages) : 0;
	uint64_t most = (control->max_pages - first) * per_page;
	uint64_t length = choose_length((control->n_pages - first) * per_page, most, rng);
	uint64_t reserved = rng_one_in(rng, 2) ? most : length;

	atomic_store(&slot->first_page, first);
	slot->reserved_words = reserved;
	slot->uses_marks = rng_one_in(rng, 2);
	const struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = (rng_one_in(rng, 4) ? UFFD_GUARD_MAP_POPULATE : 0) |
			 (slot->is_direct ? UFFD_GUARD_MAP_DIRECT : 0),
		.offset = first * control->page_size,
		.reserve = reserved * sizeof(uint64_t),
		.user_data = slot,
	};
	int err = uffd_guard_map(
		slot->guard, slot->fd, length * sizeof(uint64_t), &options, &slot->region);
	if (err)
		slot->region = NULL;
	return err;
}

void slot_unmap(struct slot *slot)
{
	uffd_guard_unmap(slot->region);
	slot->region = NULL;
}

bool slot_is_live(const struct slot *slot)
{
	return uffd_guard_region_mode(slot->region) == UFFD_GUARD_MODE_DIRECT;
}

uint64_t slot_length_words(const struct slot *slot)
{
	return uffd_guard_region_length(slot->region) / sizeof(uint64_t);
}

const volatile uint64_t *slot_words(const struct slot *slot)
{
	return uffd_guard_region_data(slot->region);
}

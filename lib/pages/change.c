/* SPDX-License-Identifier: MIT */
#include "pages/change.h"
#include "base/clock.h"
#include "base/lock.h"

#include "state/region.h"

/* It keeps the lock for some tens of microseconds: less than a sleep takes. */
#define LOOK_NS UINT64_C(50000)

static void wait_for_copier(const struct uffd_guard_region *region)
{
	if (!atomic_load(&region->begun.is_at_work))
		return;
	const uint64_t limit = now_ns() + LOOK_NS;
	while (atomic_load(&region->begun.is_at_work) && now_ns() < limit)
		;
}

/* model: direct change_begin, protocol change_begin */
void change_begin(struct uffd_guard_region *region)
{
	atomic_fetch_add(&region->begun.n_wanting, 1);
	wait_for_copier(region);
	lock_take(&region->lock);
	atomic_fetch_sub(&region->begun.n_wanting, 1);
	source_begin_call(&region->source);
}

bool change_try_begin(struct uffd_guard_region *region)
{
	if (atomic_load(&region->begun.n_wanting) > 0 || !lock_try(&region->lock))
		return false;
	atomic_store(&region->begun.is_at_work, true);
	source_begin_call(&region->source);
	return true;
}

/* model: direct change_end, protocol change_end */
void change_end(struct uffd_guard_region *region)
{
	/* What they have noted as gone, and we have passed over, is gone then. */
	if (region_is_bounded(region))
		epoch_synchronize(&region->eviction.under_way);
	source_end_call(&region->source);
	atomic_store(&region->begun.is_at_work, false);
	lock_give(&region->lock);
}

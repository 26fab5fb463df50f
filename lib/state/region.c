/* SPDX-License-Identifier: MIT */
/* What all ask of a region: references, the check of a range, its pages, its mode. */
#include "state/region.h"

#include "base/marks.h"
#include "state/guard.h"
#include "state/refuse.h"

#include <stdlib.h>

/* model: losses ref */
void region_ref(struct uffd_guard_region *region)
{
	atomic_fetch_add(&region->lifetime.references, 1);
}

/* model: losses unref, protocol unref */
void region_unref(struct uffd_guard_region *region)
{
	if (atomic_fetch_sub(&region->lifetime.references, 1) > 1)
		return;
	marks_destroy(atomic_load(&region->marks));
	pthread_mutex_destroy(&region->lock);
	free(region);
}

int region_check_range(const struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	if (!region)
		return -EINVAL;
	int err = guard_check(region->guard);
	if (err)
		return err;
	uint64_t all = atomic_load(&region->length);
	const bool is_inside = offset <= all && length <= all - offset;
	return is_inside ? 0
			 : refuse(region->guard, -ERANGE,
				   "offset and length are not inside the region");
}

int region_check_source(const struct uffd_guard_region *region)
{
	return source_is_ours(&region->source) ? 0 : -EIO;
}

enum presence_kind region_run(
	const struct uffd_guard_region *region, size_t first, size_t limit, size_t *n_pages)
{
	enum presence_kind kind = presence_run(&region->presence, first, limit, n_pages);
	return kind == PRESENCE_ABSENT && guard_is_eager(region->guard) ? PRESENCE_ZERO : kind;
}

bool region_is_bounded(const struct uffd_guard_region *region)
{
	return region->eviction.budget.most || region->guard->budget.most;
}

void region_charge(struct uffd_guard_region *region, size_t n_pages)
{
	budget_charge(&region->eviction.budget, n_pages * page_size());
	budget_charge(&region->guard->budget, n_pages * page_size());
}

void region_refund(struct uffd_guard_region *region, size_t n_pages)
{
	budget_refund(&region->eviction.budget, n_pages * page_size());
	budget_refund(&region->guard->budget, n_pages * page_size());
}

enum uffd_guard_mode region_mode(const struct uffd_guard_region *region)
{
	if (region_direct_end(region) > 0)
		return UFFD_GUARD_MODE_DIRECT;
	return guard_is_eager(region->guard) ? UFFD_GUARD_MODE_EAGER : UFFD_GUARD_MODE_LAZY;
}

/* SPDX-License-Identifier: MIT */
#include "pages/change.h"
#include "base/lock.h"

#include "state/region.h"

/* model: protocol change_begin */
void change_begin(struct uffd_guard_region *region)
{
	lock_take(&region->lock);
	source_begin_call(&region->source);
}

/* model: protocol change_end */
void change_end(struct uffd_guard_region *region)
{
	/* What they have noted as gone, and we have passed over, is gone then. */
	if (region_is_bounded(region))
		epoch_synchronize(&region->eviction.under_way);
	source_end_call(&region->source);
	lock_give(&region->lock);
}

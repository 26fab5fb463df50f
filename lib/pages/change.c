/* SPDX-License-Identifier: MIT */
#include "pages/change.h"
#include "base/lock.h"

#include "pages/evict.h"
#include "state/region.h"

/* model: protocol change_begin */
void change_begin(struct uffd_guard_region *region)
{
	lock_take(&region->lock);
	source_begin_call(&region->source);
	eviction_pause(region);
}

/* model: protocol change_end */
void change_end(struct uffd_guard_region *region)
{
	eviction_resume(region);
	source_end_call(&region->source);
	lock_give(&region->lock);
}

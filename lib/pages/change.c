/* SPDX-License-Identifier: MIT */
#include "pages/change.h"
#include "base/lock.h"

#include "pages/evict.h"
#include "state/region.h"

void change_begin(struct uffd_guard_region *region)
{
	lock_take(&region->lock);
	source_begin_call(&region->source);
	eviction_pause(region);
}

void change_end(struct uffd_guard_region *region)
{
	eviction_resume(region);
	source_end_call(&region->source);
	lock_give(&region->lock);
}

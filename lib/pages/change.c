/* SPDX-License-Identifier: MIT */
#include "pages/change.h"

#include "pages/evict.h"
#include "state/region.h"

void change_begin(struct uffd_guard_region *region)
{
	pthread_mutex_lock(&region->lock);
	source_begin_call(&region->source);
	eviction_pause(region);
}

void change_end(struct uffd_guard_region *region)
{
	eviction_resume(region);
	source_end_call(&region->source);
	pthread_mutex_unlock(&region->lock);
}

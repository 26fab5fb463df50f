/* SPDX-License-Identifier: MIT */
/* Keeping within max_resident. Handler or callers, inside region.fills or with region.lock. */
#pragma once

#include <stddef.h>

struct uffd_guard_region;

/* Pages that may be filled in one go, @most or fewer. */
size_t evict_limit(const struct uffd_guard_region *region, size_t most);

/* Before so many pages are installed: charge them (resident_note_held() refunds what is too much),
 * and take others away if they would be too many. -ENOMEM in EAGER beyond the bound: it could not
 * bring them back. */
int evict_reserve(struct uffd_guard_region *region, size_t n_pages);

/* Take away what exceeds the bound and may go by now: stores that have been saved. */
void evict_excess(struct uffd_guard_region *region);

/* Where stores are tracked: from pause to resume nothing of the region is evicted. With
 * region->lock; not nested. */
void eviction_pause(struct uffd_guard_region *region);
void eviction_resume(struct uffd_guard_region *region);
/* Mark as stored and remove write protection. Call between pause and resume. */
void evict_allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages);

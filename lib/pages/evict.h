/* SPDX-License-Identifier: MIT */
/* Keeping within max_resident. Handler or callers, inside region.fills or with region.lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct uffd_guard_region;

/* Pages that may be filled in one go, @most or fewer. */
size_t evict_limit(const struct uffd_guard_region *region, size_t most);

/* Take other pages away before so many are installed. -ENOMEM in EAGER beyond the bound: it could
 * not bring them back. Any thread; the handler's alone may take pages that might be stored to. */
int evict_make_room(struct uffd_guard_region *region, size_t n_pages, bool is_handler);
/* Note that they are installed. */
void evict_note(struct uffd_guard_region *region, size_t first, size_t n_pages, bool is_handler);

/* From pause to resume only this thread evicts from the region. With region->lock; not nested. */
void eviction_pause(struct uffd_guard_region *region);
void eviction_resume(struct uffd_guard_region *region);
/* Mark as stored and remove write protection. Call between pause and resume. */
void evict_allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages);

/* SPDX-License-Identifier: MIT */
/* What holds memory, in presence and in the counters together. Handler or callers, inside
 * region->fills or with region->lock. */
#pragma once

#include <stddef.h>

struct uffd_guard_region;

/* Pages hold memory. @n_charged were charged for them (evict_reserve()); what is too much of that
 * is refunded. */
void resident_note_held(
	struct uffd_guard_region *region, size_t first, size_t n_pages, size_t n_charged);
/* Note pages as absent: they are being taken away, or are no longer ours. */
void resident_note_absent(struct uffd_guard_region *region, size_t first, size_t n_pages);

/* Take pages away; what they hold is gone, and a touch brings them back from the file. */
int resident_drop(struct uffd_guard_region *region, size_t first, size_t n_pages);
/* The same with region->lock, waiting for fills until none came in between. */
int resident_drop_synced(struct uffd_guard_region *region, size_t first, size_t n_pages);

/* The region goes, and all that it holds. */
void resident_end(struct uffd_guard_region *region);

/* SPDX-License-Identifier: MIT */
/* Pages taken away and filled again. Callers' threads, with region->lock. */
#pragma once

#include <stddef.h>

struct uffd_guard_region;

/* Take pages away and fill them again at once: whoever populated them relies on their being there.
 * The caller holds region->lock. */
int refill_pages(struct uffd_guard_region *region, size_t first, size_t n_pages);

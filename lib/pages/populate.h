/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

struct staging;
struct uffd_guard_region;

/* Fill pages that are absent, all of them, through a buffer of the caller's. */
int populate_pages(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages);
/* Take pages away and fill them again at once: who populated them relies on their being there. The
 * caller holds region->lock. */
int populate_again(struct uffd_guard_region *region, size_t first, size_t n_pages);

/* SPDX-License-Identifier: MIT */
/* Writing bytes into filled pages in place. Callers, with region->lock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct uffd_guard_region;

/* Overwrite filled pages with the file's bytes, page by page; what the file does not have becomes
 * zeros, and is reported. No page is taken away, unless the program has withdrawn access to it. A
 * page of zeros stays one if zeros come; where stores are tracked, a page without stores stays
 * without. */
int overwrite_with_file(struct uffd_guard_region *region, uint64_t start, uint64_t end);
/* The same with zeros, which are no loss. */
int overwrite_with_zeros(struct uffd_guard_region *region, uint64_t start, uint64_t end);

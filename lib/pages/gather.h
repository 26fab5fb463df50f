/* SPDX-License-Identifier: MIT */
/* Spans read in one go. Callers and the copier, with region->lock. */
#pragma once

#include <uffd_guard.h>

#include <stdbool.h>
#include <stddef.h>

/* How many spans, from the first on, can be read in one go and in place: 1 or more. They are sorted
 * and do not overlap; the caller, or whoever shares its work, holds region->lock. */
size_t gather_count(const struct uffd_guard_region *region, const struct uffd_guard_span *spans,
	size_t n_spans);
/* Read as many. False: not all could be read like that. */
bool gather_read(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans);

/* SPDX-License-Identifier: MIT */
/* Huge pages that a region gives up, kept for what is filled next. Callers' threads; a region with
 * a bound has none. */
#pragma once

#include <stddef.h>

#include "kernel/spares.h"

struct uffd_guard_region;

struct huge_pages {
	size_t first[SPARES_MOST]; /* of each, its first page */
	size_t n;
};

/* What of the range may be kept, while presence still knows of it. */
void find_huge_pages(
	struct uffd_guard_region *region, size_t first, size_t n_pages, struct huge_pages *found);
/* Take them away: noted as absent, as for resident_drop(), or of a region that is in no table. What
 * could not be taken stays there. */
void take_home(struct uffd_guard_region *region, const struct huge_pages *pages);

/* SPDX-License-Identifier: MIT */
/* Whole ranges in pieces. Callers' threads, outside region->fills. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct staging;
struct uffd_guard_region;

/* Fill pages that are absent, all of them, through a buffer of the caller's. @is_again: take those
 * that are there away before, piece by piece; the caller holds region->lock then. */
int fill_in_pieces(struct uffd_guard_region *region, struct staging *staging, size_t first,
	size_t n_pages, bool is_again);

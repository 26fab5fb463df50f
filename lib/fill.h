/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct staging;
struct uffd_guard_region;

#define FILL_ALL_ASKED	SIZE_MAX
#define FILL_NONE_ASKED (SIZE_MAX - 1)

struct fill {
	struct uffd_guard_region *region;
	struct staging *staging;
	size_t asked; /* the page that a thread waits for, filled whatever presence says; the rest
			 is  ahead of time. FILL_ALL_ASKED: somebody wants every page;
			    FILL_NONE_ASKED: nobody yet */
	size_t asked_end; /* out: pages [asked, asked_end) are in place, and who waited for them is
			     awake */
};

/*
 * Fill the absent pages of the range. What loses bytes is filled only if asked for, and then
 * reported. The caller is inside region->fills. 0, or an error that leaves a page unanswerable.
 */
int fill_pages(struct fill *fill, size_t first, size_t n_pages);

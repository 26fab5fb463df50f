/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct staging;
struct uffd_guard_region;

#define FILL_ALL_ASKED	SIZE_MAX
#define FILL_NONE_ASKED (SIZE_MAX - 1)

struct fill {
	struct uffd_guard_region *region;
	struct staging *staging;
	/* The page that a thread waits for, filled whatever presence says; the rest is ahead of
	 * time. FILL_ALL_ASKED: somebody wants every page; FILL_NONE_ASKED: nobody yet. */
	size_t asked;
	bool is_handler;  /* on its thread */
	bool is_spent;	  /* fill.c's own: what was read is gone */
	bool is_movable;  /* fill.c's own: what is read now would be a huge page, in one */
	bool has_failed;  /* fill.c's own: the file could not be read */
	size_t asked_end; /* out: pages [asked, asked_end) are in place, and who waited for them is
			     awake */
};

/*
 * Fill the absent pages of the range. What loses bytes is filled only if asked for, and then
 * reported. The caller is inside region->fills. 0, or an error that leaves a page unanswerable.
 */
int fill_pages(struct fill *fill, size_t first, size_t n_pages);

/*
 * The same for absent pages that were read already: @got bytes of @wanted, and then an error, or 0
 * where the file ended. What is behind @got up to the pages' end is overwritten.
 */
int fill_with(struct fill *fill, size_t first, size_t n_pages, char *bytes, size_t wanted,
	size_t got, int err);

/* SPDX-License-Identifier: MIT */
/* File bytes into pages. Handler or callers, inside region->fills. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct staging;
struct watch;
struct uffd_guard_region;

enum fill_asked {
	ASKED_NONE, /* no thread waits yet: all of it is ahead of need */
	ASKED_PAGE, /* a thread waits for .page, which is filled whatever presence says */
	ASKED_ALL,  /* somebody wants every page */
};

struct fill {
	struct uffd_guard_region *region;
	struct staging *staging; /* NULL: only for fill_with() */
	enum fill_asked asked;
	size_t page;	     /* with ASKED_PAGE */
	bool is_handler;     /* on its thread */
	struct watch *watch; /* of reads that may wait for a scanner; NULL: nobody watches */
	bool is_gone;	     /* whatever presence says, the pages are not there */
	size_t asked_end; /* out, with ASKED_PAGE: pages [page, asked_end) are in place, and their
			     waiters are awake */
};

/*
 * Fill the absent pages of the range. Pages that the file has no bytes for are filled only if asked
 * for, and then reported. 0, or an error that leaves a page unanswerable; or WATCH_ERR_TAKEN: all
 * that @fill names is another thread's now.
 */
int fill_pages(struct fill *fill, size_t first, size_t n_pages);

/*
 * The same for absent pages that were read already: @got bytes of @wanted, and then an error, or 0
 * where the file ended. What is behind @got up to the pages' end is overwritten.
 */
int fill_with(struct fill *fill, size_t first, size_t n_pages, char *bytes, size_t wanted,
	size_t got, int err);

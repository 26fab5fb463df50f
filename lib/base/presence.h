/* SPDX-License-Identifier: MIT */
/* Which pages of a region are filled. Any thread, without a lock: each answer is of a moment that
 * may be over. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct presence {
	_Atomic uint64_t *filled; /* a bit a page: there is something to read */
	_Atomic uint64_t *held;	  /* a bit a page: and it holds memory of its own, unlike the shared
				     page of zeros */
	_Atomic uint64_t *stored; /* a bit a page: the program may have stored to it since it was
				     filled or written back. NULL: stores are not tracked */
	size_t n_pages;
	_Atomic uint64_t small[2]; /* filled and held of regions of up to 64 pages */
};

enum presence_kind {
	PRESENCE_ABSENT,
	PRESENCE_ZERO, /* the shared page of zeros, unless the program has stored to it since */
	PRESENCE_HELD,
};

int presence_init(struct presence *presence, size_t n_pages);
void presence_finish(struct presence *presence);

/* Track stores too. Call before anything is filled. */
int presence_track_stores(struct presence *presence);
void presence_mark_stored(struct presence *presence, size_t first, size_t n_pages);
void presence_unmark_stored(struct presence *presence, size_t first, size_t n_pages);
bool presence_has_stored(const struct presence *presence, size_t first, size_t n_pages);
/* Whether it holds memory that the program has not stored to. */
bool page_is_clean(const struct presence *presence, size_t page);

/* Answers how many pages hold memory that did not before. */
size_t presence_fill(
	struct presence *presence, size_t first, size_t n_pages, enum presence_kind kind);
/* Answers how many of the pages held memory. */
size_t presence_clear(struct presence *presence, size_t first, size_t n_pages);

/* The kind of page @first, and in *n_pages how many from there on, at most @limit, are of the same.
 */
enum presence_kind presence_run(
	const struct presence *presence, size_t first, size_t limit, size_t *n_pages);
bool page_is_present(const struct presence *presence, size_t page);
bool page_is_held(const struct presence *presence, size_t page);

/* How many pages directly before @page are filled, counting no further than @limit. */
size_t presence_count_before(const struct presence *presence, size_t page, size_t limit);
/* How many pages from @page on are absent, counting no further than @limit. */
size_t presence_count_absent(const struct presence *presence, size_t page, size_t limit);

/* SPDX-License-Identifier: MIT */
/* Which pages of a region are filled. Any thread, without a lock: each answer is of a moment that
 * may be over. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bit a page. The first word lies in the struct, the rest in memory that follows what is used. */
struct page_bits {
	_Atomic uint64_t first;
	_Atomic uint64_t *rest;
};

struct presence {
	struct page_bits filled; /* there is something to read */
	struct page_bits held;	 /* and it holds memory of its own, unlike the shared page of zeros
				  */
	struct page_bits stored; /* the program may have stored to it since it was filled or written
				    back; only if tracks_stores */
	struct page_bits going;	 /* a thread is about to evict it; only if tracks_stores */
	struct page_bits used;	 /* a bit for each 512 words of held: one of them was ever set */
	struct page_bits huge;	 /* a bit for each PRESENCE_HUGE pages: they were moved in as one */
	size_t skew;		 /* pages between where huge ones may begin and the first page */
	size_t n_pages;
	bool tracks_stores;
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

/* Sweeping over what could be evicted, in words of 64 pages. */
#define PRESENCE_WORD 64
/* The first page from @page on in whose word some page holds memory, or n_pages. */
size_t presence_next_held(const struct presence *presence, size_t page);
/* Of the word of @page, from @page on, a bit for each page that holds memory, was not stored to and
 * is not claimed. */
uint64_t presence_clean_bits(const struct presence *presence, size_t page);
/* Claim pages of the word, for one thread at a time, and answer which it got: not those that were
 * stored to meanwhile. Whoever lets a store through marks first and looks at page_is_going() then,
 * so that one of the two sees the other. */
uint64_t presence_claim(struct presence *presence, size_t page, uint64_t bits);
void presence_unclaim(struct presence *presence, size_t page, uint64_t bits);
bool page_is_going(const struct presence *presence, size_t page);

/* Answers how many pages hold memory that did not before. */
size_t presence_fill(
	struct presence *presence, size_t first, size_t n_pages, enum presence_kind kind);
/* PRESENCE_HUGE pages from @first on, where a huge page may begin, are one; or were, for the
 * program may have split it. */
#define PRESENCE_HUGE 512
void presence_note_huge(struct presence *presence, size_t first);
/* The first page of one that lies from @page on and before @end, or @end. */
size_t presence_next_huge(const struct presence *presence, size_t page, size_t end);

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

/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a region are filled, two bits a page, so that the kernel need not be asked; and
 * with a budget, which were stored to.
 *
 * A set bit follows the page: it is set after the page was installed and before the fill leaves its
 * epoch, and taken away before the page is. A program that calls madvise() on a region of ours
 * makes a set bit wrong; everybody here lives with that (the fault comes, and is answered). A clear
 * bit for a page that is filled would be fatal, since refresh would pass the page over: nothing
 * makes one.
 */
#include "base/presence.h"
#include "base/check.h"

#include "base/page.h"

#include <errno.h>
#include <stdlib.h>

#define BITS 64

static size_t n_words(size_t n_pages)
{
	return (n_pages + BITS - 1) / BITS;
}

int presence_init(struct presence *presence, size_t n_pages)
{
	presence->n_pages = n_pages;
	presence->stored = NULL;
	if (n_pages <= BITS) {
		presence->filled = &presence->small[0];
		presence->held = &presence->small[1];
		atomic_init(&presence->small[0], 0);
		atomic_init(&presence->small[1], 0);
		return 0;
	}
	/* A large calloc() is pages of zeros that nobody has touched: a terabyte that is not used
	 * costs nothing. */
	presence->filled = calloc(n_words(n_pages) * 2, sizeof(*presence->filled));
	if (!presence->filled)
		return -ENOMEM;
	presence->held = presence->filled + n_words(n_pages);
	return 0;
}

void presence_finish(struct presence *presence)
{
	if (presence->filled != &presence->small[0])
		free((void *)presence->filled);
	free((void *)presence->stored);
}

int presence_track_stores(struct presence *presence)
{
	presence->stored = calloc(n_words(presence->n_pages), sizeof(*presence->stored));
	return presence->stored ? 0 : -ENOMEM;
}

/* The bits of [first, end) that lie in the word of @first; *next is where the following word
 * begins. */
static uint64_t mask_in_word(size_t first, size_t end, size_t *next)
{
	size_t word_end = (first / BITS + 1) * BITS;
	*next = end < word_end ? end : word_end;
	uint64_t up_to = *next % BITS ? (UINT64_C(1) << (*next % BITS)) - 1 : UINT64_MAX;
	return up_to & (UINT64_MAX << (first % BITS));
}

size_t presence_fill(
	struct presence *presence, size_t first, size_t n_pages, enum presence_kind kind)
{
	size_t fresh = 0;
	check(first + n_pages <= presence->n_pages);
	for (size_t end = first + n_pages, next; first < end; first = next) {
		uint64_t mask = mask_in_word(first, end, &next);
		if (kind == PRESENCE_HELD) {
			uint64_t before = atomic_fetch_or(&presence->held[first / BITS], mask);
			fresh += (size_t)__builtin_popcountll(mask & ~before);
		}
		atomic_fetch_or(&presence->filled[first / BITS], mask);
	}
	return fresh;
}

void presence_mark_stored(struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t end = first + n_pages, next; presence->stored && first < end; first = next)
		atomic_fetch_or(&presence->stored[first / BITS], mask_in_word(first, end, &next));
}

void presence_unmark_stored(struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t end = first + n_pages, next; presence->stored && first < end; first = next) {
		uint64_t mask = mask_in_word(first, end, &next);
		if (atomic_load(&presence->stored[first / BITS]))
			atomic_fetch_and(&presence->stored[first / BITS], ~mask);
	}
}

bool presence_has_stored(const struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t end = first + n_pages, next; presence->stored && first < end; first = next) {
		if (atomic_load(&presence->stored[first / BITS]) & mask_in_word(first, end, &next))
			return true;
	}
	return false;
}

size_t presence_clear(struct presence *presence, size_t first, size_t n_pages)
{
	size_t held = 0;
	check(first + n_pages <= presence->n_pages);
	presence_unmark_stored(presence, first, n_pages);
	for (size_t end = first + n_pages, next; first < end; first = next) {
		uint64_t mask = mask_in_word(first, end, &next);
		if (atomic_load(&presence->filled[first / BITS]) == 0)
			continue; /* never dirty bitmap pages that nothing is written in */
		atomic_fetch_and(&presence->filled[first / BITS], ~mask);
		held += (size_t)__builtin_popcountll(
			mask & atomic_fetch_and(&presence->held[first / BITS], ~mask));
	}
	return held;
}

bool page_is_present(const struct presence *presence, size_t page)
{
	return atomic_load(&presence->filled[page / BITS]) >> (page % BITS) & 1;
}

bool page_is_held(const struct presence *presence, size_t page)
{
	return atomic_load(&presence->held[page / BITS]) >> (page % BITS) & 1;
}

bool page_is_clean(const struct presence *presence, size_t page)
{
	return page_is_held(presence, page) &&
	       !(presence->stored &&
		       atomic_load(&presence->stored[page / BITS]) >> (page % BITS) & 1);
}

static enum presence_kind kind_of(const struct presence *presence, size_t page)
{
	if (!page_is_present(presence, page))
		return PRESENCE_ABSENT;
	return page_is_held(presence, page) ? PRESENCE_HELD : PRESENCE_ZERO;
}

/* Bits set for the pages of this word that are of @kind. */
static uint64_t pages_of_kind(const struct presence *presence, size_t word, enum presence_kind kind)
{
	uint64_t filled = atomic_load(&presence->filled[word]);
	if (kind == PRESENCE_ABSENT)
		return ~filled;
	uint64_t held = atomic_load(&presence->held[word]);
	return kind == PRESENCE_HELD ? filled & held : filled & ~held;
}

static size_t count_kind(
	const struct presence *presence, size_t first, size_t limit, enum presence_kind kind)
{
	size_t end = first + min_u64(limit, presence->n_pages - first);
	for (size_t at = first, next; at < end; at = next) {
		uint64_t mask = mask_in_word(at, end, &next);
		uint64_t others = mask & ~pages_of_kind(presence, at / BITS, kind);
		if (others)
			return at / BITS * BITS + (size_t)__builtin_ctzll(others) - first;
	}
	return end - first;
}

enum presence_kind presence_run(
	const struct presence *presence, size_t first, size_t limit, size_t *n_pages)
{
	/* Pages may be filled meanwhile. The run is at least the page that gave it its kind. */
	enum presence_kind kind = kind_of(presence, first);
	*n_pages = max_u64(1, count_kind(presence, first, limit, kind));
	return kind;
}

size_t presence_count_absent(const struct presence *presence, size_t page, size_t limit)
{
	return count_kind(presence, page, limit, PRESENCE_ABSENT);
}

size_t presence_count_before(const struct presence *presence, size_t page, size_t limit)
{
	size_t first = page - min_u64(limit, page);
	size_t at = page;
	while (at > first) {
		size_t word = (at - 1) / BITS;
		size_t in_word = at - word * BITS; /* 1 to 64 bits below @at */
		uint64_t below = in_word == BITS ? UINT64_MAX : (UINT64_C(1) << in_word) - 1;
		uint64_t absent = ~atomic_load(&presence->filled[word]) & below;
		if (absent) {
			size_t last_absent =
				word * BITS + (size_t)(BITS - 1 - __builtin_clzll(absent));
			return page - max_u64(last_absent + 1, first);
		}
		at = word * BITS;
	}
	return page - first;
}

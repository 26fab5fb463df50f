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
#include <sys/mman.h>

#define BITS	    64
#define WORDS_A_BIT 512 /* of used */

static size_t n_words(size_t n_pages)
{
	return (n_pages + BITS - 1) / BITS;
}

static _Atomic uint64_t *word_of(const struct page_bits *bits, size_t page)
{
	const size_t word = page / BITS;
	return word == 0 ? (_Atomic uint64_t *)&bits->first : &bits->rest[word - 1];
}

/* Zeros. What is large is pages that nobody has touched, from the kernel: malloc() may have some
 * that were used before, and would have to clear them. */
#define LARGE 512

static void *allocate_bits(size_t size)
{
	if (size <= LARGE)
		return calloc(1, size);
	void *bits = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return bits == MAP_FAILED ? NULL : bits;
}

static void free_bits(void *bits, size_t size)
{
	if (size <= LARGE)
		free(bits);
	else if (bits && munmap(bits, size) < 0)
		madvise(bits, size, MADV_DONTNEED); /* as in mapping_release() */
}

static size_t rest_for(size_t n_bits)
{
	const size_t n = n_words(n_bits);
	return n > 1 ? (n - 1) * sizeof(uint64_t) : 0;
}

static size_t rest_size(const struct presence *presence)
{
	return rest_for(presence->n_pages);
}

static size_t used_size(const struct presence *presence)
{
	return rest_for(n_words(presence->n_pages) / WORDS_A_BIT + 1);
}

static size_t huge_size(const struct presence *presence)
{
	return rest_for(presence->n_pages / PRESENCE_HUGE + 2);
}

int presence_init(struct presence *presence, size_t n_pages)
{
	*presence = (struct presence){ .n_pages = n_pages };
	const size_t size = rest_size(presence);
	if (size == 0)
		return 0;
	presence->filled.rest = allocate_bits(2 * size);
	if (!presence->filled.rest)
		return -ENOMEM;
	presence->held.rest = presence->filled.rest + size / sizeof(uint64_t);
	if (used_size(presence) > 0)
		presence->used.rest = allocate_bits(used_size(presence));
	if (huge_size(presence) > 0)
		presence->huge.rest = allocate_bits(huge_size(presence));
	if ((used_size(presence) == 0 || presence->used.rest) &&
		(huge_size(presence) == 0 || presence->huge.rest))
		return 0;
	presence_finish(presence);
	return -ENOMEM;
}

void presence_finish(struct presence *presence)
{
	free_bits((void *)presence->filled.rest, 2 * rest_size(presence));
	free_bits((void *)presence->stored.rest, 2 * rest_size(presence));
	free_bits((void *)presence->used.rest, used_size(presence));
	free_bits((void *)presence->huge.rest, huge_size(presence));
}

int presence_track_stores(struct presence *presence)
{
	const size_t size = rest_size(presence);
	if (size > 0)
		presence->stored.rest = allocate_bits(2 * size);
	if (size > 0 && !presence->stored.rest)
		return -ENOMEM;
	if (size > 0)
		presence->going.rest = presence->stored.rest + size / sizeof(uint64_t);
	presence->tracks_stores = true;
	return 0;
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

static size_t used_bit(size_t page)
{
	return page / BITS / WORDS_A_BIT;
}

static void note_used(struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t bit = used_bit(first); bit <= used_bit(first + n_pages - 1); bit++) {
		const uint64_t mask = UINT64_C(1) << (bit % BITS);
		if (!(atomic_load(word_of(&presence->used, bit)) & mask))
			atomic_fetch_or(word_of(&presence->used, bit), mask);
	}
}

size_t presence_fill(
	struct presence *presence, size_t first, size_t n_pages, enum presence_kind kind)
{
	size_t fresh = 0;
	check(first + n_pages <= presence->n_pages);
	for (size_t end = first + n_pages, next; first < end; first = next) {
		uint64_t mask = mask_in_word(first, end, &next);
		if (kind == PRESENCE_HELD) {
			note_used(presence, first, next - first);
			uint64_t before = atomic_fetch_or(word_of(&presence->held, first), mask);
			fresh += (size_t)__builtin_popcountll(mask & ~before);
		}
		atomic_fetch_or(word_of(&presence->filled, first), mask);
	}
	return fresh;
}

void presence_mark_stored(struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t end = first + n_pages, next; presence->tracks_stores && first < end;
		first = next)
		atomic_fetch_or(word_of(&presence->stored, first), mask_in_word(first, end, &next));
}

void presence_unmark_stored(struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t end = first + n_pages, next; presence->tracks_stores && first < end;
		first = next) {
		uint64_t mask = mask_in_word(first, end, &next);
		if (atomic_load(word_of(&presence->stored, first)))
			atomic_fetch_and(word_of(&presence->stored, first), ~mask);
	}
}

bool presence_has_stored(const struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t end = first + n_pages, next; presence->tracks_stores && first < end;
		first = next) {
		if (atomic_load(word_of(&presence->stored, first)) &
			mask_in_word(first, end, &next))
			return true;
	}
	return false;
}

/* ---- Huge pages ---- */

static size_t huge_bit(const struct presence *presence, size_t page)
{
	return (page + presence->skew) / PRESENCE_HUGE;
}

void presence_note_huge(struct presence *presence, size_t first)
{
	const size_t bit = huge_bit(presence, first);
	check(bit * PRESENCE_HUGE == first + presence->skew);
	atomic_fetch_or(word_of(&presence->huge, bit), UINT64_C(1) << (bit % BITS));
}

size_t presence_next_huge(const struct presence *presence, size_t page, size_t end)
{
	size_t bit = huge_bit(presence, page + PRESENCE_HUGE - 1);
	for (; (bit + 1) * PRESENCE_HUGE <= end + presence->skew; bit++) {
		const uint64_t bits = atomic_load(word_of(&presence->huge, bit)) >> (bit % BITS);
		if (bits & 1)
			return bit * PRESENCE_HUGE - presence->skew;
		if (!bits)
			bit = bit / BITS * BITS + BITS - 1;
	}
	return end;
}

static void clear_huge(struct presence *presence, size_t first, size_t n_pages)
{
	for (size_t bit = huge_bit(presence, first), next,
		    end = huge_bit(presence, first + n_pages - 1) + 1;
		bit < end; bit = next) {
		const uint64_t mask = mask_in_word(bit, end, &next);
		if (atomic_load(word_of(&presence->huge, bit)) & mask)
			atomic_fetch_and(word_of(&presence->huge, bit), ~mask);
	}
}

size_t presence_clear(struct presence *presence, size_t first, size_t n_pages)
{
	size_t held = 0;
	check(first + n_pages <= presence->n_pages);
	presence_unmark_stored(presence, first, n_pages);
	if (n_pages > 0)
		clear_huge(presence, first, n_pages);
	for (size_t end = first + n_pages, next; first < end; first = next) {
		uint64_t mask = mask_in_word(first, end, &next);
		if (atomic_load(word_of(&presence->filled, first)) == 0)
			continue; /* never dirty bitmap pages that nothing is written in */
		atomic_fetch_and(word_of(&presence->filled, first), ~mask);
		held += (size_t)__builtin_popcountll(
			mask & atomic_fetch_and(word_of(&presence->held, first), ~mask));
	}
	return held;
}

bool page_is_present(const struct presence *presence, size_t page)
{
	return atomic_load(word_of(&presence->filled, page)) >> (page % BITS) & 1;
}

bool page_is_held(const struct presence *presence, size_t page)
{
	return atomic_load(word_of(&presence->held, page)) >> (page % BITS) & 1;
}

/* ---- Sweeping ---- */

size_t presence_next_held(const struct presence *presence, size_t page)
{
	while (page < presence->n_pages) {
		const size_t bit = used_bit(page);
		const size_t end = min_u64((bit + 1) * WORDS_A_BIT * BITS, presence->n_pages);
		if (!(atomic_load(word_of(&presence->used, bit)) >> (bit % BITS) & 1))
			page = end;
		for (; page < end; page = (page / BITS + 1) * BITS) {
			if (atomic_load(word_of(&presence->held, page)))
				return page;
		}
	}
	return presence->n_pages;
}

uint64_t presence_clean_bits(const struct presence *presence, size_t page)
{
	size_t next;
	uint64_t bits = atomic_load(word_of(&presence->held, page)) &
			mask_in_word(page, presence->n_pages, &next);
	if (presence->tracks_stores)
		bits &= ~atomic_load(word_of(&presence->stored, page)) &
			~atomic_load(word_of(&presence->going, page));
	return bits;
}

uint64_t presence_claim(struct presence *presence, size_t page, uint64_t bits)
{
	check(presence->tracks_stores);
	bits &= ~atomic_fetch_or(word_of(&presence->going, page), bits);
	const uint64_t stored = bits & atomic_load(word_of(&presence->stored, page));
	presence_unclaim(presence, page, stored);
	return bits & ~stored;
}

void presence_unclaim(struct presence *presence, size_t page, uint64_t bits)
{
	atomic_fetch_and(word_of(&presence->going, page), ~bits);
}

bool page_is_going(const struct presence *presence, size_t page)
{
	return atomic_load(word_of(&presence->going, page)) >> (page % BITS) & 1;
}

/* ---- Runs ---- */

static enum presence_kind kind_of(const struct presence *presence, size_t page)
{
	if (!page_is_present(presence, page))
		return PRESENCE_ABSENT;
	return page_is_held(presence, page) ? PRESENCE_HELD : PRESENCE_ZERO;
}

/* Bits set for the pages of this word that are of @kind. */
static uint64_t pages_of_kind(const struct presence *presence, size_t word, enum presence_kind kind)
{
	uint64_t filled = atomic_load(word_of(&presence->filled, word * BITS));
	if (kind == PRESENCE_ABSENT)
		return ~filled;
	uint64_t held = atomic_load(word_of(&presence->held, word * BITS));
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
		uint64_t absent = ~atomic_load(word_of(&presence->filled, word * BITS)) & below;
		if (absent) {
			size_t last_absent =
				word * BITS + (size_t)(BITS - 1 - __builtin_clzll(absent));
			return page - max_u64(last_absent + 1, first);
		}
		at = word * BITS;
	}
	return page - first;
}

/* SPDX-License-Identifier: MIT */
/*
 * One word is what is left: whoever exchanges it for the next has claimed a window. Only the
 * handler offers, between two windows of its own. So the one window that an offer may repeat is
 * that of the copier, which therefore says what it is about to fill before it claims it: either its
 * claim fails, since the word is another, or whoever claims next sees it and goes on to the next.
 * If both happen, nobody fills that window ahead, and the reader's fault brings it.
 */
#include "base/ahead.h"

#include "base/page.h"

/* Addresses are of pages. */
#define COUNT_MASK UINT64_C(0x7ff)
#define IS_SHARED  UINT64_C(0x800)

uintptr_t ahead_border(uintptr_t address)
{
	return (address & ~(AHEAD_WINDOW - 1)) + AHEAD_WINDOW;
}

static uintptr_t address_of(uint64_t left)
{
	return (uintptr_t)(left & ~(COUNT_MASK | IS_SHARED));
}

static uint64_t behind(uint64_t left)
{
	return ahead_border(address_of(left)) | (left & IS_SHARED) | ((left & COUNT_MASK) - 1);
}

/* model: ahead offer */
void ahead_offer(struct ahead *ahead, uintptr_t start, uintptr_t end, bool is_shared)
{
	uint64_t n = 0;
	for (uintptr_t at = start; at < end && n < COUNT_MASK; at = ahead_border(at))
		n++;
	atomic_store(&ahead->left, n ? start | n | (is_shared ? IS_SHARED : 0) : 0);
}

/* model: ahead stop_ahead */
void ahead_stop(struct ahead *ahead)
{
	atomic_store(&ahead->left, 0);
}

size_t ahead_count(struct ahead *ahead)
{
	return atomic_load(&ahead->left) & COUNT_MASK;
}

/* model: ahead claim */
uintptr_t ahead_claim(struct ahead *ahead)
{
	uint64_t left = atomic_load(&ahead->left);
	while (left & COUNT_MASK) {
		if (!atomic_compare_exchange_weak(&ahead->left, &left, behind(left)))
			continue;
		if (!ahead_is_under_way(ahead, address_of(left)))
			return address_of(left);
		left = atomic_load(&ahead->left);
	}
	return 0;
}

/* model: ahead begin */
uintptr_t ahead_begin(struct ahead *ahead)
{
	uint64_t left = atomic_load(&ahead->left);
	while (left & COUNT_MASK && left & IS_SHARED) {
		atomic_store(&ahead->under_way, address_of(left));
		if (atomic_compare_exchange_strong(&ahead->left, &left, behind(left)))
			return address_of(left);
	}
	ahead_end(ahead);
	return 0;
}

/* model: ahead end_ahead */
void ahead_end(struct ahead *ahead)
{
	atomic_store(&ahead->under_way, 0);
}

bool ahead_is_under_way(struct ahead *ahead, uintptr_t address)
{
	const uintptr_t start = atomic_load(&ahead->under_way);
	return start && address >= start && address < ahead_border(start);
}

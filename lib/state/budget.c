/* SPDX-License-Identifier: MIT */
/*
 * What memory is charged to a bound. It is charged before pages are installed, so that threads that
 * fill at the same time do not exceed it together, and refunded after pages have gone. Which pages
 * go is evict.c's.
 */
#include "state/budget.h"

#include "base/check.h"

#define LEAST_PAGES 64 /* more than are spared because threads have just waited for them */

struct budget budget_of(uint64_t most)
{
	return (struct budget){ .most = most ? max_u64(most, LEAST_PAGES * page_size()) : 0 };
}

bool budget_try_charge(struct budget *budget, uint64_t bytes)
{
	uint64_t charged = atomic_load(&budget->charged);
	if (!budget->most)
		return true;
	do {
		if (charged + bytes > budget->most)
			return false;
	} while (!atomic_compare_exchange_weak(&budget->charged, &charged, charged + bytes));
	return true;
}

void budget_charge(struct budget *budget, uint64_t bytes)
{
	if (budget->most)
		atomic_fetch_add(&budget->charged, bytes);
}

void budget_refund(struct budget *budget, uint64_t bytes)
{
	if (!budget->most)
		return;
	const uint64_t before = atomic_fetch_sub(&budget->charged, bytes);
	check(before >= bytes);
	(void)before;
}

uint64_t budget_excess(const struct budget *budget, uint64_t bytes)
{
	const uint64_t wanted = atomic_load(&budget->charged) + bytes;
	return wanted > budget->most ? wanted - budget->most : 0;
}

void recent_note(struct recent_pages *recent, uintptr_t page)
{
	atomic_store_explicit(
		&recent->pages[recent->next++ % N_RECENT], page, memory_order_relaxed);
}

uint64_t recent_spare(const struct recent_pages *recent, uintptr_t start, uint64_t bits)
{
	for (int i = 0; i < N_RECENT && bits; i++) {
		const uintptr_t page =
			atomic_load_explicit(&recent->pages[i], memory_order_relaxed);
		if (page >= start && (page - start) / page_size() < 64)
			bits &= ~(UINT64_C(1) << ((page - start) / page_size()));
	}
	return bits;
}

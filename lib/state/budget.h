/* SPDX-License-Identifier: MIT */
/* How much memory filled pages may hold, of a guard or of a region. Any thread, without a lock. */
#pragma once

#include "base/page.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint64_t most;		  /* bytes; 0: no bound, and nothing is charged */
	_Atomic uint64_t charged; /* of pages that hold memory, and of those that are being filled
				   */
	_Atomic uintptr_t hand;	  /* where looking for pages to evict goes on */
};

/* A bound of @most bytes, or a little more where that is too few to work with. */
struct budget budget_of(uint64_t most);

/* False: beyond the bound, and nothing is charged. */
bool budget_try_charge(struct budget *budget, uint64_t bytes);
/* Beyond the bound if need be. */
void budget_charge(struct budget *budget, uint64_t bytes);
void budget_refund(struct budget *budget, uint64_t bytes);
/* How many bytes have to go before so many can be charged. */
uint64_t budget_excess(const struct budget *budget, uint64_t bytes);

/* The pages that threads have waited for last. Written by the handler. */
#define N_RECENT 16 /* one instruction may need several at once */
struct recent_pages {
	_Atomic uintptr_t pages[N_RECENT];
	unsigned next;
};

void recent_note(struct recent_pages *recent, uintptr_t page);
/* @bits without those of recent pages: one for each of 64 pages from @start on. */
uint64_t recent_spare(const struct recent_pages *recent, uintptr_t start, uint64_t bits);

/* SPDX-License-Identifier: MIT */
/* How much memory filled pages may hold, of a guard or of a region, and what was filled. Any
 * thread, without a lock. */
#pragma once

#include "base/check.h"
#include "base/page.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	uint64_t most;		  /* bytes; 0: no bound, and nothing is noted */
	_Atomic uint64_t *pieces; /* a ring */
	size_t n_pieces;
	_Atomic uint64_t head, tail; /* how many were ever taken, and put */
};

/* A piece: the address of its first page, and how many pages. Never 0. */
#define PIECE_COUNT_BITS 10 /* STAGING_SIZE in pages, and less */

static inline uint64_t piece_of(uintptr_t address, size_t n_pages)
{
	check(n_pages > 0 && n_pages < (size_t)1 << PIECE_COUNT_BITS);
	return (uint64_t)(address / page_size()) << PIECE_COUNT_BITS | n_pages;
}

static inline uintptr_t piece_address(uint64_t piece)
{
	return (piece >> PIECE_COUNT_BITS) * page_size();
}

static inline size_t piece_count(uint64_t piece)
{
	return piece & (((size_t)1 << PIECE_COUNT_BITS) - 1);
}

int budget_init(struct budget *budget, uint64_t most, uint64_t length);
void budget_finish(struct budget *budget);

/* The piece that had to give way for this one, or 0. */
uint64_t budget_put(struct budget *budget, uint64_t piece);
/* The oldest piece; 0: its place is taken, but it is not there yet. False: the ring is empty. */
bool budget_take(struct budget *budget, uint64_t *piece);

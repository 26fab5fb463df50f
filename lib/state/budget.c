/* SPDX-License-Identifier: MIT */
/*
 * The ring of what was filled: a piece a word, the oldest first. Putting and taking are one atomic
 * operation each, so the handler never waits for a caller. What stands in the ring may have been
 * discarded, refilled or unmapped since; evict.c looks.
 */
#include "state/budget.h"

#include "base/page.h"

#include <errno.h>
#include <sys/mman.h>

#define LEAST_PAGES  64 /* one instruction may need several at once */
#define LEAST_PIECES 256
#define MOST_PIECES  ((size_t)1 << 20)

int budget_init(struct budget *budget, uint64_t most, uint64_t length)
{
	*budget = (struct budget){ .most = most ? max_u64(most, LEAST_PAGES * page_size()) : 0 };
	if (!most)
		return 0;
	const uint64_t n_pages = min_u64(most, length) / page_size();
	budget->n_pieces = max_u64(LEAST_PIECES, min_u64(2 * n_pages, MOST_PIECES));
	void *pieces = mmap(NULL, budget->n_pieces * sizeof(*budget->pieces),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	budget->pieces = pieces == MAP_FAILED ? NULL : pieces;
	return budget->pieces ? 0 : -ENOMEM;
}

void budget_finish(struct budget *budget)
{
	if (budget->pieces)
		munmap((void *)budget->pieces, budget->n_pieces * sizeof(*budget->pieces));
}

uint64_t budget_put(struct budget *budget, uint64_t piece)
{
	const uint64_t at = atomic_fetch_add(&budget->tail, 1);
	return atomic_exchange(&budget->pieces[at % budget->n_pieces], piece);
}

bool budget_take(struct budget *budget, uint64_t *piece)
{
	uint64_t at = atomic_load(&budget->head);
	do {
		const uint64_t tail = atomic_load(&budget->tail);
		if (at >= tail)
			return false;
		if (tail - at > budget->n_pieces) { /* what is older has given way */
			uint64_t oldest = tail - budget->n_pieces;
			atomic_compare_exchange_strong(&budget->head, &at, oldest);
			at = atomic_load(&budget->head);
			continue;
		}
		if (atomic_compare_exchange_weak(&budget->head, &at, at + 1))
			break;
	} while (true);
	*piece = atomic_exchange(&budget->pieces[at % budget->n_pieces], 0);
	return true;
}

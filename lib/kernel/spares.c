/* SPDX-License-Identifier: MIT */
/*
 * Spare huge pages. A fresh one has to be cleared by the kernel, which takes as long as to read a
 * file into it. One that a region gives up can be filled again as it is, if every byte of it is.
 *
 * They are lent to the kernel meanwhile (MADV_FREE): where it is short of memory it takes them
 * first, without writing them anywhere, and asks nobody. A store takes a page back, or finds
 * another, cleared one in its place. So nothing has to watch for pressure.
 *
 * A page may still be in use elsewhere when a region gives it up: in a pipe, after vmsplice(2), or
 * in a packet that is on its way. Nothing tells. Whoever reads there sees what is stored into it
 * next. So a page is filled only from the file that it was filled from before: that shows no client
 * the bytes of another.
 *
 * The handler takes pages from here and must not wait, so there is no lock: a slot is claimed by an
 * exchange of its state.
 */
#include "kernel/spares.h"

#include "base/stats.h"
#include "kernel/huge_memory.h"

#include <sys/mman.h>

#ifndef MADV_FREE
#define MADV_FREE 8
#endif

void spares_init(struct spares *spares, _Atomic uint64_t *kept)
{
	*spares = (struct spares){ .kept = kept };
}

void spares_finish(struct spares *spares)
{
	for (size_t i = 0; i < SPARES_MOST; i++) {
		if (spares->slots[i].memory)
			munmap(spares->slots[i].memory, STAGING_SIZE);
	}
}

static bool claim(struct spare *spare, enum spare_state state)
{
	return atomic_load(&spare->state) == state &&
	       atomic_compare_exchange_strong(
		       &spare->state, &(enum spare_state){ state }, SPARE_CLAIMED);
}

/* ---- Home ---- */

static struct spare *claim_some(struct spares *spares)
{
	for (size_t i = 0; i < SPARES_MOST; i++) {
		if (claim(&spares->slots[i], SPARE_EMPTY))
			return &spares->slots[i];
	}
	struct spare *spare = &spares->slots[atomic_fetch_add(&spares->hand, 1) % SPARES_MOST];
	if (!claim(spare, SPARE_FULL))
		return NULL;
	stats_sub(spares->kept, STAGING_SIZE);
	return spare;
}

static bool make_empty(struct spare *spare)
{
	if (!spare->memory)
		return (spare->memory = huge_memory_map());
	if (huge_memory_map_again(spare->memory))
		return true;
	madvise(spare->memory, STAGING_SIZE, MADV_DONTNEED);
	return false;
}

struct spare *spares_claim(struct spares *spares)
{
	struct spare *spare = atomic_load(&spares->is_off) ? NULL : claim_some(spares);
	if (!spare || make_empty(spare))
		return spare;
	atomic_store(&spare->state, SPARE_EMPTY);
	return NULL;
}

void spares_drop(struct spare *spare)
{
	make_empty(spare);
	atomic_store(&spare->state, SPARE_EMPTY);
}

void spares_put(struct spares *spares, struct spare *spare, const struct descriptor_file *file)
{
	if (madvise(spare->memory, STAGING_SIZE, MADV_FREE) < 0) {
		spares_drop(spare);
		return;
	}
	spare->file = *file;
	stats_add(spares->kept, STAGING_SIZE);
	atomic_store(&spare->state, SPARE_FULL);
}

/* ---- And out again ---- */

bool spares_take(struct spares *spares, const struct descriptor_file *file, char **memory)
{
	for (size_t i = 0; i < SPARES_MOST; i++) {
		struct spare *spare = &spares->slots[i];
		if (!claim(spare, SPARE_FULL))
			continue;
		const bool is_same = descriptor_same_file(&spare->file, file);
		if (is_same) {
			char *empty = *memory;
			*memory = spare->memory;
			spare->memory = empty;
			stats_sub(spares->kept, STAGING_SIZE);
		}
		atomic_store(&spare->state, is_same ? SPARE_EMPTY : SPARE_FULL);
		if (is_same)
			return true;
	}
	return false;
}

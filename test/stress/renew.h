/* SPDX-License-Identifier: MIT */
#pragma once

#include "slot.h"

struct reader;

/* A range of words of a region, and the counter that tells whether its length has changed since. */
struct extent {
	uint64_t first;
	uint32_t n_words;
	struct calm resizes;
};

static inline uint64_t bytes(uint64_t n_words)
{
	return n_words * sizeof(uint64_t);
}

/* ---- Calls that are watched and judged ---- */

void call_begin(struct reader *reader, struct slot *slot, struct changes *changes);
/* Answers whether the call worked. -ERANGE is no violation if another thread has made the region
 * shorter. */
bool call_end(struct reader *reader, struct slot *slot, struct changes *changes,
	const struct calm *resizes, const char *name, int64_t result);

typedef int range_fn(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

bool call_on_extent(struct reader *reader, struct slot *slot, const struct extent *extent,
	range_fn *call, const char *name, struct changes *changes);

/* ---- Bringing up to date ---- */

typedef bool renew_fn(struct reader *reader, struct slot *slot, const struct extent *extent);

struct renewal {
	renew_fn *renew;	 /* answers whether it worked */
	bool is_past_the_region; /* the words are in reader->reading by then */
	bool asks_for_marked;	 /* and for nothing newer */
};

/* One at random that the slot allows. */
const struct renewal *renew_choose(struct reader *reader, const struct slot *slot);

renew_fn renew_by_discard, renew_mark, renew_begin;

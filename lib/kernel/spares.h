/* SPDX-License-Identifier: MIT */
/* Huge pages that were taken home from regions, and need not be cleared before they are filled
 * again. Any thread, without a lock; spares_claim() on callers' threads only. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/descriptor.h"

#define SPARES_MOST 16 /* 32 MiB: a frame of 3840x2160 */

struct spare {
	enum spare_state { SPARE_EMPTY, SPARE_CLAIMED, SPARE_FULL } _Atomic state;
	/* What follows is that of the thread that has claimed it. */
	char *memory;		     /* of STAGING_SIZE and aligned like one; NULL: none as yet */
	struct descriptor_file file; /* that its page was filled from, and may be filled from */
};

struct spares {
	struct spare slots[SPARES_MOST];
	atomic_uint hand;	/* where the next full one is looked for to make room */
	atomic_bool is_off;	/* they cannot be had here */
	_Atomic uint64_t *kept; /* a counter: bytes in those that are full */
};

void spares_init(struct spares *spares, _Atomic uint64_t *kept);
void spares_finish(struct spares *spares);

/* One with room for a page, or NULL: with memory that has no page and no page table. Full ones make
 * room in turn. */
struct spare *spares_claim(struct spares *spares);
/* There is a page in it now. The kernel may have it whenever it is short of memory. */
void spares_put(struct spares *spares, struct spare *spare, const struct descriptor_file *file);
/* There is none, or part of one. */
void spares_drop(struct spare *spare);

/* Exchange *memory, whose page was moved away, for that of a full one of this file. What it holds
 * is garbage, or pages that have yet to be made. */
bool spares_take(struct spares *spares, const struct descriptor_file *file, char **memory);

/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
	uint32_t n_users;
	uint32_t cleared_at; /* blocks.n_clears, when it was cleared last */
	bool is_filled, was_ever_filled;
};

/* Which bytes of a region hold copies, and which of these are in use, in blocks: so many at most
 * that to look at all of them costs less than to copy a page. */
struct blocks {
	uint64_t size; /* bytes of a block; a power of two, at least a page. 0: nothing is noted */
	size_t n;
	struct block *all;
	size_t n_filled, n_unused; /* n_unused: filled, and without users */
	size_t n_ever_filled;	   /* have page tables, also after they were cleared */
	uint32_t n_clears;
};

/* Bytes of a region. Parts behind the last block are left out. */
struct byte_range {
	uint64_t start, end;
};

/* Make room for @length bytes at least, so that it need not be called again before that has
 * doubled. Blocks may become larger, so n_users are 0 everywhere, and the caller adds all users
 * again. 0 or -ENOMEM, which changes nothing. */
int blocks_resize(struct blocks *blocks, uint64_t length);
void blocks_finish(struct blocks *blocks);

void blocks_add_user(struct blocks *blocks, struct byte_range range);
void blocks_remove_user(struct blocks *blocks, struct byte_range range);
void blocks_fill(struct blocks *blocks, struct byte_range range);

/* Bytes of @range that are in no filled block. */
uint64_t blocks_missing(const struct blocks *blocks, struct byte_range range);

/* True if a byte of @range is in a filled block. */
bool blocks_are_filled(const struct blocks *blocks, struct byte_range range);

/* True if a byte of @range was cleared when n_clears was above @since. */
bool blocks_were_cleared(const struct blocks *blocks, struct byte_range range, uint32_t since);

/* Clear the next run of unused blocks that starts at or behind block *at, and move *at behind it.
 * Answers its bytes; none: start is end. */
struct byte_range blocks_clear_unused(struct blocks *blocks, size_t *at);

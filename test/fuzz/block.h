/* SPDX-License-Identifier: MIT */
/* Pages of content as the model keeps them. None is changed once it is in use. */
#pragma once

#include "record.h"

struct block {
	uint8_t bytes[PAGE];
};

#define N_TAGS 255

const struct block *block_of_zeros(void);
/* Content that is nobody else's: at no place do two tags have the same byte, and none is zero. */
const struct block *block_of_tag(unsigned tag);
const struct block *block_of_next_tag(void);
int tag_of_byte(size_t place, uint8_t byte); /* -1: zero */

/* Memory until the input has ended. */
void *arena_take(size_t size);
const struct block *block_kept(const struct block *block);
/* A copy of @block, with bytes [from, to) as in @patch. */
struct block *block_patched(
	const struct block *block, const struct block *patch, size_t from, size_t to);
void arena_reset(void); /* and tags begin anew */

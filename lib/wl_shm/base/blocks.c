/* SPDX-License-Identifier: MIT */
#include "base/blocks.h"

#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>

#define MOST_BLOCKS 1024

/* ---- Size ---- */

static uint64_t size_for(uint64_t length)
{
	uint64_t size = page_size();
	while (size * MOST_BLOCKS < length)
		size *= 2;
	return size;
}

/* Note of an old block what the new one, which has all its bytes, must know. */
static void join(struct block *to, const struct block *from)
{
	to->is_filled |= from->is_filled;
	to->was_ever_filled |= from->was_ever_filled;
	if (from->cleared_at > to->cleared_at)
		to->cleared_at = from->cleared_at;
}

static void count_filled(struct blocks *blocks)
{
	blocks->n_filled = 0;
	blocks->n_unused = 0;
	blocks->n_ever_filled = 0;
	for (size_t i = 0; i < blocks->n; i++) {
		blocks->n_filled += blocks->all[i].is_filled;
		blocks->n_unused += blocks->all[i].is_filled && blocks->all[i].n_users == 0;
		blocks->n_ever_filled += blocks->all[i].was_ever_filled;
	}
}

static size_t count_for(uint64_t length, uint64_t size)
{
	size_t n = 1;
	while (n * size < length)
		n *= 2;
	return n;
}

int blocks_resize(struct blocks *blocks, uint64_t length)
{
	const uint64_t size = size_for(length);
	const size_t n = count_for(length, size);
	struct block *all = calloc(n, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < blocks->n; i++)
		join(&all[i * blocks->size / size], &blocks->all[i]);
	free(blocks->all);
	blocks->all = all;
	blocks->n = n;
	blocks->size = size;
	count_filled(blocks);
	return 0;
}

void blocks_finish(struct blocks *blocks)
{
	free(blocks->all);
	*blocks = (struct blocks){ .n_clears = blocks->n_clears };
}

/* ---- Ranges ---- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t first_of(const struct blocks *blocks, struct byte_range range)
{
	return blocks->n ? least(range.start / blocks->size, blocks->n) : 0;
}

static size_t end_of(const struct blocks *blocks, struct byte_range range)
{
	return blocks->n ? least((range.end + blocks->size - 1) / blocks->size, blocks->n) : 0;
}

void blocks_add_user(struct blocks *blocks, struct byte_range range)
{
	const size_t end = end_of(blocks, range);
	for (size_t i = first_of(blocks, range); i < end; i++) {
		struct block *block = &blocks->all[i];
		if (block->n_users++ == 0 && block->is_filled)
			blocks->n_unused--;
	}
}

void blocks_remove_user(struct blocks *blocks, struct byte_range range)
{
	const size_t end = end_of(blocks, range);
	for (size_t i = first_of(blocks, range); i < end; i++) {
		struct block *block = &blocks->all[i];
		if (--block->n_users == 0 && block->is_filled)
			blocks->n_unused++;
	}
}

void blocks_fill(struct blocks *blocks, struct byte_range range)
{
	const size_t end = end_of(blocks, range);
	for (size_t i = first_of(blocks, range); i < end; i++) {
		struct block *block = &blocks->all[i];
		if (block->is_filled)
			continue;
		blocks->n_ever_filled += !block->was_ever_filled;
		block->is_filled = true;
		block->was_ever_filled = true;
		blocks->n_filled++;
		blocks->n_unused += block->n_users == 0;
	}
}

uint64_t blocks_missing(const struct blocks *blocks, struct byte_range range)
{
	uint64_t missing = range.end - range.start;
	const size_t end = end_of(blocks, range);
	for (size_t i = first_of(blocks, range); i < end && missing > 0; i++) {
		const uint64_t start = i * blocks->size,
			       from = start > range.start ? start : range.start,
			       to = start + blocks->size < range.end ? start + blocks->size
								     : range.end;
		missing -= blocks->all[i].is_filled ? to - from : 0;
	}
	return missing;
}

bool blocks_are_filled(const struct blocks *blocks, struct byte_range range)
{
	const size_t end = end_of(blocks, range);
	for (size_t i = first_of(blocks, range); i < end; i++) {
		if (blocks->all[i].is_filled)
			return true;
	}
	return false;
}

bool blocks_were_cleared(const struct blocks *blocks, struct byte_range range, uint32_t since)
{
	const size_t end = end_of(blocks, range);
	if (blocks->n_clears == since)
		return false;
	for (size_t i = first_of(blocks, range); i < end; i++) {
		if (blocks->all[i].cleared_at > since)
			return true;
	}
	return false;
}

static bool is_unused(const struct block *block)
{
	return block->is_filled && block->n_users == 0;
}

struct byte_range blocks_clear_unused(struct blocks *blocks, size_t *at)
{
	while (*at < blocks->n && !is_unused(&blocks->all[*at]))
		++*at;
	const size_t first = *at;
	blocks->n_clears += first < blocks->n;
	for (; *at < blocks->n && is_unused(&blocks->all[*at]); ++*at) {
		blocks->all[*at].is_filled = false;
		blocks->all[*at].cleared_at = blocks->n_clears;
		blocks->n_filled--;
		blocks->n_unused--;
	}
	return (struct byte_range){ first * blocks->size, *at * blocks->size };
}

/* SPDX-License-Identifier: MIT */
/*
 * Content that tells where it comes from. Every write of a client and every store has a tag of its
 * own; a byte of it depends on the tag and on the place within the page, so that neither another
 * page's bytes, nor older ones, nor the right ones at the wrong place pass for what was expected.
 */
#include "block.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct block patterns[N_TAGS];
static const struct block zeros;
static bool is_ready;
static unsigned next_tag;

static uint8_t byte_of_tag(unsigned tag, size_t place)
{
	return (uint8_t)(1 + (tag * 31 + place * 7 + place / 256 * 13) % N_TAGS);
}

static void make_patterns(void)
{
	for (unsigned tag = 0; tag < N_TAGS; tag++) {
		for (size_t i = 0; i < PAGE; i++)
			patterns[tag].bytes[i] = byte_of_tag(tag, i);
	}
	is_ready = true;
}

const struct block *block_of_zeros(void)
{
	return &zeros;
}

const struct block *block_of_tag(unsigned tag)
{
	if (!is_ready)
		make_patterns();
	return &patterns[tag % N_TAGS];
}

const struct block *block_of_next_tag(void)
{
	return block_of_tag(next_tag++);
}

int tag_of_byte(size_t place, uint8_t byte)
{
	for (unsigned tag = 0; tag < N_TAGS; tag++) {
		if (byte_of_tag(tag, place) == byte)
			return (int)tag;
	}
	return -1;
}

/* ---- The arena: chunks that are kept for the next input ---- */

#define CHUNK	   ((size_t)1 << 20)
#define MAX_CHUNKS 1024

static char *chunks[MAX_CHUNKS];
static size_t n_chunks, used; /* of the last chunk in use, bytes */

void *arena_take(size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (size > CHUNK)
		abort();
	if (n_chunks == 0 || used + size > CHUNK) {
		if (n_chunks == MAX_CHUNKS)
			abort();
		if (!chunks[n_chunks])
			chunks[n_chunks] = malloc(CHUNK);
		if (!chunks[n_chunks])
			abort();
		n_chunks++;
		used = 0;
	}
	used += size;
	return chunks[n_chunks - 1] + used - size;
}

void arena_reset(void)
{
	n_chunks = 0;
	used = 0;
	next_tag = 0;
}

const struct block *block_kept(const struct block *block)
{
	struct block *kept = arena_take(sizeof(*kept));
	*kept = *block;
	return kept;
}

struct block *block_patched(
	const struct block *block, const struct block *patch, size_t from, size_t to)
{
	struct block *fresh = arena_take(sizeof(*fresh));
	*fresh = *block;
	memcpy(fresh->bytes + from, patch->bytes + from, to - from);
	return fresh;
}

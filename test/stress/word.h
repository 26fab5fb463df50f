/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The parts of a word, from low to high. The check is the highest and never 0, so the top byte of a
 * word is never 0. */
#define WORD_SEQ_BITS	 26
#define WORD_PAGE_BITS	 18
#define WORD_WRITER_BITS 14
#define WORD_MOST_WRITER ((UINT32_C(1) << WORD_WRITER_BITS) - 1)

/* Where a word stands: the writer of the file, and the place in it. */
struct word_place {
	uint32_t writer;
	uint32_t page;
	uint32_t index; /* of the word in its page */
};

enum word_kind {
	WORD_VALID,
	WORD_ZERO,
	WORD_CUT,     /* the client's file ended within it at some moment */
	WORD_FOREIGN, /* whole, but of another file or page */
	WORD_TORN,    /* no client ever wrote this */
};

uint64_t word_make(uint32_t writer, uint32_t page, uint64_t seq);
enum word_kind word_judge(uint64_t word, const struct word_place *place);

/* Whether a torn word consists of bytes that belong here, from different moments. */
bool word_is_split(uint64_t word, const struct word_place *place);

/* A client ends its file within words of these indices only, so that everywhere else a word must be
 * whole. */
bool word_may_be_cut(uint32_t index);
/* The index near @index where a client may cut. */
uint32_t word_cut_near(uint32_t index);

/* The full number of the rewrite that @word is of. @published is the page's counter, loaded after
 * the word was read: the word is at most one rewrite ahead of it. */
uint64_t word_seq(uint64_t word, uint64_t published);
uint32_t word_page(uint64_t word);
uint32_t word_writer(uint64_t word);

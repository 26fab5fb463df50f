/* SPDX-License-Identifier: MIT */
/*
 * Words of clients' files, and whether one may stand where it stands.
 *
 * Each 64-bit word of a client's file has its writer, its page, the number of the page's rewrite,
 * and a check over these. So a word alone tells whether it belongs here, and how old it is. No word
 * has the number 0, so that of a word of which only the high bytes have come it is known that no
 * client wrote it: one in 64 of these has a check that is right.
 *
 * The library's promises are about bytes, and a file that ends within a word splits it: the low
 * bytes may be read before the client makes the file grow again, and the high bytes after, from
 * another rewrite or as zeros. Such words are judged byte by byte: each is zero, or agrees with
 * what is known. To keep that loophole small, clients cut their files in one word of 64 only.
 *
 * There is a rarer case. The kernel's read stops at the end of the file, finds that it has grown,
 * and goes on from that odd byte, within one call. Copies in pieces that begin at odd bytes can
 * split any word that is being written. word_is_split() tells such a word from one with bytes from
 * elsewhere.
 */
#include "word.h"

#define PAGE_SHIFT   WORD_SEQ_BITS
#define WRITER_SHIFT (PAGE_SHIFT + WORD_PAGE_BITS)
#define CHECK_SHIFT  (WRITER_SHIFT + WORD_WRITER_BITS)
#define SEQ_MASK     ((UINT64_C(1) << WORD_SEQ_BITS) - 1)
#define N_SEQS	     SEQ_MASK /* 1 to SEQ_MASK */
#define PAGE_MASK    ((UINT64_C(1) << WORD_PAGE_BITS) - 1)
#define WRITER_MASK  ((UINT64_C(1) << WORD_WRITER_BITS) - 1)
#define BODY_MASK    ((UINT64_C(1) << CHECK_SHIFT) - 1)
#define PLACE_MASK   (BODY_MASK & ~SEQ_MASK)

#define CUT_EVERY 64
#define CUT_AT	  5

static uint64_t with_check(uint64_t body)
{
	uint64_t check = (body * UINT64_C(0x9e3779b97f4a7c15)) >> CHECK_SHIFT;
	return body | (check ? check : 1) << CHECK_SHIFT;
}

static uint64_t place_bits(uint32_t writer, uint32_t page)
{
	return (uint64_t)writer << WRITER_SHIFT | (uint64_t)page << PAGE_SHIFT;
}

uint64_t word_make(uint32_t writer, uint32_t page, uint64_t seq)
{
	return with_check(place_bits(writer, page) | (seq % N_SEQS + 1));
}

/* Whether every byte is zero, or the byte of the right writer and page. */
static bool is_cut(uint64_t word, uint64_t expected)
{
	uint64_t wrong = (word ^ expected) & PLACE_MASK;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		if (word >> shift & 0xff && wrong >> shift & 0xff)
			return false;
	}
	return true;
}

enum word_kind word_judge(uint64_t word, const struct word_place *place)
{
	uint64_t expected = place_bits(place->writer, place->page);
	bool is_whole = with_check(word & BODY_MASK) == word && (word & SEQ_MASK) != 0;

	if (is_whole && (word & PLACE_MASK) == expected)
		return WORD_VALID;
	if (word == 0)
		return WORD_ZERO;
	if (word_may_be_cut(place->index) && is_cut(word, expected))
		return WORD_CUT;
	return is_whole ? WORD_FOREIGN : WORD_TORN;
}

bool word_is_split(uint64_t word, const struct word_place *place)
{
	return is_cut(word, place_bits(place->writer, place->page));
}

bool word_may_be_cut(uint32_t index)
{
	return index % CUT_EVERY == CUT_AT;
}

uint32_t word_cut_near(uint32_t index)
{
	return index / CUT_EVERY * CUT_EVERY + CUT_AT;
}

uint64_t word_seq(uint64_t word, uint64_t published)
{
	uint64_t newest = published + 1;
	return newest - (newest + N_SEQS + 1 - (word & SEQ_MASK)) % N_SEQS;
}

uint32_t word_page(uint64_t word)
{
	return (uint32_t)(word >> PAGE_SHIFT & PAGE_MASK);
}

uint32_t word_writer(uint64_t word)
{
	return (uint32_t)(word >> WRITER_SHIFT & WRITER_MASK);
}

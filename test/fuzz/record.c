/* SPDX-License-Identifier: MIT */
/* From bytes of the input to numbers. */
#include "record.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))

struct record record_read(const uint8_t *bytes)
{
	return (struct record){
		.op = bytes[0],
		.slot = bytes[1],
		.a = bytes[2],
		.b = bytes[3],
		.c = bytes[4],
		.d = bytes[5],
		.e = bytes[6],
		.f = bytes[7],
	};
}

/* From 512 pages on a region has a huge page in it; windows of 128 are read ahead of. */
static const uint16_t large[16] = { 48, 63, 64, 65, 100, 127, 128, 129, 200, 256, 300, 511, 512,
	513, 530, 600 };

uint64_t pages_of_code(uint8_t code)
{
	unsigned n = code & 63;
	return (n < 48 ? n : large[n - 48]) * PAGE;
}

uint64_t tail_of_code(uint8_t code)
{
	static const uint16_t tails[16] = { 0, 1, 2, 7, 8, 63, 64, 100, 511, 512, 1000, 2047, 2048,
		4000, 4094, 4095 };
	return tails[code & 15];
}

uint64_t size_of_codes(uint8_t pages, uint8_t tail)
{
	return pages_of_code(pages) + tail_of_code(tail);
}

enum { TO_END_OF_PAGE = 23, BEYOND_END_OF_PAGE, TO_LAST_BUT_ONE, TO_END, ALL = 31 };

static uint64_t length_of_code(uint8_t code, uint64_t offset, uint64_t all)
{
	static const uint32_t lengths[TO_END_OF_PAGE] = { 0, 1, 2, 8, 64, 100, 511, 512, 1000, 4000,
		4095, 4096, 4097, 5000, 8192, 8193, 3 * 4096, 3 * 4096 + 1, 8 * 4096, 16 * 4096,
		32 * 4096, 128 * 4096, 512 * 4096 };
	const uint64_t rest = all - offset, to_end_of_page = PAGE - offset % PAGE;
	code &= 31;
	if (code < TO_END_OF_PAGE)
		return lengths[code];
	if (code == TO_END_OF_PAGE)
		return to_end_of_page;
	if (code == BEYOND_END_OF_PAGE)
		return to_end_of_page + 1;
	return code == TO_LAST_BUT_ONE && rest > 0 ? rest - 1 : rest;
}

struct extent record_extent(const struct record *record, uint64_t all)
{
	if ((record->c & 31) == ALL)
		return (struct extent){ .offset = 0, .length = all };
	const uint64_t n_pages = all / PAGE + 1;
	uint64_t offset = pages_of_code(record->a) / PAGE % n_pages * PAGE;
	offset = MIN(offset + tail_of_code(record->b), all);
	return (struct extent){
		.offset = offset,
		.length = MIN(length_of_code(record->c, offset, all), all - offset),
	};
}

/* SPDX-License-Identifier: MIT */
/*
 * Stores: screenshots that a compositor draws into a client's buffer.
 *
 * The region is a copy, so stores must be written to the file. Pages without stores must not: the
 * client may have written to them meanwhile. A sum of each page before the access and after it
 * tells which pages were stored to. That reads the buffer twice and works on any kernel. It is done
 * only for buffers with may_be_stored_to, which requests.c sets; other buffers cost nothing.
 */
#include "base/capture.h"

#include "base/pages.h"
#include "base/settings.h"

#include <stdlib.h>
#include <string.h>

#define LANES 4 /* sums that do not wait for each other */

static uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 29;
}

/* A change of one word always changes the sum; two changes hide each other once in 2^64. */
static uint64_t sum_of(const unsigned char *bytes, size_t length)
{
	uint64_t lanes[LANES] = { 1, 2, 3, 4 }, words[LANES], sum = length;
	for (; length >= sizeof(words); bytes += sizeof(words), length -= sizeof(words)) {
		memcpy(words, bytes, sizeof(words));
		for (unsigned i = 0; i < LANES; i++)
			lanes[i] = mix(lanes[i], words[i]);
	}
	for (; length > 0; bytes++, length--)
		lanes[0] = mix(lanes[0], *bytes);
	for (unsigned i = 0; i < LANES; i++)
		sum = mix(sum, lanes[i]);
	return sum;
}

/* Answer which bytes of the region lie in page @page of the range. */
static struct uffd_guard_span bytes_of_page(const struct capture *capture, size_t page)
{
	const uint64_t size = page_size(), first = page_floor(capture->offset) + page * size;
	const uint64_t start = first > capture->offset ? first : capture->offset;
	const uint64_t end = first + size < capture->offset + capture->length
				     ? first + size
				     : capture->offset + capture->length;
	return (struct uffd_guard_span){ .offset = start, .length = end - start };
}

static uint64_t sum_of_page(const struct capture *capture, const void *data, size_t page)
{
	const struct uffd_guard_span span = bytes_of_page(capture, page);
	return sum_of((const unsigned char *)data + span.offset, span.length);
}

static size_t count_pages(uint64_t offset, uint64_t length)
{
	return (page_ceil(offset + length) - page_floor(offset)) / page_size();
}

void capture_begin(struct capture *capture, const void *data, uint64_t offset, uint64_t length)
{
	const size_t n_pages = count_pages(offset, length);
	if (n_pages != capture->n_pages) {
		free(capture->sums);
		capture->sums = data ? calloc(n_pages, sizeof(*capture->sums)) : NULL;
	}
	*capture = (struct capture){
		.is_open = true,
		.offset = offset,
		.length = length,
		.sums = capture->sums,
		.n_pages = n_pages,
	};
	for (size_t i = 0; capture->sums && i < n_pages; i++)
		capture->sums[i] = sum_of_page(capture, data, i);
}

/* Every page counts as stored to if there was no memory for sums. */
static bool is_stored_to(const struct capture *capture, const void *data, size_t page)
{
	return !capture->sums || sum_of_page(capture, data, page) != capture->sums[page];
}

/* A failing write is ignored: the client has cut or sealed its own file. */
static void write_to_file(
	struct uffd_guard_region *region, const char *data, uint64_t offset, size_t length)
{
	if (data == uffd_guard_region_data(region))
		uffd_guard_write_back(region, offset, length);
	else
		uffd_guard_write(region, offset, data + offset, length);
}

void capture_end(struct capture *capture, const void *data, struct uffd_guard_region *region)
{
	if (!capture->is_open)
		return;
	capture->is_open = false;
	if (settings()->is_store_broken)
		return;
	for (size_t page = 0, n; page < capture->n_pages; page += n + 1) {
		for (n = 0; page + n < capture->n_pages && is_stored_to(capture, data, page + n);)
			n++;
		if (n == 0)
			continue;
		const struct uffd_guard_span first = bytes_of_page(capture, page),
					     last = bytes_of_page(capture, page + n - 1);
		write_to_file(region, data, first.offset,
			(size_t)(last.offset + last.length - first.offset));
	}
}

void capture_finish(struct capture *capture)
{
	free(capture->sums);
	*capture = (struct capture){ 0 };
}

/* SPDX-License-Identifier: MIT */
/*
 * Stores: screenshots that a compositor draws into a client's buffer.
 *
 * The region is a copy, so stores must be written to the file. Pages without stores must not: the
 * client may have written to them meanwhile. A sum of each page before the access and after it
 * tells which pages were stored to. That reads the buffer twice and works on any kernel. It is done
 * only for buffers with may_be_stored_to, which requests.c sets; other buffers cost nothing.
 *
 * Where all of the picture will be drawn, what the client had there before is of no use, and is not
 * read: a recorder that uses its buffers again would have each of its pictures read back. The sums
 * are then of what was drawn the last time, and the client may have cleared its buffer since. So
 * that a store of the same pixels is a change too, each page gets a mark, which nobody can guess.
 */
#include "base/capture.h"

#include "base/pages.h"
#include "base/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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

/* ---- Marks ---- */

static uint64_t *word_of_page(const struct capture *capture, void *data, size_t page)
{
	return (void *)((char *)data + bytes_of_page(capture, page).offset);
}

static void put_marks(struct capture *capture, void *data)
{
	for (size_t i = 0; i < capture->n_pages; i++) {
		uint64_t *word = word_of_page(capture, data, i);
		capture->covered[i] = *word;
		*word = capture->mark;
	}
	capture->has_marks = true;
}

/* What was drawn over is gone already. */
static void remove_marks(struct capture *capture, void *data)
{
	for (size_t i = 0; capture->has_marks && i < capture->n_pages; i++) {
		uint64_t *word = word_of_page(capture, data, i);
		if (*word == capture->mark)
			*word = capture->covered[i];
	}
	capture->has_marks = false;
}

static bool make_mark(struct capture *capture)
{
	if (!capture->covered)
		capture->covered = calloc(capture->n_pages, sizeof(*capture->covered));
	return capture->covered && getrandom(&capture->mark, sizeof(capture->mark),
					   GRND_NONBLOCK) == sizeof(capture->mark);
}

/* ---- Begin ---- */

static void cover(struct capture *capture, uint64_t offset, uint64_t length)
{
	const size_t n_pages = count_pages(offset, length);
	if (n_pages != capture->n_pages)
		capture_finish(capture);
	capture->offset = offset;
	capture->length = length;
	capture->n_pages = n_pages;
}

static void sum_up(struct capture *capture, const void *data)
{
	if (!capture->sums)
		capture->sums = calloc(capture->n_pages, sizeof(*capture->sums));
	for (size_t i = 0; capture->sums && i < capture->n_pages; i++)
		capture->sums[i] = sum_of_page(capture, data, i);
}

static void drop_sums(struct capture *capture)
{
	free(capture->sums);
	capture->sums = NULL;
}

void capture_begin(struct capture *capture, const void *data, uint64_t offset, uint64_t length)
{
	cover(capture, offset, length);
	if (data)
		sum_up(capture, data);
	else
		drop_sums(capture);
	capture->is_open = true;
}

bool capture_begin_of_all(struct capture *capture, void *data, uint64_t offset, uint64_t length)
{
	if (offset % sizeof(uint64_t) != 0 || length % sizeof(uint64_t) != 0)
		return false;
	cover(capture, offset, length);
	if (!make_mark(capture))
		return false;
	put_marks(capture, data);
	sum_up(capture, data);
	if (!capture->sums)
		remove_marks(capture, data);
	return capture->is_open = capture->sums != NULL;
}

/* ---- End ---- */

/* From now on a sum is not 0 if its page was stored to. */
static void compare_sums(struct capture *capture, const void *data)
{
	for (size_t i = 0; capture->sums && i < capture->n_pages; i++)
		capture->sums[i] = sum_of_page(capture, data, i) != capture->sums[i];
}

/* Every page counts as stored to if there was no memory for sums. */
static bool is_stored_to(const struct capture *capture, size_t page)
{
	return !capture->sums || capture->sums[page];
}

static ssize_t write_some(
	struct uffd_guard_region *region, const char *data, uint64_t offset, size_t length)
{
	return data == uffd_guard_region_data(region)
		       ? uffd_guard_write_back(region, offset, length)
		       : uffd_guard_write(region, offset, data + offset, length);
}

/* The file may have no room, or the client has cut or sealed it. What lies behind a file's end, in
 * its last page, is nobody's. */
static int write_to_file(
	struct uffd_guard_region *region, const char *data, uint64_t offset, size_t length)
{
	const uint64_t end = offset + length;
	ssize_t stored = 0;
	for (; offset < end; offset += (uint64_t)stored) {
		stored = write_some(region, data, offset, (size_t)(end - offset));
		if (stored < 0)
			return (int)stored;
		if (stored == 0)
			return page_ceil(offset) < end ? -ENODATA : 0;
	}
	return 0;
}

static int write_stores(
	const struct capture *capture, const void *data, struct uffd_guard_region *region)
{
	int err = 0;
	for (size_t page = 0, n; !err && page < capture->n_pages; page += n + 1) {
		for (n = 0; page + n < capture->n_pages && is_stored_to(capture, page + n);)
			n++;
		if (n == 0)
			continue;
		const struct uffd_guard_span first = bytes_of_page(capture, page),
					     last = bytes_of_page(capture, page + n - 1);
		err = write_to_file(region, data, first.offset,
			(size_t)(last.offset + last.length - first.offset));
	}
	return err;
}

int capture_end(struct capture *capture, void *data, struct uffd_guard_region *region)
{
	if (!capture->is_open)
		return 0;
	capture->is_open = false;
	compare_sums(capture, data);
	remove_marks(capture, data);
	return settings()->is_store_broken ? 0 : write_stores(capture, data, region);
}

void capture_finish(struct capture *capture)
{
	free(capture->sums);
	free(capture->covered);
	*capture = (struct capture){ 0 };
}

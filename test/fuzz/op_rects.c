/* SPDX-License-Identifier: MIT */
/* Calls of the library about rectangles, marks, and what is to be up to date and present. */
#include "world.h"

#include "trace.h"

#include <stdlib.h>
#include <string.h>

#define MOST_RECTS 70

/* ---- Rectangles ---- */

static uint64_t stride_of_code(uint8_t code, uint64_t width)
{
	const uint64_t strides[8] = { width, width + 1, width + 100, 300, PAGE, PAGE + 1, 5000, 0 };
	return strides[code % 8];
}

/* Rows up to the region's end. */
static uint64_t height_within(uint64_t height, uint64_t room, uint64_t stride)
{
	return stride && height ? least(height, room / stride + 1) : height;
}

/* a, b, c: the first row, as an extent; d: rows, and from one to the next. Never outside. */
static struct uffd_guard_rect read_rect(const struct view *view, const struct record *r)
{
	static const uint8_t heights[8] = { 0, 1, 2, 3, 5, 8, 17, 70 };
	const struct extent row = record_extent(r, view->length);
	const uint64_t stride = stride_of_code(r->d >> 3, row.length);
	return (struct uffd_guard_rect){
		.offset = row.offset,
		.stride = stride,
		.width = row.length,
		.height = height_within(
			heights[r->d % 8], view->length - row.offset - row.length, stride),
	};
}

/* e: how many, and how far from each other; where the region ends they begin anew. */
static size_t read_rects(
	const struct view *view, const struct record *r, struct uffd_guard_rect rects[MOST_RECTS])
{
	static const uint8_t counts[8] = { 1, 0, 1, 2, 3, 8, 65, MOST_RECTS };
	static const uint16_t steps[8] = { 1, 100, 500, 2048, 4096, 5000, 12288, 0 };
	const struct uffd_guard_rect first = read_rect(view, r);
	const uint64_t extent =
		first.height ? first.width + (first.height - 1) * first.stride : first.width;
	const uint64_t room =
		view->length - first.offset - least(extent, view->length - first.offset);
	const size_t n = counts[r->e % 8];
	for (size_t i = 0; i < n; i++) {
		rects[i] = first;
		rects[i].offset += steps[r->e >> 3 & 7] * (uint64_t)i % (room + 1);
		trace("	rectangle at %llu, %llu bytes wide, %llu rows %llu apart",
			(unsigned long long)rects[i].offset, (unsigned long long)rects[i].width,
			(unsigned long long)rects[i].height, (unsigned long long)rects[i].stride);
	}
	return n;
}

typedef void note_fn(struct view *view, uint64_t offset, uint64_t length);

static void for_rows(
	struct view *view, const struct uffd_guard_rect *rects, size_t n, note_fn *note)
{
	for (size_t i = 0; i < n; i++) {
		for (uint64_t row = 0; row < rects[i].height; row++)
			note(view, rects[i].offset + row * rects[i].stride, rects[i].width);
	}
}

/* Of one range all marks are gone for certain; of more only those that lie wholly in one. */
static void note_marks_done(struct view *view, const struct uffd_guard_rect *rects, size_t n)
{
	if (n == 1 && rects[0].height == 1)
		view_forget_marks(view, rects[0].offset, rects[0].width);
}

void op_refresh_rects(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	struct uffd_guard_rect rects[MOST_RECTS];
	if (!view)
		return;
	const size_t n = read_rects(view, r, rects);
	trace("refresh_rects of region %p: these %zu", (void *)view->region, n);
	expect_success("refresh_rects", uffd_guard_refresh_rects(view->region, rects, n));
	for_rows(view, rects, n, view_note_refreshed);
	note_marks_done(view, rects, n);
}

void op_update(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct extent extent = record_extent(r, view->length);
	trace_call("update", view, extent);
	expect_success("update", uffd_guard_update(view->region, extent.offset, extent.length));
	view_note_refreshed(view, extent.offset, extent.length);
	view_note_filled(view, extent.offset, extent.length);
	view_forget_marks(view, extent.offset, extent.length);
}

void op_update_rects(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	struct uffd_guard_rect rects[MOST_RECTS];
	if (!view)
		return;
	const size_t n = read_rects(view, r, rects);
	trace("update_rects of region %p: these %zu", (void *)view->region, n);
	expect_success("update_rects", uffd_guard_update_rects(view->region, rects, n));
	for_rows(view, rects, n, view_note_refreshed);
	for_rows(view, rects, n, view_note_filled);
	note_marks_done(view, rects, n);
}

/* ---- In steps ---- */

void op_mark_rects(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	struct uffd_guard_rect rects[MOST_RECTS];
	if (!view)
		return;
	const size_t n = read_rects(view, r, rects);
	trace("mark_rects of region %p: these %zu", (void *)view->region, n);
	expect_success("mark_rects", uffd_guard_mark_rects(view->region, rects, n));
	for (size_t i = 0; i < n; i++)
		view_note_marked(view, &rects[i]);
}

void op_begin(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	trace("begin of region %p", (void *)view->region);
	expect_success("begin", uffd_guard_begin(view->region));
}

void op_ensure(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct extent extent = record_extent(r, view->length);
	trace_call("ensure", view, extent);
	expect_success("ensure", uffd_guard_ensure(view->region, extent.offset, extent.length));
	view_note_ensured(view, extent.offset, extent.length);
}

/* ---- File to buffer, buffer to file ---- */

/* Bytes of a row that the file has. */
static uint64_t real_bytes(const struct view *view, uint64_t offset, uint64_t width)
{
	return least(width, file_bytes_from(view, offset));
}

static uint64_t real_bytes_of_rect(const struct view *view, const struct uffd_guard_rect *rect)
{
	uint64_t n = 0;
	for (uint64_t row = 0; row < rect->height; row++)
		n += real_bytes(view, rect->offset + row * rect->stride, rect->width);
	return n;
}

/* A buffer of exactly that many rows, so that ASan sees more. NULL: none is needed. */
static uint8_t *make_buffer(const struct uffd_guard_rect *rect, size_t stride)
{
	const bool is_empty = rect->width == 0 || rect->height == 0;
	const size_t size = is_empty ? 0 : (rect->height - 1) * stride + rect->width;
	uint8_t *bytes = size ? malloc(size) : NULL;
	if (bytes)
		memset(bytes, 0xee, size);
	return bytes;
}

/* e: how far apart the rows are in the buffer */
static size_t buffer_stride(const struct uffd_guard_rect *rect, const struct record *r)
{
	static const uint16_t gaps[4] = { 0, 1, 64, 4096 };
	return rect->width + gaps[r->e % 4];
}

static void check_gap(const uint8_t *gap, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (gap[i] != 0xee)
			fail("read_rect has written between the rows of the buffer");
	}
}

static void check_rows(const struct view *view, const struct uffd_guard_rect *rect,
	const uint8_t *bytes, size_t stride)
{
	for (uint64_t row = 0; row < rect->height; row++) {
		const struct extent extent = { rect->offset + row * rect->stride, rect->width };
		check_copy(view, extent, bytes + row * stride);
		if (row + 1 < rect->height)
			check_gap(bytes + row * stride + rect->width, stride - rect->width);
	}
}

/* All rows from the first that was cut to the last count as lost: the bytes between them too. */
static void note_asked_rows(struct view *view, const struct uffd_guard_rect *rect)
{
	for (uint64_t row = 0; row < rect->height; row++) {
		const uint64_t start = rect->offset + row * rect->stride;
		losses_note_asked(view, start, start + rect->width);
	}
}

void op_copy_rect(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct uffd_guard_rect rect = read_rect(view, r);
	const size_t stride = buffer_stride(&rect, r);
	uint8_t *bytes = make_buffer(&rect, stride);
	trace("read_rect of region %p: %llu bytes from %llu, %llu rows %llu apart",
		(void *)view->region, (unsigned long long)rect.width,
		(unsigned long long)rect.offset, (unsigned long long)rect.height,
		(unsigned long long)rect.stride);
	const ssize_t n = uffd_guard_read_rect(view->region, &rect, bytes, stride);
	const uint64_t real = rect.width ? real_bytes_of_rect(view, &rect) : 0;
	if (n != (ssize_t)real)
		fail("read_rect answers %zd, and should %llu", n, (unsigned long long)real);
	if (bytes) {
		check_rows(view, &rect, bytes, stride);
		note_asked_rows(view, &rect);
	}
	free(bytes);
}

/* Each byte as the pattern has it for its place in the file. */
static void fill_row(const struct view *view, const struct block *pattern, uint64_t offset,
	uint64_t width, uint8_t *bytes)
{
	for (uint64_t i = 0; i < width; i++)
		bytes[i] = pattern->bytes[(view->offset + offset + i) % PAGE];
}

static void note_rows_written(
	struct view *view, const struct uffd_guard_rect *rect, const struct block *pattern)
{
	file_note_change();
	for (uint64_t row = 0; row < rect->height; row++) {
		const uint64_t start = rect->offset + row * rect->stride,
			       n = real_bytes(view, start, rect->width);
		if (n == 0)
			return; /* the file's end ends all rows that follow */
		file_note_written(view->file, view->offset + start, n, pattern);
	}
}

static ssize_t call_write(const struct view *view, const struct uffd_guard_rect *rect,
	const uint8_t *bytes, size_t stride, bool is_range)
{
	return is_range ? uffd_guard_write(view->region, rect->offset, bytes, rect->width)
			: uffd_guard_write_rect(view->region, rect, bytes, stride);
}

static void write_rect(
	struct view *view, const struct uffd_guard_rect *rect, size_t stride, bool is_range)
{
	const struct block *pattern = block_of_next_tag();
	uint8_t *bytes = make_buffer(rect, stride);
	const int err = bytes ? error_of_storing(view) : 0;
	const uint64_t real = bytes ? real_bytes_of_rect(view, rect) : 0;
	for (uint64_t row = 0; bytes && row < rect->height; row++)
		fill_row(view, pattern, rect->offset + row * rect->stride, rect->width,
			bytes + row * stride);
	trace("write%s to region %p: %llu bytes from %llu, %llu rows %llu apart, tag %d",
		is_range ? "" : "_rect", (void *)view->region, (unsigned long long)rect->width,
		(unsigned long long)rect->offset, (unsigned long long)rect->height,
		(unsigned long long)rect->stride, tag_of_byte(0, pattern->bytes[0]));
	const ssize_t n = call_write(view, rect, bytes, stride, is_range);
	if (!is_right_answer(view, n, err, real))
		fail("write answers %zd, and should %lld", n, err ? err : (long long)real);
	if (n > 0)
		note_rows_written(view, rect, pattern);
	free(bytes);
}

void op_write(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view || moment_is_last())
		return;
	const struct extent extent = record_extent(r, view->length);
	const struct uffd_guard_rect rect = { extent.offset, extent.length, extent.length, 1 };
	write_rect(view, &rect, extent.length, true);
}

void op_write_rect(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view || moment_is_last())
		return;
	const struct uffd_guard_rect rect = read_rect(view, r);
	write_rect(view, &rect, buffer_stride(&rect, r), false);
}

/* SPDX-License-Identifier: MIT */
/*
 * read: bytes of the file into the caller's buffer, past the region's own pages. Rows of a
 * rectangle land where the caller wants them; rows that lie close to each other in the file are
 * read by one system call, with what is between them.
 *
 * Where the file has ended, all that follows is lost too, and is told as one loss.
 */
#include "base/cancel.h"
#include "base/page.h"
#include "base/prefetch.h"
#include "base/rows.h"
#include "base/shared_work.h"
#include "calls/scanners.h"
#include "calls/update.h"
#include "daemon/copier.h"
#include "file/shared_read.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/refuse.h"
#include "state/region.h"

#include <errno.h>
#include <sys/uio.h>

#define MOST_BETWEEN  4096 /* costs less to copy than a system call does */
#define MOST_TOGETHER 64

/* By the kernel: the buffer may be a bad one. */
static int zero_buffer(struct uffd_guard *guard, char *buffer, size_t length)
{
	int err = 0;
	for (size_t at = 0, got; at < length && !err; at += page_size())
		err = source_read(
			&guard->zeros, 0, buffer + at, min_u64(page_size(), length - at), &got);
	return err;
}

struct reading {
	struct uffd_guard_region *region;
	size_t got;	    /* bytes of real data */
	uint64_t lost_from; /* the first byte that the file does not have, or UINT64_MAX */
	int why;	    /* 0: it has ended; -ETIMEDOUT */
};

/* Bytes of the file, and zeros where it has none. */
static int read_bytes(struct reading *reading, uint64_t offset, char *buffer, size_t length)
{
	struct uffd_guard_region *region = reading->region;
	size_t got = 0;
	if (offset <
		reading->lost_from) { /* rows may overlap, and begin before the last one's end */
		const int err = shared_read(
			&region->guard->shared_work, &region->source, offset, buffer, length, &got);
		if (err && err != -ETIMEDOUT)
			return err;
		reading->got += got;
		if (got < length) {
			reading->lost_from = min_u64(reading->lost_from, offset + got);
			reading->why = err;
		}
	}
	return got < length ? zero_buffer(region->guard, buffer + got, length - got) : 0;
}

static uint64_t row_offset(const struct uffd_guard_rect *rect, uint64_t row)
{
	return rect->offset + row * rect->stride;
}

/* Read rows, and the bytes between them, by one system call. False: not all could be read like
 * that. */
static bool read_together(const struct source *source, const struct uffd_guard_rect *rect,
	uint64_t first, size_t n_rows, char *buffer, size_t buffer_stride)
{
	char between[MOST_BETWEEN];
	struct iovec parts[2 * MOST_TOGETHER];
	int n_parts = 0;
	for (size_t i = 0; i < n_rows; i++) {
		if (i > 0)
			parts[n_parts++] = (struct iovec){ between, rect->stride - rect->width };
		parts[n_parts++] = (struct iovec){ buffer + i * buffer_stride, rect->width };
	}
	return source_read_parts(source, row_offset(rect, first), parts, n_parts);
}

static bool are_close(const struct source *source, const struct uffd_guard_rect *rect)
{
	return rect->stride > rect->width && rect->stride - rect->width <= MOST_BETWEEN &&
	       !source_may_block(source);
}

/* ---- Shared with the copier: what goes well ---- */

struct row_sharing {
	const struct source *source;
	const struct uffd_guard_rect *rect;
	char *buffer;
	size_t buffer_stride, n_a_chunk;
};

static bool read_one_by_one(
	const struct row_sharing *rows, uint64_t first, size_t n_rows, char *buffer)
{
	bool is_done = true;
	for (size_t i = 0; i < n_rows && is_done; i++) {
		const struct iovec part = { buffer + i * rows->buffer_stride, rows->rect->width };
		if (i + 1 < n_rows)
			prefetch_for_stores(
				buffer + (i + 1) * rows->buffer_stride, rows->rect->width);
		is_done = source_read_parts(
			rows->source, row_offset(rows->rect, first + i), &part, 1);
	}
	return is_done;
}

static bool read_row_chunk(void *data, size_t chunk, void *tools)
{
	const struct row_sharing *rows = data;
	const uint64_t first = chunk * rows->n_a_chunk;
	const size_t n_rows = min_u64(rows->n_a_chunk, rows->rect->height - first);
	char *buffer = rows->buffer + first * rows->buffer_stride;
	(void)tools;
	return are_close(rows->source, rows->rect) ? read_together(rows->source, rows->rect, first,
							     n_rows, buffer, rows->buffer_stride)
						   : read_one_by_one(rows, first, n_rows, buffer);
}

/* Answers how many rows, from the first on, are done. */
static uint64_t read_shared(struct reading *reading, const struct uffd_guard_rect *rect,
	char *buffer, size_t buffer_stride)
{
	struct uffd_guard_region *region = reading->region;
	struct row_cursor cursor;
	struct rows all;
	rows_of_rects(&all, &cursor, rect, 1);
	const size_t n_a_chunk = rows_a_chunk(rows_weight(&all, ROW_WEIGHT), rect->height);
	if (n_a_chunk == 0 || source_may_block(&region->source))
		return 0;
	struct row_sharing rows = { &region->source, rect, buffer, buffer_stride, n_a_chunk };
	const struct chunks chunks = { .work = read_row_chunk,
		.data = &rows,
		.n_chunks = (rect->height + n_a_chunk - 1) / n_a_chunk };
	const size_t n_done = shared_work_do(&region->guard->shared_work, &chunks, NULL);
	return min_u64((uint64_t)n_done * n_a_chunk, rect->height);
}

/* ---- Rows ---- */

static int read_rows(struct reading *reading, const struct uffd_guard_rect *rect, char *buffer,
	size_t buffer_stride)
{
	const struct source *source = &reading->region->source;
	const size_t most = are_close(source, rect) ? MOST_TOGETHER : 1;
	uint64_t row = read_shared(reading, rect, buffer, buffer_stride);
	int err = 0;
	reading->got += row * rect->width;
	for (uint64_t n; row < rect->height && !err; row += n) {
		n = min_u64(most, rect->height - row);
		char *to = buffer + row * buffer_stride;
		if (n > 1 && reading->lost_from == UINT64_MAX &&
			read_together(source, rect, row, n, to, buffer_stride)) {
			reading->got += n * rect->width;
			continue;
		}
		for (uint64_t i = 0; i < n && !err; i++)
			err = read_bytes(reading, row_offset(rect, row + i), to + i * buffer_stride,
				rect->width);
	}
	return err;
}

static ssize_t read_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	char *buffer, size_t buffer_stride)
{
	struct reading reading = { .region = region, .lost_from = UINT64_MAX };
	uint64_t end;
	int err = region_check_source(region);
	if (err)
		return err;
	rect_end(rect, &end);
	scanners_pass(region);
	copier_expect(region->guard, end - rect->offset);
	source_begin_call(&region->source);
	err = rect->height == 1 || (rect->stride == rect->width && buffer_stride == rect->width)
		      ? read_bytes(&reading, rect->offset, buffer, end - rect->offset)
		      : read_rows(&reading, rect, buffer, buffer_stride);
	source_end_call(&region->source);
	stats_add(&region->guard->stats->bytes_read, reading.got);
	if (reading.lost_from < end)
		region_report_failure(region, reading.lost_from, end, reading.why);
	return err ? err : (ssize_t)reading.got;
}

ssize_t uffd_guard_read(
	struct uffd_guard_region *region, uint64_t offset, void *buffer, size_t length)
{
	UNCANCELLED;
	const struct uffd_guard_rect rect = { offset, length, length, 1 };
	int err = region_check_range(region, offset, length);
	if (!err && length > 0 && !buffer)
		err = refuse(region->guard, -EINVAL, "uffd_guard_read: buffer is NULL");
	if (err || length == 0)
		return err;
	return read_rect(region, &rect, buffer, length);
}

ssize_t uffd_guard_read_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	void *buffer, size_t buffer_stride)
{
	UNCANCELLED;
	int err = rect ? rects_check(region, rect, 1) : -EINVAL;
	if (err || rect->width == 0 || rect->height == 0)
		return err;
	if (!buffer)
		return refuse(region->guard, -EINVAL, "uffd_guard_read_rect: buffer is NULL");
	if (rect->height > 1 && buffer_stride < rect->width)
		return refuse(region->guard, -EINVAL,
			"uffd_guard_read_rect: buffer_stride is less than the rectangle's width");
	return read_rect(region, rect, buffer, buffer_stride);
}

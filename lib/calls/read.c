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
#include "base/rows.h"
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

/* Read rows, and the bytes between them, by one system call. False: not all could be read like
 * that. */
static bool read_together(struct reading *reading, const struct uffd_guard_rect *rect,
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
	if (!source_read_parts(
		    &reading->region->source, rect->offset + first * rect->stride, parts, n_parts))
		return false;
	reading->got += n_rows * rect->width;
	return true;
}

static bool are_close(const struct reading *reading, const struct uffd_guard_rect *rect)
{
	return rect->stride > rect->width && rect->stride - rect->width <= MOST_BETWEEN &&
	       !source_may_block(&reading->region->source);
}

static int read_rows(struct reading *reading, const struct uffd_guard_rect *rect, char *buffer,
	size_t buffer_stride)
{
	const size_t most = are_close(reading, rect) ? MOST_TOGETHER : 1;
	int err = 0;
	for (uint64_t row = 0, n; row < rect->height && !err; row += n) {
		n = min_u64(most, rect->height - row);
		char *to = buffer + row * buffer_stride;
		if (n > 1 && reading->lost_from == UINT64_MAX &&
			read_together(reading, rect, row, n, to, buffer_stride))
			continue;
		for (uint64_t i = 0; i < n && !err; i++)
			err = read_bytes(reading, rect->offset + (row + i) * rect->stride,
				to + i * buffer_stride, rect->width);
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

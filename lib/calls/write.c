/* SPDX-License-Identifier: MIT */
/* write: the caller's buffer into the file, past the region's own pages; nothing is filled or read.
 */
#include "base/cancel.h"
#include "base/page.h"
#include "base/rows.h"
#include "calls/update.h"
#include "daemon/copier.h"
#include "file/shared_store.h"
#include "pages/change.h"
#include "state/guard.h"
#include "state/refuse.h"
#include "state/region.h"

#include <errno.h>
#include <sys/uio.h>

/* Rows in one system call. False: not all could be stored like that. */
static bool write_together(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	uint64_t start, size_t n_rows, const char *buffer, size_t buffer_stride)
{
	struct iovec parts[SOURCE_MOST_PARTS];
	for (size_t i = 0; i < n_rows; i++)
		parts[i] = (struct iovec){ (void *)(buffer + i * buffer_stride), rect->width };
	return source_store_parts(&region->source, start, rect->stride, parts, (int)n_rows);
}

/* Up to the file's end. Rows may overlap, and the next one begin before it. */
static int write_rows(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	const char *buffer, size_t buffer_stride, size_t *stored)
{
	struct shared_work *work = &region->guard->shared_work;
	const uint64_t n_shared =
		shared_store_rows(work, &region->source, rect, buffer, buffer_stride);
	uint64_t start = rect->offset + n_shared * rect->stride, file_end = UINT64_MAX;
	int err = 0;
	*stored = n_shared * rect->width;
	bool is_together = rect->height > 1;
	for (uint64_t row = n_shared, n; row < rect->height && start < file_end && !err; row += n) {
		const char *from = buffer + row * buffer_stride;
		size_t done;
		n = min_u64(SOURCE_MOST_PARTS, rect->height - row);
		is_together =
			is_together && write_together(region, rect, start, n, from, buffer_stride);
		if (is_together) {
			done = n * rect->width;
		} else { /* one by one, up to the last row */
			n = 1;
			err = shared_store(work, &region->source, start, from, rect->width, &done);
			if (done < rect->width)
				file_end = start + done;
		}
		*stored += done;
		start += n * rect->stride;
	}
	return err;
}

static int check_write(const struct uffd_guard_region *region, const void *buffer)
{
	if (!buffer)
		return refuse(region->guard, -EINVAL, "uffd_guard_write: buffer is NULL");
	if (!(region->flags & UFFD_GUARD_MAP_WRITE))
		return refuse(region->guard, -EACCES,
			"uffd_guard_write: the region was mapped without UFFD_GUARD_MAP_WRITE in "
			"flags");
	const int err = region_check_source(region);
	return err ? err : refuse_store(region->guard, source_check_store(&region->source));
}

static ssize_t write_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	const char *buffer, size_t buffer_stride)
{
	int err = check_write(region, buffer);
	if (err)
		return err;
	struct uffd_guard_rect whole = *rect;
	if (rect->stride == rect->width && buffer_stride == rect->width)
		whole = rect_of_range(rect->offset, rect->width * rect->height);
	size_t stored;
	copier_expect(region->guard, whole.width * whole.height);
	err = write_rows(region, &whole, buffer, buffer_stride, &stored);
	stats_add(&region->guard->stats->bytes_written_back, stored);
	return err && stored == 0 ? err : (ssize_t)stored;
}

ssize_t uffd_guard_write(
	struct uffd_guard_region *region, uint64_t offset, const void *buffer, size_t length)
{
	UNCANCELLED;
	const struct uffd_guard_rect rect = rect_of_range(offset, length);
	int err = region_check_range(region, offset, length);
	if (err || length == 0)
		return err;
	return write_rect(region, &rect, buffer, length);
}

ssize_t uffd_guard_write_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	const void *buffer, size_t buffer_stride)
{
	UNCANCELLED;
	int err = rect ? rects_check(region, rect, 1) : -EINVAL;
	if (err || rect->width == 0 || rect->height == 0)
		return err;
	if (rect->height > 1 && buffer_stride < rect->width)
		return refuse(region->guard, -EINVAL,
			"uffd_guard_write_rect: buffer_stride is less than the rectangle's width");
	return write_rect(region, rect, buffer, buffer_stride);
}

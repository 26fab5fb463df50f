/* SPDX-License-Identifier: MIT */
/*
 * Bringing content up to date, on the caller's thread.
 *
 * Refresh overwrites filled pages in place: pread(2) puts the file's bytes where the readers look,
 * no page is freed or made. Before that it waits for fills under way (region->fills): what they
 * read may be older than the call. Later ones read what is new enough, so nothing is done about
 * pages that are absent.
 *
 * Three things are not written in place. A page of zeros would have to get memory of its own; where
 * bytes have come, it is replaced. Pages that the file has lost or punched give their memory back.
 * And where the program has withdrawn write access or the page (mprotect, madvise), the kernel
 * answers -EFAULT, and the page is replaced too.
 *
 * A page that is replaced is gone for a moment. Who touches it waits for it to come back; but where
 * system calls cannot wait (no kernel-mode faults), and the region was populated for them, the
 * first two are done in place as well (overwrite.c), and memory is given back by discard only.
 */
#include "calls/refresh.h"
#include "base/lock.h"

#include "base/prefetch.h"
#include "base/rows.h"
#include "base/shared_work.h"
#include "file/shared_read.h"
#include "kernel/staging.h"
#include "pages/change.h"
#include "pages/gather.h"
#include "pages/overwrite.h"
#include "pages/refill.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"
#include "state/whole_pages.h"

#include <errno.h>

#define MOST_AT_A_TIME 64

/* ---- One range ---- */

static int replace_bytes(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	size_t first = start / page_size();
	return refill_pages(region, first, page_ceil(end) / page_size() - first);
}

static int read_in_place(const struct source *source, uint64_t from,
	struct uffd_guard_region *region, uint64_t to, uint64_t length, size_t *got)
{
	return shared_read(&region->guard->shared_work, source, from,
		(void *)region_address(region, to), length, got);
}

/* Whether a page that is there must not go, not even for a moment: it may have been populated for a
 * system call, which would not wait for it to come back. */
static bool pages_must_stay(const struct uffd_guard_region *region)
{
	return atomic_load(&region->is_populated);
}

/* Bytes within one page, written by the kernel: a store of ours would be a signal if the page is
 * write-protected. */
static int zero_in_place(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	size_t got;
	check(end - start <= page_size() && start / page_size() == (end - 1) / page_size());
	int err = read_in_place(&region->guard->zeros, 0, region, start, end - start, &got);
	return err == -EFAULT ? replace_bytes(region, start, end) : err;
}

/* The file has nothing for these bytes: whole pages give their memory back. */
static int refresh_with_zeros(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	return pages_must_stay(region)
		       ? overwrite_with_zeros(region, start, end)
		       : for_parts(region, start, end, zero_in_place, replace_bytes);
}

/* Pages of a file with holes, when they have just become zeros: their memory is given back. */
static int drop_zeros(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const size_t page = page_size(), n_pages = page_floor(end) / page;
	int err = 0;
	for (size_t first = page_ceil(start) / page, n; first < n_pages && !err; first += n + 1) {
		for (n = 0; first + n < n_pages; n++) {
			if (!bytes_are_zero(
				    (const char *)region_address(region, (first + n) * page), page))
				break;
		}
		if (n > 0)
			err = refill_pages(region, first, n);
	}
	return err;
}

static int refresh_with_data(
	struct uffd_guard_region *region, uint64_t start, uint64_t end, bool is_sparse)
{
	size_t got;
	int err = read_in_place(&region->source, start, region, start, end - start, &got);
	stats_add(&region->guard->stats->bytes_refreshed, got);
	if (err == -EFAULT)
		return replace_bytes(region, start + got, end);
	if (start + got == end)
		return is_sparse && !pages_must_stay(region) ? drop_zeros(region, start, end) : 0;

	uint64_t lost = start + got;
	region_report_failure(region, lost, end, err);
	return refresh_with_zeros(region, lost, end);
}

/* Pages of zeros, and such as are write-protected: whole pages are replaced; bytes of a page that
 * is only partly in the range are written in place, for the rest of it is to stay. */
static int refresh_by_replacing(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	return pages_must_stay(region)
		       ? overwrite_with_file(region, start, end)
		       : for_parts(region, start, end, overwrite_with_file, replace_bytes);
}

/* model: protocol refresh_filled */
static int refresh_filled(
	struct uffd_guard_region *region, uint64_t offset, uint64_t length, bool is_sparse)
{
	/* The range was checked before the lock was taken; the region may have been resized since.
	 * What is direct is up to date by itself. */
	const size_t page = page_size();
	const uint64_t end = min_u64(offset + length, atomic_load(&region->length));
	check(lock_is_held(&region->lock));
	check(offset + length <= region_reserve(region));
	offset = max_u64(offset, region_direct_end(region));
	int err = 0;
	for (uint64_t next; offset < end && !err; offset = next) {
		size_t first = offset / page, n_pages;
		size_t limit = page_ceil(end) / page - first;
		enum presence_kind kind = region_run(region, first, limit, &n_pages);
		next = min_u64((first + n_pages) * page, end);
		/* What is write-protected would count as stored to, if it were written in place. */
		if (kind == PRESENCE_ZERO ||
			(kind == PRESENCE_HELD && region_tracks_stores(region)))
			err = refresh_by_replacing(region, offset, next);
		else if (kind == PRESENCE_HELD)
			err = refresh_with_data(region, offset, next, is_sparse);
	}
	return err;
}

int refresh_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	return refresh_filled(region, offset, length, source_is_sparse(&region->source));
}

int refresh_zeros(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	check(lock_is_held(&region->lock));
	check(offset % page_size() + length <= page_size());
	if (length == 0 || !page_is_present(&region->presence, offset / page_size()))
		return 0;
	return overwrite_with_zeros(region, offset, offset + length);
}

/* ---- Rows ---- */

/* The row behind, while this one is read: a fifth of the time of rows that lie far apart. */
static void prefetch_next(
	const struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	if (n_spans > 1)
		prefetch_for_stores(
			(const void *)region_address(region, spans[1].offset), spans[1].length);
}

/* In *n_done how many spans this has dealt with. */
static int refresh_some(struct uffd_guard_region *region, const struct uffd_guard_span *spans,
	size_t n_spans, bool is_sparse, size_t *n_done)
{
	int err = 0;
	check(lock_is_held(&region->lock));
	*n_done = gather_count(region, spans, n_spans);
	const bool is_read = *n_done > 1 && gather_read(region, spans, *n_done);
	if (*n_done == 1)
		prefetch_next(region, spans, n_spans);
	for (size_t i = 0; i < *n_done && !err; i++) {
		const uint64_t start = spans[i].offset, length = spans[i].length;
		if (!is_read)
			err = refresh_filled(region, start, length, is_sparse);
		else if (is_sparse && !pages_must_stay(region))
			err = drop_zeros(region, start, start + length);
	}
	return err;
}

/* ---- Rows that are shared with the copier ---- */

struct row_reading {
	struct uffd_guard_region *region;
	const struct uffd_guard_span *spans;
	size_t n_spans, n_a_chunk;
};

/* Only what goes well: pages that are there, and bytes that the file has. */
static bool read_row(struct uffd_guard_region *region, const struct uffd_guard_span *span)
{
	const size_t page = page_size(), first = span->offset / page;
	const uint64_t end = span->offset + span->length;
	size_t n_pages, got;
	if (end > atomic_load(&region->length) || span->offset < region_direct_end(region) ||
		region_run(region, first, page_ceil(end) / page - first, &n_pages) !=
			PRESENCE_HELD ||
		(first + n_pages) * page < end)
		return false;
	if (source_read_own(&region->source, NULL, span->offset,
		    (void *)region_address(region, span->offset), span->length, &got) ||
		got < span->length)
		return false;
	stats_add(&region->guard->stats->bytes_refreshed, got);
	return true;
}

static bool read_row_chunk(void *data, size_t chunk, void *tools)
{
	const struct row_reading *reading = data;
	const size_t start = chunk * reading->n_a_chunk;
	const size_t end = min_u64(start + reading->n_a_chunk, reading->n_spans);
	(void)tools;
	for (size_t i = start, n; i < end; i += n) {
		const struct uffd_guard_span *spans = &reading->spans[i];
		n = gather_count(reading->region, spans, end - i);
		if (n > 1 && gather_read(reading->region, spans, n))
			continue;
		n = 1;
		prefetch_next(reading->region, spans, end - i);
		if (!read_row(reading->region, spans))
			return false;
	}
	return true;
}

/* Answers how many spans, from the first on, are done. */
static size_t refresh_shared(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	const size_t n_a_chunk = rows_a_chunk(spans_weight(spans, n_spans, ROW_WEIGHT), n_spans);
	if (n_a_chunk == 0 || source_may_block(&region->source) || region_tracks_stores(region))
		return 0;
	struct row_reading reading = {
		.region = region, .spans = spans, .n_spans = n_spans, .n_a_chunk = n_a_chunk
	};
	const struct chunks chunks = { .work = read_row_chunk,
		.data = &reading,
		.n_chunks = (n_spans + n_a_chunk - 1) / n_a_chunk };
	const size_t n_done = shared_work_do(&region->guard->shared_work, &chunks, NULL);
	return min_u64(n_done * n_a_chunk, n_spans);
}

static int refresh_spans(struct uffd_guard_region *region, const struct uffd_guard_span *spans,
	size_t n_spans, bool is_sparse)
{
	int err = 0;
	/* Where the file has holes, pages may have to go, which the copier may not do. */
	size_t i = is_sparse ? 0 : refresh_shared(region, spans, n_spans);
	for (size_t n; i < n_spans && !err; i += n)
		err = refresh_some(region, spans + i, n_spans - i, is_sparse, &n);
	return err;
}

/* Rows that are many are listed where there is room for them: a list is worth one waking of the
 * copier. Whatever happens, some are listed on the stack. */
int refresh_rows(struct uffd_guard_region *region, struct rows *rows)
{
	struct uffd_guard_span few[MOST_AT_A_TIME], *spans = few;
	const bool is_sparse = source_is_sparse(&region->source);
	struct staging *staging = rows_weight(rows, ROW_WEIGHT) >= ROWS_LEAST_SHARED
					  ? staging_borrow(&region->guard->staging)
					  : NULL;
	size_t most = MOST_AT_A_TIME;
	if (staging) {
		spans = (struct uffd_guard_span *)(void *)staging->memory;
		most = STAGING_SIZE / sizeof(*spans);
	}
	int err = 0;
	for (size_t n_spans; !err && (n_spans = rows_next_few(rows, spans, most)) > 0;)
		err = refresh_spans(region, spans, n_spans, is_sparse);
	if (staging)
		staging_return(&region->guard->staging, staging);
	return err;
}

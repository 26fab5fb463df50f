/* SPDX-License-Identifier: MIT */
/*
 * Bringing content up to date, on the caller's thread: refresh, populate, discard.
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
 */
#include "refresh.h"

#include "eager.h"
#include "fill.h"
#include "guard.h"
#include "probes.h"
#include "region.h"
#include "resident.h"
#include "spans.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

/* ---- Filling on the caller's thread ---- */

static int fill_all(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	struct fill fill = { .region = region, .staging = staging, .asked = FILL_ALL_ASKED };
	uint32_t ticket = epoch_enter(&region->fills);
	int err = fill_pages(&fill, first, n_pages);
	epoch_leave(&region->fills, ticket);
	return err && guard_check(region->guard) ? -EIO : err;
}

/* ---- One range ---- */

/* From now on these count as stored to, and are not protected any more. Eviction is held off. */
static void allow_stores(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	presence_mark_stored(&region->presence, first, n_pages);
	uffd_protect(&region->guard->uffd, region_address(region, first * page_size()),
		n_pages * page_size(), false);
}

/* Take pages away and fill them again at once: who populated them relies on their being there. */
static int replace_pages(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	if (region->guard->is_eager) {
		resident_forget(region, first, n_pages);
		return eager_fill(region, first, n_pages);
	}
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;

	int err = 0;
	const size_t most = STAGING_SIZE / page_size();
	for (size_t end = first + n_pages, n; first < end && !err; first += n) {
		n = min_u64(most, end - first);
		err = resident_drop_for_sure(region, first, n);
		if (!err)
			err = fill_all(region, staging, first, n);
	}
	staging_return(&region->guard->staging, staging);
	return err;
}

static int replace_bytes(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	size_t first = start / page_size();
	return replace_pages(region, first, page_ceil(end) / page_size() - first);
}

static int read_in_place(const struct source *source, uint64_t from,
	struct uffd_guard_region *region, uint64_t to, uint64_t length, size_t *got)
{
	return source_read(source, from, (void *)region_address(region, to), length, got);
}

/* Bytes within one page, written by the kernel: a store of ours would be a signal if the page is
 * write-protected. */
static int zero_in_place(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	size_t got;
	if (start >= end)
		return 0;
	int err = read_in_place(&region->guard->zeros, 0, region, start, end - start, &got);
	return err == -EFAULT ? replace_bytes(region, start, end) : err;
}

/* Where whole pages begin and end in a range; of the region's last page, what is behind the length
 * counts as in it. Without any, both are a border within the range, or its end. */
struct cut {
	uint64_t first, last;
};

static struct cut cut_range(const struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const uint64_t first = page_ceil(start);
	const uint64_t last =
		end == atomic_load(&region->length) ? page_ceil(end) : page_floor(end);
	const uint64_t border = min_u64(first, end);
	return first < last ? (struct cut){ first, last } : (struct cut){ border, border };
}

/* The file has nothing for these bytes: whole pages give their memory back. */
static int refresh_with_zeros(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const struct cut cut = cut_range(region, start, end);
	int err = zero_in_place(region, start, cut.first);
	if (!err && cut.first < cut.last)
		err = replace_bytes(region, cut.first, cut.last);
	return err ? err : zero_in_place(region, cut.last, end);
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
			err = replace_pages(region, first, n);
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
		return is_sparse ? drop_zeros(region, start, end) : 0;

	uint64_t lost = start + got;
	region_report_failure(region, lost, end, err);
	return refresh_with_zeros(region, lost, end);
}

/* What is written in place gets memory of its own, and counts as stored to: the kernel would be
 * refused a page that is protected. */
static int make_writable(struct uffd_guard_region *region, size_t page)
{
	if (!page_is_held(&region->presence, page)) {
		int err = budget_make_room(region, 1, false);
		if (err)
			return err;
		resident_add(region, presence_fill(&region->presence, page, 1, PRESENCE_HELD));
		budget_note(region, page, 1, false);
	}
	if (region->is_tracked)
		allow_stores(region, page, 1);
	return 0;
}

/* Of one page. */
static int refresh_part(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	int err = start < end ? make_writable(region, start / page_size()) : 0;
	if (err == -ENOMEM) { /* EAGER, beyond the budget */
		region_report_failure(region, start, end, err);
		return 0;
	}
	return !err && start < end ? refresh_with_data(region, start, end, false) : err;
}

/* Whole pages are replaced; bytes of a page that is only partly in the range are written in place,
 * for the rest of it is to stay. */
static int refresh_by_replacing(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const struct cut cut = cut_range(region, start, end);
	int err = refresh_part(region, start, cut.first);
	if (!err && cut.first < cut.last)
		err = replace_bytes(region, cut.first, cut.last);
	return err ? err : refresh_part(region, cut.last, end);
}

static int refresh_filled(
	struct uffd_guard_region *region, uint64_t offset, uint64_t length, bool is_sparse)
{
	/* The range was checked before the lock was taken; the region may have been resized since.
	 * What is direct is up to date by itself. */
	const size_t page = page_size();
	const uint64_t end = min_u64(offset + length, atomic_load(&region->length));
	offset = max_u64(offset, region_direct_end(region));
	int err = 0;
	for (uint64_t next; offset < end && !err; offset = next) {
		size_t first = offset / page, n_pages;
		size_t limit = page_ceil(end) / page - first;
		enum presence_kind kind = region_run(region, first, limit, &n_pages);
		next = min_u64((first + n_pages) * page, end);
		/* What is write-protected would count as stored to, if it were written in place. */
		if (kind == PRESENCE_ZERO || (kind == PRESENCE_HELD && region->is_tracked))
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
	if (!page_is_present(&region->presence, offset / page_size()))
		return 0;
	if (region->is_tracked)
		allow_stores(region, offset / page_size(), 1);
	return zero_in_place(region, offset, offset + length);
}

/* ---- refresh ---- */

int uffd_guard_refresh(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	const struct uffd_guard_span span = { .offset = offset, .length = length };
	return uffd_guard_refresh_spans(region, &span, 1);
}

/*
 * Spans that lie near each other, like the rows of a damaged rectangle: a system call for each
 * costs more than reading what is between them as well, into a buffer that nobody looks at.
 */
#define MOST_BETWEEN 4096
#define MOST_NEAR    64

/* How many spans, from the first on, can be read in one go and in place. */
static size_t count_near(
	const struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	const size_t page = page_size(), first = spans[0].offset / page;
	const struct uffd_guard_span *last = &spans[min_u64(n_spans, MOST_NEAR) - 1];
	const uint64_t end = min_u64(last->offset + last->length, atomic_load(&region->length));
	if (n_spans < 2 || region->is_tracked || region->source.slow || spans[0].offset >= end ||
		spans[0].offset < region_direct_end(region))
		return 1;

	size_t n_pages;
	if (region_run(region, first, page_ceil(end) / page - first, &n_pages) != PRESENCE_HELD)
		return 1;
	const size_t n = spans_count_near(
		spans, n_spans, MOST_BETWEEN, min_u64(end, (first + n_pages) * page), MOST_NEAR);
	return max_u64(n, 1);
}

/* False: not all could be read like that. */
static bool read_near(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	char between[MOST_BETWEEN];
	struct iovec parts[2 * MOST_NEAR];
	uint64_t at = spans[0].offset, length = 0;
	int n_parts = 0;
	for (size_t i = 0; i < n_spans; i++) {
		const uint64_t gap = spans[i].offset - at;
		if (gap > 0)
			parts[n_parts++] = (struct iovec){ between, gap };
		parts[n_parts++] = (struct iovec){ (void *)region_address(region, spans[i].offset),
			spans[i].length };
		at = spans[i].offset + spans[i].length;
		length += spans[i].length;
	}
	if (!source_read_parts(&region->source, spans[0].offset, parts, n_parts))
		return false;
	stats_add(&region->guard->stats->bytes_refreshed, length);
	return true;
}

/* In *n_done how many spans this has dealt with. */
static int refresh_some(struct uffd_guard_region *region, const struct uffd_guard_span *spans,
	size_t n_spans, bool is_sparse, size_t *n_done)
{
	int err = 0;
	*n_done = count_near(region, spans, n_spans);
	const bool is_read = *n_done > 1 && read_near(region, spans, *n_done);
	for (size_t i = 0; i < *n_done && !err; i++) {
		const uint64_t start = spans[i].offset, length = spans[i].length;
		if (!is_read)
			err = refresh_filled(region, start, length, is_sparse);
		else if (is_sparse)
			err = drop_zeros(region, start, start + length);
	}
	return err;
}

static int refresh_merged(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	int err = 0;
	pthread_mutex_lock(&region->lock);
	source_begin_call(&region->source);
	budget_hold_off(region);
	epoch_synchronize(&region->fills);
	const bool is_sparse = n_spans > 0 && source_is_sparse(&region->source);
	for (size_t i = 0, n; i < n_spans && !err; i += n)
		err = refresh_some(region, spans + i, n_spans - i, is_sparse, &n);
	budget_go_on(region);
	source_end_call(&region->source);
	pthread_mutex_unlock(&region->lock);
	return err;
}

#define SPANS_ON_STACK 64

int uffd_guard_refresh_spans(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	int err = region_check_range(region, 0, 0);
	if (!err && n_spans > 0 && !spans)
		err = -EINVAL;
	for (size_t i = 0; i < n_spans && !err; i++)
		err = region_check_range(region, spans[i].offset, spans[i].length);
	if (err)
		return err;

	struct uffd_guard_span few[SPANS_ON_STACK], *merged = few;
	if (n_spans > SPANS_ON_STACK)
		merged = calloc(n_spans, sizeof(*merged));
	if (!merged)
		return -ENOMEM;
	for (size_t i = 0; i < n_spans; i++)
		merged[i] = spans[i];

	const size_t n_merged = spans_merge(merged, n_spans);
	PROBE_REFRESH_BEGIN(region, merged, n_merged);
	err = refresh_merged(region, merged, n_merged);
	PROBE_REFRESH_END(region, err);
	if (merged != few)
		free(merged);
	return err;
}

/* ---- populate ---- */

/* They would get EFAULT from pages that are protected. */
static void let_system_calls_store(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	pthread_mutex_lock(&region->lock);
	budget_hold_off(region);
	allow_stores(region, first, n_pages);
	budget_go_on(region);
	pthread_mutex_unlock(&region->lock);
}

int uffd_guard_populate(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	int err = region_check_range(region, offset, length);
	if (err || length == 0 || region->guard->is_eager)
		return err;
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;

	source_begin_call(&region->source);
	/* A grace period for each piece: who waits for us waits no longer than for a fault. */
	const size_t page = page_size(), most = STAGING_SIZE / page;
	const size_t end = page_ceil(offset + length) / page;
	const size_t begin = max_u64(offset, region_direct_end(region)) / page;
	for (size_t first = begin, n; first < end && !err; first += n) {
		n = min_u64(most, end - first);
		err = fill_all(region, staging, first, n);
	}
	source_end_call(&region->source);
	staging_return(&region->guard->staging, staging);
	if (!err && region->is_tracked && !region->guard->uffd.kernel_faults)
		let_system_calls_store(region, begin, end - min_u64(begin, end));
	return err;
}

/* ---- discard ---- */

static int discard_pages(struct uffd_guard_region *region, size_t first, size_t end)
{
	/* Of what is direct, only copies go that stores have made. */
	const size_t n_direct = region_direct_end(region) / page_size();
	const size_t split = region->guard->is_eager ? min_u64(max_u64(first, n_direct), end) : end;
	int err = first < split ? resident_drop_for_sure(region, first, split - first) : 0;
	return !err && split < end ? replace_pages(region, split, end - split) : err;
}

static int discard_range(struct uffd_guard_region *region, uint64_t offset, uint64_t end)
{
	end = min_u64(end, atomic_load(&region->length));
	if (offset >= end)
		return 0;
	const struct cut cut = cut_range(region, offset, end);
	int err = refresh_range(region, offset, cut.first - offset);
	if (!err && cut.first < cut.last)
		err = discard_pages(region, cut.first / page_size(), cut.last / page_size());
	return !err && cut.last < end ? refresh_range(region, cut.last, end - cut.last) : err;
}

int uffd_guard_discard(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	int err = region_check_range(region, offset, length);
	if (err || length == 0)
		return err;

	pthread_mutex_lock(&region->lock);
	source_begin_call(&region->source);
	budget_hold_off(region);
	epoch_synchronize(&region->fills);
	err = discard_range(region, offset, offset + length);
	budget_go_on(region);
	source_end_call(&region->source);
	pthread_mutex_unlock(&region->lock);
	return err;
}

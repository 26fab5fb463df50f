/* SPDX-License-Identifier: MIT */
/*
 * Making pages of a file's bytes: read, tell data from zeros, report what is lost, install. On the
 * handler's thread for a fault, on the caller's for populate and refresh; the same for both.
 *
 * Only bytes that were read count. The file's size is never asked for, since it may be another by
 * the time of the read. A page of zeros becomes the shared page of zeros, be it a hole or data: a
 * hole costs no memory here, and reading one none in the client's file.
 */
#include "pages/fill.h"
#include "base/check.h"
#include "base/watch.h"

#include "pages/evict.h"
#include "pages/install.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/probes.h"
#include "state/region.h"

#include "pages/window.h"

#include <errno.h>
#include <string.h>

/* What was read in one go, on its way into pages. */
struct piece {
	struct fill *fill;
	bool is_movable; /* it may go in as one huge page */
	bool is_spent;	 /* the staging was given back: what was read is gone */
};

static bool is_the_asked(const struct fill *fill, size_t first, size_t end)
{
	return fill->asked == ASKED_PAGE && fill->page >= first && fill->page < end;
}

static bool is_asked(const struct fill *fill, size_t first, size_t end)
{
	return fill->asked == ASKED_ALL || is_the_asked(fill, first, end);
}

static void note_filled(struct fill *fill, size_t first, size_t end)
{
	PROBE_FILL(fill->region, first * page_size(), (end - first) * page_size());
	const bool goes_on = fill->asked_end > 0 && fill->asked_end == first;
	if (is_the_asked(fill, first, end) || goes_on)
		fill->asked_end = end;
}

/* Even a page of zeros may need a page table. The handler has one thing to give up for it: the huge
 * page of its staging. What that held is lost. */
static bool give_staging_back(struct piece *piece)
{
	const struct fill *fill = piece->fill;
	if (!fill->is_handler || !fill->staging || piece->is_spent)
		return false;
	piece->is_spent = true;
	return staging_give_back(fill->staging) == 0;
}

static int put_zeros(struct piece *piece, size_t first, size_t n_pages)
{
	struct fill *fill = piece->fill;
	struct uffd_guard_region *region = fill->region;
	size_t page = page_size(), done;
	int err = install_zeros(
		region->guard, region_address(region, first * page), n_pages * page, &done);
	if (err == -ENOMEM && is_asked(fill, first + done / page, first + n_pages) &&
		give_staging_back(piece))
		err = install_zeros(
			region->guard, region_address(region, first * page), n_pages * page, &done);

	size_t end = first + done / page;
	presence_fill(&region->presence, first, done / page, PRESENCE_ZERO);
	stats_add(&region->guard->stats->pages_zeroed, done / page);
	note_filled(fill, first, end);
	return err == -ENOENT || !is_asked(fill, end, first + n_pages) ? 0 : err;
}

/* No page could be made for data: whoever waits gets zeros, and hears of it; the others may try
 * again later. */
static int put_zeros_for_lost(struct piece *piece, size_t first, size_t end, int err)
{
	const struct fill *fill = piece->fill;
	if (!is_asked(fill, first, end))
		return 0;
	if (fill->asked == ASKED_PAGE) {
		first = fill->page;
		end = first + 1;
	}
	region_report_failure(fill->region, first * page_size(), end * page_size(), err);
	return put_zeros(piece, first, end - first);
}

/* model: direct put, protocol put */
static int put_copies(struct piece *piece, size_t first, const char *bytes, size_t n_pages)
{
	struct fill *fill = piece->fill;
	struct uffd_guard_region *region = fill->region;
	struct stats *stats = region->guard->stats;
	size_t page = page_size(), done = 0;
	int err = evict_reserve(region, n_pages);
	const size_t n_charged = err ? 0 : n_pages;
	if (!err)
		err = install_copy(region->guard, region_address(region, first * page), bytes,
			n_pages * page, region_tracks_stores(region), &done);

	size_t end = first + done / page;
	resident_note_held(region, first, done / page, n_charged);
	stats_add(&stats->pages_copied, done / page);
	note_filled(fill, first, end);
	return err && err != -ENOENT ? put_zeros_for_lost(piece, end, first + n_pages, err) : 0;
}

/* How many pages from @bytes on are all zeros, or all are not, as the first one. */
static size_t count_alike(const char *bytes, size_t n_pages, bool *is_zero)
{
	size_t page = page_size(), n = 1;
	*is_zero = bytes_are_zero(bytes, page);
	while (n < n_pages && bytes_are_zero(bytes + n * page, page) == *is_zero)
		n++;
	return n;
}

static int put_bytes(struct piece *piece, size_t first, const char *bytes, size_t n_pages)
{
	int err = 0;
	while (n_pages > 0 && !err && !piece->is_spent) {
		bool is_zero;
		size_t n = count_alike(bytes, n_pages, &is_zero);
		err = is_zero ? put_zeros(piece, first, n) : put_copies(piece, first, bytes, n);
		bytes += n * page_size();
		first += n;
		n_pages -= n;
	}
	return err;
}

/* A piece as large as a huge page, where one fits in. */
static bool may_move(const struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	return n_pages * page_size() == STAGING_SIZE && !region_tracks_stores(region) &&
	       region_address(region, first * page_size()) % STAGING_SIZE == 0 &&
	       atomic_load_explicit(&region->guard->can_move, memory_order_relaxed);
}

/* Whether staging is a huge page for it. */
static bool prepare_staging(const struct fill *fill, size_t first, size_t n_pages)
{
	const struct uffd_guard_region *region = fill->region;
	struct spares *spares = region_is_bounded(region) ? NULL : &region->guard->spares;
	return staging_prepare(
		fill->staging, &region->source.file, spares, may_move(region, first, n_pages));
}

/* Whether no page is all zeros: such a page may be a hole, which must cost no memory. */
static bool is_data(const struct fill *fill, size_t n_pages)
{
	bool is_zero;
	return count_alike(fill->staging->memory, n_pages, &is_zero) == n_pages && !is_zero;
}

/* Move all of the staging, which is one huge page; copy the part that does not move. */
static int put_huge(struct piece *piece, size_t first, size_t n_pages)
{
	struct fill *fill = piece->fill;
	struct uffd_guard_region *region = fill->region;
	const uintptr_t address = region_address(region, first * page_size());
	if (evict_reserve(region, n_pages))
		return put_bytes(piece, first, fill->staging->memory, n_pages);
	const size_t done = install_huge(region->guard, address, fill->staging->memory),
		     n = done / page_size();

	resident_note_held(region, first, n, n_pages);
	if (n == n_pages)
		presence_note_huge(&region->presence, first);
	stats_add(&region->guard->stats->pages_moved, n);
	stats_add(&region->guard->stats->pages_reused, fill->staging->is_spare ? n : 0);
	note_filled(fill, first, first + n);
	int err = n < n_pages
			  ? put_bytes(piece, first + n, fill->staging->memory + done, n_pages - n)
			  : 0;
	if (n > 0)
		staging_note_moved(fill->staging);
	return err;
}

/* Behind the file's end zeros are cheap, and more are filled than was read: absent pages behind
 * @end. */
static size_t count_more_zeros(const struct fill *fill, size_t end, size_t n_read)
{
	const struct uffd_guard_region *region = fill->region;
	size_t n_pages = page_ceil(atomic_load(&region->length)) / page_size();
	if (fill->asked == ASKED_ALL || end >= n_pages)
		return 0;
	return presence_count_absent(
		&region->presence, end, min_u64(window_of_zeros(n_read) - n_read, n_pages - end));
}

/* The file ended (or failed) at byte @at of the region, before the end of the pages. */
static int put_lost(struct piece *piece, uint64_t at, size_t end, int err)
{
	struct fill *fill = piece->fill;
	size_t first = page_ceil(at) / page_size();
	if (!err)
		end += count_more_zeros(fill, end, end - at / page_size());
	region_report_failure(fill->region, at, end * page_size(), err);
	return first < end ? put_zeros(piece, first, end - first) : 0;
}

/* Pages from @first on that may be read in one go: what staging holds and the budget bears, and not
 * across the border of a huge page. */
static size_t count_in_piece(const struct uffd_guard_region *region, size_t first)
{
	uintptr_t address = region_address(region, first * page_size());
	return evict_limit(region, (STAGING_SIZE - address % STAGING_SIZE) / page_size());
}

static int put_piece(struct piece *piece, size_t first, size_t n_pages, char *bytes, size_t wanted,
	size_t got, int err)
{
	struct fill *fill = piece->fill;
	const size_t page = page_size();
	const uint64_t start = first * page;
	const bool is_lossy = got < wanted;
	check(got <= wanted && got <= n_pages * page);

	stats_add(&fill->region->guard->stats->bytes_read, got);
	/* What an earlier fill left in the buffer is another client's. */
	if (got % page)
		memset(bytes + got, 0, page_ceil(got) - got);

	const size_t n_whole = got / page; /* pages before the first lost byte */
	if (is_lossy && !is_asked(fill, first + n_whole, first + n_pages))
		return put_bytes(piece, first, bytes, n_whole);

	/* Report before anybody can read the zeros. */
	const size_t n_data = page_ceil(got) / page;
	if (is_lossy) {
		int lost_err = put_lost(piece, start + got, first + n_pages, err);
		int data_err = put_bytes(piece, first, bytes, n_data);
		return lost_err ? lost_err : data_err;
	}
	if (piece->is_movable && n_data == n_pages && is_data(fill, n_data))
		return put_huge(piece, first, n_data);
	err = put_bytes(piece, first, bytes, n_data);
	return err || n_data == n_pages ? err : put_zeros(piece, first + n_data, n_pages - n_data);
}

int fill_with(struct fill *fill, size_t first, size_t n_pages, char *bytes, size_t wanted,
	size_t got, int err)
{
	struct piece piece = { .fill = fill };
	return put_piece(&piece, first, n_pages, bytes, wanted, got, err);
}

/* Where the file fails, only that page is lost; the next may be readable. Not so if it is late. */
static size_t count_failed(size_t got, int err, size_t n_pages)
{
	return err && err != -ETIMEDOUT ? min_u64(got / page_size() + 1, n_pages) : n_pages;
}

#define LOOKED_AT ((size_t)64 << 10) /* to read less costs little more than to look */

/* Memory that a client has made and not written to, as for a screenshot. Where all is asked for, a
 * caller waits, who may look at the file. */
static bool is_all_hole(const struct fill *fill, size_t n_pages, uint64_t end)
{
	return fill->asked == ASKED_ALL && n_pages * page_size() >= LOOKED_AT &&
	       source_is_all_hole(&fill->region->source, end);
}

static int fill_hole(struct fill *fill, size_t first, size_t n_pages)
{
	struct piece piece = { .fill = fill };
	return put_zeros(&piece, first, n_pages);
}

/* A scanner of files was met that does not answer. The handler asks no other, also while another
 * thread stands in for it: a caller will read past them (calls/scanners.c). */
static bool must_not_ask(const struct fill *fill)
{
	const struct uffd_guard_region *region = fill->region;
	return fill->is_handler && source_may_be_scanned(&region->source) &&
	       atomic_load(&region->guard->has_met_scanner);
}

static struct watch *watch_for(const struct fill *fill)
{
	return source_may_be_scanned(&fill->region->source) ? fill->watch : NULL;
}

/* Absent pages, no more than fit into staging. In *n_pages how many this has dealt with;
 * *has_failed: the file could not be read. */
/* model: direct read_file, protocol read_file */
static int fill_run(struct fill *fill, size_t first, size_t *n_pages, bool *has_failed)
{
	struct uffd_guard_region *region = fill->region;
	const uint64_t start = first * page_size();
	const uint64_t length = max_u64(atomic_load(&region->length), start);
	const bool is_untold = must_not_ask(fill);
	*n_pages = is_untold ? 1 : *n_pages;
	const uint64_t end = min_u64(start + *n_pages * page_size(), length);

	*has_failed = is_untold;
	if (is_untold)
		return fill_with(fill, first, 1, NULL, end - start, 0, -ETIMEDOUT);
	if (is_all_hole(fill, *n_pages, end))
		return fill_hole(fill, first, *n_pages);

	size_t got;
	struct piece piece = { .fill = fill, .is_movable = prepare_staging(fill, first, *n_pages) };
	const size_t wanted = end - start;
	int err = source_read_own(
		&region->source, watch_for(fill), start, fill->staging->memory, wanted, &got);
	if (err == WATCH_ERR_TAKEN)
		return err;
	if (err == -EFAULT)
		err = -ENOMEM; /* it is the staging that the kernel has no page for */
	*has_failed = err != 0;
	*n_pages = count_failed(got, err, *n_pages);
	return put_piece(&piece, first, *n_pages, fill->staging->memory, wanted, got, err);
}

int fill_pages(struct fill *fill, size_t first, size_t n_pages)
{
	struct uffd_guard_region *region = fill->region;
	fill->asked_end = 0;
	check(epoch_is_entered(&region->fills));

	int err = 0;
	bool has_failed;
	for (size_t end = first + n_pages, n; first < end && !err; first += n) {
		n = 1;
		if (fill->is_gone) {
			n = end - first;
		} else if (!is_the_asked(fill, first, first + 1)) {
			if (presence_run(&region->presence, first, end - first, &n) !=
				PRESENCE_ABSENT)
				continue;
		} else if (first + 1 < end) {
			n += presence_count_absent(&region->presence, first + 1, end - first - 1);
		}
		n = min_u64(n, count_in_piece(region, first));
		err = fill_run(fill, first, &n, &has_failed);
		if (has_failed && !is_asked(fill, first + n, end))
			break; /* nothing is read ahead of need then */
	}
	return err;
}

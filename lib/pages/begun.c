/* SPDX-License-Identifier: MIT */
/*
 * What uffd_guard_begin() hands to the copier: marks, brought over a little at a time. Each time it
 * takes region->lock, some marked bytes off the set, and brings these over as ensure would: after
 * fills under way have ended (P5), by one read into the pages that are there. So the rules of
 * ensure hold: marks that were taken count until they are settled, and a mark that comes meanwhile
 * is in the set and is brought over again.
 *
 * It tries the lock, and never waits for it; callers that want it come first. So whoever ensures
 * waits for no more than the quarter of a mebibyte that is just being read, and does the rest
 * itself, shared with the copier where it is much.
 *
 * Only what goes well is done here. Where the file is short, a page of zeros is to become data, or
 * the program has withdrawn a page, the bytes are marked again and left to ensure, which reports
 * what is lost. Nobody waits for the result, so nothing is filled either that would be lost.
 *
 * A region is in the list from begin until as many bytes were brought over as were marked then, or
 * until it is unmapped. The copier takes the region's lock while it holds the list's; who unmaps
 * takes the region off the list and then its lock once, and the copier does not look at a region
 * after it has given its lock back.
 */
#include "pages/begun.h"

#include "base/lock.h"
#include "base/marks.h"
#include "base/rows.h"
#include "pages/change.h"
#include "pages/fill.h"
#include "pages/gather.h"
#include "state/guard.h"
#include "state/region.h"

#include <sys/uio.h>

/* ---- The list ---- */

void begun_init(struct begun_regions *begun)
{
	lock_init_as(&begun->lock, PTHREAD_PRIO_INHERIT);
}

void begun_finish(struct begun_regions *begun)
{
	pthread_mutex_destroy(&begun->lock);
}

static void append(struct begun_regions *begun, struct uffd_guard_region *region)
{
	region->begun.behind = NULL;
	region->begun.before = begun->last;
	if (begun->last)
		begun->last->begun.behind = region;
	else
		begun->first = region;
	begun->last = region;
}

static void take_off(struct begun_regions *begun, struct uffd_guard_region *region)
{
	struct uffd_guard_region *before = region->begun.before, *behind = region->begun.behind;
	if (before)
		before->begun.behind = behind;
	else
		begun->first = behind;
	if (behind)
		behind->begun.before = before;
	else
		begun->last = before;
}

void begun_add(struct uffd_guard_region *region, uint64_t n_bytes)
{
	struct begun_regions *begun = &region->guard->begun;
	lock_take(&begun->lock);
	if (region->begun.n_left == 0)
		append(begun, region);
	region->begun.n_left = n_bytes;
	region->begun.is_renewed = true;
	lock_give(&begun->lock);
}

/* model: begin forget */
void begun_forget(struct uffd_guard_region *region)
{
	struct begun_regions *begun = &region->guard->begun;
	lock_take(&begun->lock);
	if (region->begun.n_left > 0)
		take_off(begun, region);
	region->begun.n_left = 0;
	lock_give(&begun->lock);
	lock_take(&region->lock); /* the copier may be at work on it */
	lock_give(&region->lock);
}

/* The first of the list, with its lock; or NULL, and it is the last now. */
static struct uffd_guard_region *begin_some(struct begun_regions *begun, bool *is_empty)
{
	lock_take(&begun->lock);
	struct uffd_guard_region *region = begun->first;
	*is_empty = !region;
	if (region && !change_try_begin(region)) {
		take_off(begun, region);
		append(begun, region);
		region = NULL;
	} else if (region) {
		region->begun.is_renewed = false;
	}
	lock_give(&begun->lock);
	return region;
}

/* What was begun again meanwhile was perhaps marked after the bytes of it were brought over. */
static void end_some(struct begun_regions *begun, struct uffd_guard_region *region, uint64_t n_done)
{
	lock_take(&begun->lock);
	if (region->begun.n_left > 0 && !region->begun.is_renewed) {
		region->begun.n_left -= min_u64(n_done, region->begun.n_left);
		if (region->begun.n_left == 0)
			take_off(begun, region);
	}
	lock_give(&begun->lock);
	change_end(region);
}

/* ---- Bringing over ---- */

/* Pages that are there, in place. */
static bool read_held(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const struct iovec part = { (void *)region_address(region, start), end - start };
	if (!source_read_parts(&region->source, start, &part, 1))
		return false;
	stats_add(&region->guard->stats->bytes_refreshed, end - start);
	return true;
}

/* Pages that are absent need not be brought over; but whoever marks them is about to look. */
static void fill_absent(
	struct uffd_guard_region *region, struct staging *staging, size_t first, size_t n_pages)
{
	struct fill fill = { .region = region, .staging = staging, .asked = ASKED_NONE };
	if (region_is_bounded(region))
		return;
	const uint32_t ticket = epoch_enter(&region->fills);
	fill_pages(&fill, first, n_pages);
	epoch_leave(&region->fills, ticket);
}

static bool bring_span(struct uffd_guard_region *region, struct staging *staging,
	const struct uffd_guard_span *span)
{
	const size_t page = page_size();
	const uint64_t end = min_u64(span->offset + span->length, atomic_load(&region->length));
	uint64_t at = max_u64(span->offset, region_direct_end(region));
	bool is_done = true;
	for (uint64_t next; at < end && is_done; at = next) {
		const size_t first = at / page;
		size_t n_pages;
		const enum presence_kind kind =
			region_run(region, first, page_ceil(end) / page - first, &n_pages);
		next = min_u64((first + n_pages) * page, end);
		if (kind == PRESENCE_ABSENT)
			fill_absent(region, staging, first, n_pages);
		else
			is_done = kind == PRESENCE_HELD && read_held(region, at, next);
	}
	return is_done;
}

#define MOST_SPANS 64

static bool bring_rows(struct uffd_guard_region *region, struct staging *staging, struct rows *rows)
{
	struct uffd_guard_span spans[MOST_SPANS];
	bool is_done = true;
	for (size_t n_spans; is_done && (n_spans = rows_next_few(rows, spans, MOST_SPANS)) > 0;) {
		for (size_t i = 0, n; i < n_spans && is_done; i += n) {
			n = gather_count(region, spans + i, n_spans - i);
			if (n > 1 && gather_read(region, spans + i, n))
				continue;
			n = 1;
			is_done = bring_span(region, staging, &spans[i]);
		}
	}
	return is_done;
}

/* Answers how many bytes it has dealt with: all there are, if no more can be done here. */
static uint64_t bring_locked(struct uffd_guard_region *region, struct staging *staging)
{
	struct marks_taken taken;
	struct row_cursor cursor;
	struct rows rows;
	marks_take_some(atomic_load(&region->marks), &taken);
	epoch_synchronize(&region->fills);
	rows_of_rects(&rows, &cursor, taken.rects, taken.n);
	const bool is_done = bring_rows(region, staging, &rows);
	marks_settle(&taken, is_done);
	return is_done && taken.n > 0 ? taken.rects[0].width * taken.rects[0].height : UINT64_MAX;
}

/* model: begin bring_some */
enum begun_result begun_bring_some(struct uffd_guard *guard, struct staging *staging)
{
	bool is_empty;
	struct uffd_guard_region *region = begin_some(&guard->begun, &is_empty);
	if (!region)
		return is_empty ? BEGUN_NONE : BEGUN_BUSY;
	end_some(&guard->begun, region, bring_locked(region, staging));
	return BEGUN_SOME;
}

/* SPDX-License-Identifier: MIT */
/*
 * refresh and update: ranges or rectangles, in order and joined where they overlap, brought up to
 * date; update fills absent pages besides. Marks that lie in the ranges are taken off.
 */
#include "calls/update.h"

#include "base/cancel.h"
#include "base/marks.h"
#include "base/page.h"
#include "base/rows.h"
#include "calls/populate.h"
#include "calls/refresh.h"
#include "calls/scanners.h"
#include "daemon/copier.h"
#include "pages/change.h"
#include "pages/direct.h"
#include "state/guard.h"
#include "state/probes.h"
#include "state/refuse.h"
#include "state/region.h"

#include <errno.h>
#include <stdlib.h>

#define RECTS_ON_STACK 64

/* ---- What is asked for ---- */

int rects_check(
	const struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects)
{
	int err = region_check_range(region, 0, 0);
	if (!err && n_rects > 0 && !rects)
		err = refuse(region->guard, -EINVAL, "rects is NULL");
	for (size_t i = 0; i < n_rects && !err; i++) {
		uint64_t end;
		if (!rect_end(&rects[i], &end) || end > atomic_load(&region->length))
			err = refuse(region->guard, -ERANGE,
				"a rectangle's offset, stride, width and height are not inside the "
				"region");
	}
	return err;
}

/* What covers them all: no more bytes are copied than these. */
static struct uffd_guard_span cover(const struct uffd_guard_rect *rects, size_t n_rects)
{
	uint64_t start = UINT64_MAX, last = 0;
	for (size_t i = 0; i < n_rects; i++) {
		uint64_t end;
		rect_end(&rects[i], &end);
		start = min_u64(start, rects[i].offset);
		last = max_u64(last, end);
	}
	return (struct uffd_guard_span){ start, last > start ? last - start : 0 };
}

/* Of a single range the parts of marks that lie in it; of many rectangles the marks that lie wholly
 * in one. The others stay, and are brought over once more. */
static void take_marks(struct uffd_guard_region *region, const struct uffd_guard_rect *rects,
	size_t n_rects, struct marks_taken *taken)
{
	struct marks *marks = atomic_load(&region->marks);
	if (n_rects == 1 && rects[0].height == 1)
		marks_take(marks, rects[0].offset, rects[0].offset + rects[0].width, taken);
	else
		marks_take_covered(marks, rects, n_rects, taken);
}

/* ---- Bringing over ---- */

/* model: direct refresh, protocol refresh */
static int bring_over_locked(struct uffd_guard_region *region, const struct uffd_guard_rect *rects,
	size_t n_rects, struct row_cursor *cursors, bool shall_fill)
{
	struct marks_taken taken;
	struct rows rows;
	direct_settle(region);
	take_marks(region, rects, n_rects, &taken);
	epoch_synchronize(&region->fills);
	rows_of_rects(&rows, cursors, rects, n_rects);
	int err = refresh_rows(region, &rows);
	if (!err && shall_fill) {
		rows_of_rects(&rows, cursors, rects, n_rects);
		err = populate_rows(region, &rows);
	}
	marks_settle(&taken, !err);
	return err;
}

static int bring_over(struct uffd_guard_region *region, const struct uffd_guard_rect *rects,
	size_t n_rects, bool shall_fill)
{
	int err = rects_check(region, rects, n_rects);
	if (!err && n_rects > 0)
		err = region_check_source(region);
	if (err || n_rects == 0)
		return err;
	struct row_cursor few[RECTS_ON_STACK], *cursors = few;
	if (n_rects > RECTS_ON_STACK)
		cursors = calloc(n_rects, sizeof(*cursors));
	if (!cursors)
		return -ENOMEM;

	const struct uffd_guard_span all = cover(rects, n_rects);
	scanners_pass(region);
	copier_expect(region->guard, all.length);
	PROBE_REFRESH_BEGIN(region, all.offset, all.length);
	change_begin(region);
	err = bring_over_locked(region, rects, n_rects, cursors, shall_fill);
	change_end(region);
	PROBE_REFRESH_END(region, err);
	if (cursors != few)
		free(cursors);
	return err;
}

static int bring_over_range(
	struct uffd_guard_region *region, uint64_t offset, uint64_t length, bool shall_fill)
{
	const struct uffd_guard_rect rect = rect_of_range(offset, length);
	int err = region_check_range(region, offset, length); /* before the sum is made */
	return err ? err : bring_over(region, &rect, 1, shall_fill);
}

/* ---- The calls ---- */

int uffd_guard_refresh(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	UNCANCELLED;
	return bring_over_range(region, offset, length, false);
}

int uffd_guard_refresh_spans(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	UNCANCELLED;
	int err = region_check_range(region, 0, 0);
	if (!err && n_spans > 0 && !spans)
		err = refuse(region->guard, -EINVAL, "uffd_guard_refresh_spans: spans is NULL");
	if (err)
		return err;
	struct uffd_guard_rect few[RECTS_ON_STACK], *rects = few;
	if (n_spans > RECTS_ON_STACK)
		rects = calloc(n_spans, sizeof(*rects));
	if (!rects)
		return -ENOMEM;
	for (size_t i = 0; i < n_spans && !err; i++) {
		err = region_check_range(region, spans[i].offset, spans[i].length);
		rects[i] = rect_of_range(spans[i].offset, spans[i].length);
	}
	if (!err)
		err = bring_over(region, rects, n_spans, false);
	if (rects != few)
		free(rects);
	return err;
}

int uffd_guard_refresh_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects)
{
	UNCANCELLED;
	return bring_over(region, rects, n_rects, false);
}

int uffd_guard_update(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	UNCANCELLED;
	return bring_over_range(region, offset, length, true);
}

int uffd_guard_update_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects)
{
	UNCANCELLED;
	return bring_over(region, rects, n_rects, true);
}

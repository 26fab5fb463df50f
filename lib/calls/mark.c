/* SPDX-License-Identifier: MIT */
/*
 * update in steps, for a server that learns of changes long before it looks, or never looks: mark
 * notes the rectangles, ensure brings over the noted bytes of its range.
 *
 * begin lets the guard's copier bring over what is noted meanwhile, a little at a time, each with
 * region->lock: pages/begun.c. Ensure gets the lock next, and does what is left.
 *
 * Where nothing is noted and all pages are there, ensure reads a few words of memory and makes no
 * system call. What another thread has taken off the notes and not brought over yet counts as
 * noted: ensure waits for it by taking region->lock.
 */
#include "base/cancel.h"
#include "base/lock.h"
#include "base/marks.h"
#include "base/page.h"
#include "base/rows.h"
#include "calls/populate.h"
#include "calls/refresh.h"
#include "calls/scanners.h"
#include "calls/update.h"
#include "daemon/copier.h"
#include "pages/begun.h"
#include "pages/change.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

/* ---- mark ---- */

/* A region gets its set of marks with the first of them; it keeps it. */
static struct marks *marks_of(struct uffd_guard_region *region)
{
	struct marks *marks = atomic_load(&region->marks);
	if (marks)
		return marks;
	struct marks *fresh = marks_create();
	if (fresh && !atomic_compare_exchange_strong(&region->marks, &marks, fresh)) {
		marks_destroy(fresh); /* another thread was first */
		return marks;
	}
	return fresh;
}

/* model: begin mark */
int uffd_guard_mark_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects)
{
	UNCANCELLED;
	int err = rects_check(region, rects, n_rects);
	/* What is the file itself is never old. */
	if (err || n_rects == 0 || region_direct_end(region) >= atomic_load(&region->length))
		return err;
	struct marks *marks = marks_of(region);
	if (!marks)
		return -ENOMEM;
	for (size_t i = 0; i < n_rects; i++)
		marks_add(marks, &rects[i]);
	return 0;
}

/* ---- begin ---- */

/* Less is brought over sooner than another thread is awake. */
#define BEGIN_LEAST ((uint64_t)128 << 10)

/* Left to ensure: what may wait for the client or for a scanner of files, since unmap would wait
 * for the copier then; and what is not done by writing in place. */
static bool can_be_begun(const struct uffd_guard_region *region)
{
	return !source_may_block(&region->source) && !region_tracks_stores(region) &&
	       !source_is_sparse(&region->source) && !source_may_be_scanned(&region->source);
}

/* model: begin begin */
int uffd_guard_begin(struct uffd_guard_region *region)
{
	UNCANCELLED;
	int err = region_check_range(region, 0, 0);
	const uint64_t n_bytes = err ? 0 : marks_count_bytes(atomic_load(&region->marks));
	if (n_bytes < BEGIN_LEAST)
		return err;
	err = region_check_source(region);
	scanners_pass_if_met(region);
	if (err || !can_be_begun(region) || !copier_is_there(region->guard))
		return err;
	begun_add(region, n_bytes);
	shared_work_call(&region->guard->shared_work);
	return 0;
}

/* ---- ensure ---- */

static bool are_present(const struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const size_t page = page_size(), last = page_ceil(end) / page;
	size_t first = max_u64(start, region_direct_end(region)) / page;
	for (size_t n; first < last; first += n) {
		if (region_run(region, first, last - first, &n) == PRESENCE_ABSENT)
			return false;
	}
	return true;
}

static int ensure_locked(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	const struct uffd_guard_rect range = rect_of_range(offset, length);
	struct row_cursor cursors[MARKS_MOST];
	struct marks_taken taken;
	struct rows rows;
	marks_take(atomic_load(&region->marks), offset, offset + length, &taken);
	epoch_synchronize(&region->fills);
	rows_of_rects(&rows, cursors, taken.rects, taken.n);
	int err = refresh_rows(region, &rows);
	if (!err) {
		rows_of_rects(&rows, cursors, &range, 1);
		err = populate_rows(region, &rows);
	}
	marks_settle(&taken, !err);
	return err;
}

/* model: begin ensure */
int uffd_guard_ensure(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	UNCANCELLED;
	int err = region_check_range(region, offset, length);
	if (err || length == 0)
		return err;
	const uint64_t end = offset + length;
	if (!marks_are_pending(atomic_load(&region->marks), offset, end) &&
		are_present(region, offset, end))
		return 0;

	err = region_check_source(region);
	if (err)
		return err;
	scanners_pass(region);
	copier_expect(region->guard, length);
	change_begin(region);
	err = ensure_locked(region, offset, length);
	change_end(region);
	return err;
}

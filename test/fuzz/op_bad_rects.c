/* SPDX-License-Identifier: MIT */
/* Calls about rectangles, marks and writing that are wrong, as op_bad_call.c has others. */
#include "world.h"

#include "trace.h"

#include <errno.h>
#include <sys/mman.h>

static void expect(const char *what, ssize_t got, int wanted)
{
	if (got != wanted)
		fail("%s answers %zd, and should %d", what, got, wanted);
}

/* ---- Outside ---- */

static struct uffd_guard_rect rect_outside(const struct view *view, uint8_t code)
{
	const uint64_t all = view->length;
	const struct uffd_guard_rect rects[8] = {
		{ 0, all, all + 1, 1 },
		{ all, 1, 1, 1 },
		{ all - 1, 1, 1, 2 },
		{ 0, all, 1, 2 },
		{ 0, UINT64_MAX, 1, 2 },
		{ 1, UINT64_MAX / 2 + 1, 1, 3 },
		{ UINT64_MAX, 1, 1, 1 },
		{ 0, 1, 2, UINT64_MAX },
	};
	return rects[code % 8];
}

/* The first rectangle is right, and must not be done either. */
static void call_outside(const struct view *view, uint8_t code)
{
	struct uffd_guard_region *region = view->region;
	const struct uffd_guard_rect outside = rect_outside(view, code),
				     rects[] = { { 0, 0, view->length, 1 }, outside };
	unsigned char bytes[4] = { 0 };
	expect("refresh_rects", uffd_guard_refresh_rects(region, rects, 2), -ERANGE);
	expect("update_rects", uffd_guard_update_rects(region, rects, 2), -ERANGE);
	expect("mark_rects", uffd_guard_mark_rects(region, rects, 2), -ERANGE);
	expect("read_rect", uffd_guard_read_rect(region, &outside, bytes, 2), -ERANGE);
	expect("write_rect", uffd_guard_write_rect(region, &outside, bytes, 2), -ERANGE);
}

static void call_range_outside(const struct view *view, uint8_t code)
{
	struct uffd_guard_region *region = view->region;
	const uint64_t all = view->length;
	const struct extent extents[4] = { { 0, all + 1 }, { all, 1 }, { UINT64_MAX, 2 },
		{ 1, UINT64_MAX } };
	const struct extent e = extents[code % 4];
	unsigned char byte = 0;
	expect("update", uffd_guard_update(region, e.offset, e.length), -ERANGE);
	expect("ensure", uffd_guard_ensure(region, e.offset, e.length), -ERANGE);
	expect("write", uffd_guard_write(region, e.offset, &byte, e.length), -ERANGE);
}

/* ---- Nothing, and NULL ---- */

static void call_about_nothing(const struct view *view, const struct record *r)
{
	struct uffd_guard_region *region = view->region;
	const uint64_t offset = record_extent(r, view->length).offset;
	const struct uffd_guard_rect none[] = { { offset, 1, 0, 9 }, { offset, 1, 9, 0 } };
	expect("refresh_rects", uffd_guard_refresh_rects(region, NULL, 0), 0);
	expect("update_rects", uffd_guard_update_rects(region, NULL, 0), 0);
	expect("mark_rects", uffd_guard_mark_rects(region, NULL, 0), 0);
	expect("update", uffd_guard_update(region, offset, 0), 0);
	expect("ensure", uffd_guard_ensure(region, offset, 0), 0);
	expect("write", uffd_guard_write(region, offset, NULL, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		expect("update_rects", uffd_guard_update_rects(region, &none[i], 1), 0);
		expect("mark_rects", uffd_guard_mark_rects(region, &none[i], 1), 0);
		expect("read_rect", uffd_guard_read_rect(region, &none[i], NULL, 0), 0);
		expect("write_rect", uffd_guard_write_rect(region, &none[i], NULL, 0), 0);
	}
}

static void call_with_null(const struct view *view)
{
	struct uffd_guard_region *region = view->region;
	const struct uffd_guard_rect rect = { 0, 1, 1, 1 };
	unsigned char byte = 0;
	expect("refresh_rects", uffd_guard_refresh_rects(region, NULL, 1), -EINVAL);
	expect("update_rects", uffd_guard_update_rects(region, NULL, 1), -EINVAL);
	expect("mark_rects", uffd_guard_mark_rects(region, NULL, 1), -EINVAL);
	expect("read_rect", uffd_guard_read_rect(region, NULL, &byte, 1), -EINVAL);
	expect("read_rect", uffd_guard_read_rect(region, &rect, NULL, 1), -EINVAL);
	expect("write_rect", uffd_guard_write_rect(region, NULL, &byte, 1), -EINVAL);
	expect("write_rect", uffd_guard_write_rect(region, &rect, NULL, 1), -EINVAL);
	expect("write", uffd_guard_write(region, 0, NULL, 1), -EINVAL);

	expect("refresh_rects", uffd_guard_refresh_rects(NULL, &rect, 1), -EINVAL);
	expect("update", uffd_guard_update(NULL, 0, 0), -EINVAL);
	expect("update_rects", uffd_guard_update_rects(NULL, &rect, 1), -EINVAL);
	expect("mark_rects", uffd_guard_mark_rects(NULL, &rect, 1), -EINVAL);
	expect("begin", uffd_guard_begin(NULL), -EINVAL);
	expect("ensure", uffd_guard_ensure(NULL, 0, 0), -EINVAL);
	expect("read_rect", uffd_guard_read_rect(NULL, &rect, &byte, 1), -EINVAL);
	expect("write", uffd_guard_write(NULL, 0, &byte, 1), -EINVAL);
	expect("write_rect", uffd_guard_write_rect(NULL, &rect, &byte, 1), -EINVAL);
	expect("make_direct", uffd_guard_region_make_direct(NULL, 0), -EINVAL);
}

/* ---- Other arguments ---- */

static void call_with_rows_that_overlap(const struct view *view)
{
	const struct uffd_guard_rect rect = { 0, 0, 2, 2 };
	unsigned char bytes[8] = { 0 };
	if (view->length < 2)
		return;
	expect("read_rect", uffd_guard_read_rect(view->region, &rect, bytes, 1), -EINVAL);
	expect("write_rect", uffd_guard_write_rect(view->region, &rect, bytes, 1), -EINVAL);
}

static void call_with_wrong_flags(const struct view *view, uint8_t code)
{
	const uint32_t flags = (code | 1u) & ~UFFD_GUARD_MAP_SEAL;
	expect("make_direct", uffd_guard_region_make_direct(view->region, flags), -EINVAL);
	expect("make_direct", uffd_guard_region_make_direct(view->region, flags << 8), -EINVAL);
}

/* Nothing of the buffer can be read, so nothing of the file changes. */
static void write_from_bad_memory(const struct view *view, const struct record *r)
{
	const struct extent extent = record_extent(r, view->length);
	if (extent.length == 0 || file_bytes_from(view, extent.offset) == 0)
		return;
	const size_t size = pages_in(extent.length) * PAGE;
	const int err = error_of_storing(view);
	void *denied = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (denied == MAP_FAILED)
		return;
	const ssize_t n = uffd_guard_write(view->region, extent.offset, denied, extent.length);
	if (!is_right_answer(view, n, err ? err : -EFAULT, (uint64_t)-EFAULT))
		fail("write from bad memory answers %zd, and should %d", n, err ? err : -EFAULT);
	munmap(denied, size);
	file_note_allocated(view->file); /* a hole may have got its page for it */
}

/* ---- */

void op_bad_rects(struct world *world, const struct record *r)
{
	const struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	trace("bad call about rectangles, %d", r->f % 7);
	switch (r->f % 7) {
	case 0:
		call_outside(view, r->b);
		break;
	case 1:
		call_range_outside(view, r->b);
		break;
	case 2:
		call_about_nothing(view, r);
		break;
	case 3:
		call_with_null(view);
		break;
	case 4:
		call_with_rows_that_overlap(view);
		break;
	case 5:
		call_with_wrong_flags(view, r->b);
		break;
	default:
		write_from_bad_memory(view, r);
		break;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * What is marked and not ensured yet. Such bytes are old, or what the file held at some moment
 * since the mark; ensure has to bring over what was marked, and no other call need.
 *
 * The library remembers 64 rectangles, and bytes between them may come over when there are more. So
 * the model counts them, more than there can be rather than fewer, and beyond that number takes all
 * bytes from the first mark to the last as ones that may become newer.
 */
#include "view.h"

#include <string.h>

#define MOST_RECTS   64
#define MOST_COUNTED (UINT32_C(1) << 20)

static struct page_marks *marks_of(struct page *page)
{
	if (!page->marks) {
		page->marks = arena_take(sizeof(*page->marks));
		memset(page->marks, NEVER, sizeof(*page->marks));
	}
	return page->marks;
}

typedef void change_fn(struct page_marks *marks, size_t from, size_t to, uint8_t moment);

static void for_pages(
	struct view *view, uint64_t start, uint64_t end, uint8_t moment, change_fn *change)
{
	for (uint64_t next; start < end; start = next) {
		next = least((start / PAGE + 1) * PAGE, end);
		change(marks_of(&view->pages[start / PAGE]), start % PAGE, (next - 1) % PAGE + 1,
			moment);
	}
}

static void add_newer(struct page_marks *marks, size_t from, size_t to, uint8_t moment)
{
	for (size_t i = from; i < to; i++)
		marks->newer[i] = (uint8_t)least(marks->newer[i], moment);
}

static void add_marks(struct page_marks *marks, size_t from, size_t to, uint8_t moment)
{
	memset(marks->marked + from, moment, to - from);
	add_newer(marks, from, to, moment);
}

/* ---- More than are remembered ---- */

static void blur(struct view *view)
{
	const struct stretch all = view->marked;
	if (view->n_marks > MOST_RECTS)
		for_pages(view, all.start, least(all.end, pages_in(view->reserve) * PAGE),
			view->marked_since, add_newer);
}

static void count_marks(struct view *view, uint64_t start, uint64_t end, size_t n)
{
	if (view->n_marks == 0) {
		view->marked = (struct stretch){ .start = start, .end = end };
		view->marked_since = moment_now();
	}
	view->marked.start = least(view->marked.start, start);
	view->marked.end = most(view->marked.end, end);
	view->n_marks = (uint32_t)least(view->n_marks + n, MOST_COUNTED);
	blur(view);
}

/* ---- */

static void note_row(struct view *view, uint64_t start, uint64_t end)
{
	for_pages(view, start, end, moment_now(), add_marks);
	for (size_t page = start / PAGE; page < pages_in(end); page++) {
		struct page *known = &view->pages[page];
		if (!known->seen)
			continue;
		known->told = known->told_end = 0; /* what was told before is no excuse */
		known->may_be_taken = false;
	}
}

void view_note_marked(struct view *view, const struct uffd_guard_rect *rect)
{
	const uint64_t n_rows = rect->width ? rect->height : 0;
	for (uint64_t row = 0; row < n_rows; row++) {
		const uint64_t start = rect->offset + row * rect->stride;
		note_row(view, start, start + rect->width);
	}
	if (n_rows)
		count_marks(view, rect->offset,
			rect->offset + (n_rows - 1) * rect->stride + rect->width, 1);
}

static void clear(struct page_marks *marks, size_t from, size_t to, uint8_t moment)
{
	(void)moment;
	memset(marks->marked + from, NEVER, to - from);
	memset(marks->newer + from, NEVER, to - from);
}

/* What lies on both sides of the range becomes a rectangle of its own; and where there are too
 * many, two that become one may lie on either side of it. */
void view_forget_marks(struct view *view, uint64_t offset, uint64_t length)
{
	if (view->n_marks == 0 || length == 0)
		return;
	for_pages(view, offset, offset + length, 0, clear);
	if (offset <= view->marked.start && offset + length >= view->marked.end) {
		view->n_marks = 0;
		return;
	}
	view->n_marks = (uint32_t)least(2 * (uint64_t)view->n_marks, MOST_COUNTED);
	blur(view);
}

void view_note_store_over_marks(struct page *page, size_t from, size_t to)
{
	if (page->marks)
		memset(page->marks->marked + from, NEVER, to - from);
}

bool view_may_be_newer(const struct view *view, size_t index, size_t place, uint8_t byte)
{
	const struct page *page = &view->pages[index];
	return page->marks && page->marks->newer[place] != NEVER &&
	       file_had_byte(view->file, view->offset / PAGE + index, place, byte,
		       page->marks->newer[place], moment_now());
}

bool page_has_marks(const struct page *page, size_t from, size_t to)
{
	for (size_t i = from; page->marks && i < to; i++) {
		if (page->marks->newer[i] != NEVER)
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
/*
 * A bounded set of rectangles of bytes. What it forgets are only borders: when it is full, a new
 * one and the one for which the fewest bytes come in that nobody marked become one. So marking
 * costs the same however much is marked, and bringing over is never dearer than the whole buffer.
 *
 * Marks that were taken count until they are settled: whoever looks meanwhile has to wait for the
 * taker (with region->lock), or would take bytes that are still old for new ones.
 */
#include "base/marks.h"

#include "base/lock.h"
#include "base/page.h"
#include "base/rows.h"

#include <stdlib.h>

struct marks *marks_create(void)
{
	struct marks *marks = calloc(1, sizeof(*marks));
	if (marks)
		lock_init(&marks->lock);
	return marks;
}

void marks_destroy(struct marks *marks)
{
	if (!marks)
		return;
	pthread_mutex_destroy(&marks->lock);
	free(marks);
}

/* ---- Rectangles ---- */

static uint64_t end_of(const struct uffd_guard_rect *rect)
{
	uint64_t end;
	rect_end(rect, &end);
	return end;
}

static bool is_span(const struct uffd_guard_rect *rect)
{
	return rect->height == 1 || rect->stride <= rect->width;
}

static struct uffd_guard_rect span(uint64_t start, uint64_t end)
{
	return (struct uffd_guard_rect){ start, end - start, end - start, 1 };
}

static bool covers(const struct uffd_guard_rect *a, const struct uffd_guard_rect *b)
{
	if (b->offset < a->offset || end_of(b) > end_of(a))
		return false;
	if (is_span(a))
		return true;
	const uint64_t column = (b->offset - a->offset) % a->stride;
	return column + b->width <= a->width && (b->height == 1 || a->stride == b->stride);
}

#define MOST_RESTS 4

/* What of the mark reaches into [start, end), and what lies outside of it. */
struct parts {
	struct uffd_guard_rect inside; /* rows as a whole */
	struct uffd_guard_rect rests[MOST_RESTS];
};

static struct parts split_span(const struct uffd_guard_rect *rect, uint64_t start, uint64_t end)
{
	const uint64_t stop = end_of(rect);
	const uint64_t from = min_u64(max_u64(start, rect->offset), stop);
	const uint64_t to = max_u64(from, min_u64(end, stop));
	return (struct parts){ .inside = span(from, to),
		.rests = { span(rect->offset, from), span(to, stop) } };
}

static struct uffd_guard_rect rows_of(
	const struct uffd_guard_rect *rect, uint64_t first, uint64_t end)
{
	return (struct uffd_guard_rect){ rect->offset + first * rect->stride, rect->stride,
		rect->width, end - first };
}

/* A row at the border is taken as a whole and stays marked where it is outside: whoever takes it
 * need not bring that over. */
static struct parts split(const struct uffd_guard_rect *rect, uint64_t start, uint64_t end)
{
	if (is_span(rect))
		return split_span(rect, start, end);
	/* The first row that reaches beyond @start, and the first that begins at @end or behind. */
	const uint64_t reaching = start < rect->offset + rect->width
					  ? 0
					  : (start - rect->width - rect->offset) / rect->stride + 1;
	const uint64_t behind =
		end <= rect->offset ? 0 : (end - rect->offset + rect->stride - 1) / rect->stride;
	const uint64_t first = min_u64(reaching, rect->height),
		       last = max_u64(first, min_u64(behind, rect->height));
	struct parts parts = { .inside = rows_of(rect, first, last),
		.rests = { rows_of(rect, 0, first), rows_of(rect, last, rect->height) } };
	if (first == last)
		return parts;
	const uint64_t head = parts.inside.offset, tail = end_of(&parts.inside);
	parts.rests[2] = span(min_u64(head, start), start);
	parts.rests[3] = span(end, max_u64(end, tail));
	return parts;
}

/* ---- Two that become one ---- */

static uint64_t count_bytes(const struct uffd_guard_rect *rect)
{
	return rect->width * rect->height;
}

/* 0: of one piece. A single row has the stride of its picture too. */
static uint64_t stride_of(const struct uffd_guard_rect *rect)
{
	return rect->stride > rect->width ? rect->stride : 0;
}

/* Of the picture that both can be rows of; 0: there is none. */
static uint64_t common_stride(const struct uffd_guard_rect *a, const struct uffd_guard_rect *b)
{
	const uint64_t stride = max_u64(stride_of(a), stride_of(b));
	if (stride_of(a) && stride_of(b) && stride_of(a) != stride_of(b))
		return 0;
	return a->width < stride && b->width < stride ? stride : 0;
}

/* The rectangle that holds both, where the second one begins @column bytes to the right of the
 * first one in the row @row, or as many to the left. */
static struct uffd_guard_rect box_to_the_right(const struct uffd_guard_rect *first,
	const struct uffd_guard_rect *second, uint64_t stride, uint64_t row, uint64_t column)
{
	return (struct uffd_guard_rect){ first->offset, stride,
		max_u64(first->width, column + second->width),
		max_u64(first->height, row + second->height) };
}

static struct uffd_guard_rect box_to_the_left(const struct uffd_guard_rect *first,
	const struct uffd_guard_rect *second, uint64_t stride, uint64_t row, uint64_t column)
{
	return (struct uffd_guard_rect){ first->offset - column, stride,
		max_u64(second->width, column + first->width),
		max_u64(first->height, row + second->height) };
}

/* The better of the two, if it is within the marks of the set and saves something. */
static struct uffd_guard_rect better(
	const struct marks *marks, struct uffd_guard_rect best, struct uffd_guard_rect box)
{
	const bool is_within = box.offset >= marks->start && box.offset <= marks->end &&
			       box.width < box.stride && end_of(&box) <= marks->end;
	return is_within && count_bytes(&box) < count_bytes(&best) ? box : best;
}

/* All bytes from the first to the last of them, or, where both are rows of one picture, a rectangle
 * of it. */
static struct uffd_guard_rect join(
	const struct marks *marks, const struct uffd_guard_rect *a, const struct uffd_guard_rect *b)
{
	const struct uffd_guard_rect *first = a->offset <= b->offset ? a : b,
				     *second = first == a ? b : a;
	const uint64_t stride = common_stride(a, b);
	struct uffd_guard_rect best = span(first->offset, max_u64(end_of(a), end_of(b)));
	if (stride == 0 || stride > marks->end - marks->start)
		return best; /* of a single row it can be any number */
	const uint64_t row = (second->offset - first->offset) / stride,
		       column = (second->offset - first->offset) % stride;
	best = better(marks, best, box_to_the_right(first, second, stride, row, column));
	return better(
		marks, best, box_to_the_left(first, second, stride, row + 1, stride - column));
}

/* Bytes that would come in if the two became one. */
static uint64_t joining_costs(
	const struct marks *marks, const struct uffd_guard_rect *a, const struct uffd_guard_rect *b)
{
	const struct uffd_guard_rect all = join(marks, a, b);
	const uint64_t marked = count_bytes(a) + count_bytes(b);
	return count_bytes(&all) - min_u64(count_bytes(&all), marked);
}

/* ---- The set, with lock ---- */

static void drop(struct marks *marks, size_t i)
{
	marks->rects[i] = marks->rects[--marks->n];
}

/* The mark for which the fewest bytes come in when @rect joins it. */
static size_t find_nearest(const struct marks *marks, const struct uffd_guard_rect *rect)
{
	size_t nearest = 0;
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < marks->n && least > 0; i++) {
		const uint64_t cost = joining_costs(marks, &marks->rects[i], rect);
		if (cost < least) {
			nearest = i;
			least = cost;
		}
	}
	return nearest;
}

static void stretch(struct marks *marks, const struct uffd_guard_rect *rect)
{
	const bool is_first = marks->n == 0 && marks->n_takers == 0;
	marks->start = is_first ? rect->offset : min_u64(marks->start, rect->offset);
	marks->end = is_first ? end_of(rect) : max_u64(marks->end, end_of(rect));
}

static void add(struct marks *marks, struct uffd_guard_rect rect)
{
	if (rect.width == 0 || rect.height == 0)
		return;
	if (rect.stride <= rect.width)
		rect = span(rect.offset, end_of(&rect));
	stretch(marks, &rect);
	for (size_t i = 0; i < marks->n; i++) {
		if (covers(&marks->rects[i], &rect))
			return;
	}
	if (marks->n == MARKS_MOST) {
		const size_t i = find_nearest(marks, &rect);
		const struct uffd_guard_rect other = marks->rects[i];
		drop(marks, i);
		rect = join(marks, &other, &rect);
	}
	for (size_t i = marks->n; i-- > 0;) {
		if (covers(&rect, &marks->rects[i]))
			drop(marks, i);
	}
	marks->rects[marks->n++] = rect;
}

void marks_add(struct marks *marks, const struct uffd_guard_rect *rect)
{
	lock_take(&marks->lock);
	add(marks, *rect);
	lock_give(&marks->lock);
}

/* ---- Taking ---- */

static bool touches(const struct uffd_guard_rect *rect, uint64_t start, uint64_t end)
{
	return rect->offset < end && end_of(rect) > start;
}

static void begin_taking(struct marks *marks, struct marks_taken *taken)
{
	taken->marks = marks;
	taken->n = 0;
	if (!marks)
		return;
	lock_take(&marks->lock);
	marks->n_takers++;
}

void marks_take(struct marks *marks, uint64_t start, uint64_t end, struct marks_taken *taken)
{
	struct uffd_guard_rect rests[MOST_RESTS * MARKS_MOST];
	size_t n_rests = 0;
	begin_taking(marks, taken);
	if (!marks)
		return;
	for (size_t i = marks->n; i-- > 0;) {
		if (!touches(&marks->rects[i], start, end))
			continue;
		const struct parts parts = split(&marks->rects[i], start, end);
		if (parts.inside.height == 0)
			continue; /* it lies between two rows */
		drop(marks, i);
		taken->rects[taken->n++] = parts.inside;
		for (size_t k = 0; k < MOST_RESTS; k++)
			rests[n_rests++] = parts.rests[k];
	}
	for (size_t i = 0; i < n_rests; i++)
		add(marks, rests[i]);
	lock_give(&marks->lock);
}

#define SOME_BYTES ((uint64_t)256 << 10)
#define SOME_ROWS  64

/* The beginning of a mark, and what is left of it. Bytes in a row end at a border of pages, so that
 * no word is torn. */
static struct uffd_guard_rect take_beginning(
	const struct uffd_guard_rect *rect, struct uffd_guard_rect *rest)
{
	if (is_span(rect)) {
		const uint64_t stop = end_of(rect),
			       border = (rect->offset & ~(SOME_BYTES - 1)) + SOME_BYTES;
		*rest = span(min_u64(border, stop), stop);
		return span(rect->offset, min_u64(border, stop));
	}
	const uint64_t n =
		min_u64(max_u64(SOME_BYTES / rect->width, 1), min_u64(rect->height, SOME_ROWS));
	*rest = rows_of(rect, n, rect->height);
	return rows_of(rect, 0, n);
}

/* model: begin take */
void marks_take_some(struct marks *marks, struct marks_taken *taken)
{
	struct uffd_guard_rect rest;
	begin_taking(marks, taken);
	if (marks->n > 0) {
		taken->rects[taken->n++] = take_beginning(&marks->rects[0], &rest);
		if (rest.width == 0 || rest.height == 0)
			drop(marks, 0);
		else
			marks->rects[0] = rest;
	}
	lock_give(&marks->lock);
}

uint64_t marks_count_bytes(struct marks *marks)
{
	uint64_t n_bytes = 0;
	if (!marks)
		return 0;
	lock_take(&marks->lock);
	for (size_t i = 0; i < marks->n; i++)
		n_bytes += marks->rects[i].width * marks->rects[i].height;
	lock_give(&marks->lock);
	return n_bytes;
}

void marks_take_covered(struct marks *marks, const struct uffd_guard_rect *rects, size_t n_rects,
	struct marks_taken *taken)
{
	begin_taking(marks, taken);
	if (!marks)
		return;
	for (size_t i = marks->n; i-- > 0;) {
		bool is_covered = false;
		for (size_t k = 0; k < n_rects && !is_covered; k++)
			is_covered = covers(&rects[k], &marks->rects[i]);
		if (!is_covered)
			continue;
		taken->rects[taken->n++] = marks->rects[i];
		drop(marks, i);
	}
	lock_give(&marks->lock);
}

/* model: begin settle */
void marks_settle(const struct marks_taken *taken, bool is_done)
{
	struct marks *marks = taken->marks;
	if (!marks)
		return;
	lock_take(&marks->lock);
	marks->n_takers--;
	for (size_t i = 0; i < taken->n && !is_done; i++)
		add(marks, taken->rects[i]);
	lock_give(&marks->lock);
}

bool marks_are_pending(struct marks *marks, uint64_t start, uint64_t end)
{
	if (!marks)
		return false;
	lock_take(&marks->lock);
	bool is_pending = marks->n_takers > 0;
	for (size_t i = 0; i < marks->n && !is_pending; i++)
		is_pending = touches(&marks->rects[i], start, end);
	lock_give(&marks->lock);
	return is_pending;
}

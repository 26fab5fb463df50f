/* SPDX-License-Identifier: MIT */
/*
 * Rows of many rectangles in one ascending sequence, without a list of them: each rectangle is a
 * cursor in a heap, so memory follows the number of rectangles, however many rows they have. Ranges
 * that are in order already, as most callers have them, are taken one after the other. What
 * overlaps or touches comes out as one span, so that no byte is read twice; rows that lie wholly in
 * a span are passed over by a division, not one by one.
 */
#include "base/rows.h"

#include "base/page.h"

bool rect_end(const struct uffd_guard_rect *rect, uint64_t *end)
{
	uint64_t last;
	*end = 0;
	if (rect->width == 0 || rect->height == 0)
		return true;
	return !__builtin_mul_overflow(rect->height - 1, rect->stride, &last) &&
	       !__builtin_add_overflow(last, rect->offset, &last) &&
	       !__builtin_add_overflow(last, rect->width, end);
}

/* ---- The heap ---- */

static void sift_down(struct rows *rows, size_t at)
{
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < rows->n; child++) {
			if (rows->heap[child].offset < rows->heap[least].offset)
				least = child;
		}
		if (least == at)
			return;
		const struct row_cursor moved = rows->heap[at];
		rows->heap[at] = rows->heap[least];
		rows->heap[least] = moved;
		at = least;
	}
}

static void order(struct rows *rows)
{
	for (size_t i = rows->n / 2; i-- > 0;)
		sift_down(rows, i);
}

/* Take the top's rows that end at @end or before. */
static void pass_over(struct rows *rows, uint64_t end)
{
	struct row_cursor *top = &rows->heap[0];
	const uint64_t n_inside = (end - top->width - top->offset) / top->stride + 1;
	const uint64_t n = min_u64(n_inside, top->n_left);
	top->n_left -= n;
	top->offset += n * top->stride;
	if (rows->is_in_order) {
		rows->heap++;
		rows->n--;
		return;
	}
	if (top->n_left == 0)
		*top = rows->heap[--rows->n];
	sift_down(rows, 0);
}

/* ---- Rows ---- */

/* Rows without gaps are one. */
static struct row_cursor cursor_of(const struct uffd_guard_rect *rect)
{
	if (rect->height > 1 && rect->stride > rect->width)
		return (struct row_cursor){ rect->offset, rect->stride, rect->width, rect->height };
	const uint64_t width = (rect->height - 1) * rect->stride + rect->width;
	return (struct row_cursor){ rect->offset, width, width, 1 };
}

static bool goes_on_in_order(const struct row_cursor *cursors, size_t at)
{
	return cursors[at].n_left == 1 && (at == 0 || cursors[at - 1].offset <= cursors[at].offset);
}

void rows_of_rects(struct rows *rows, struct row_cursor *cursors,
	const struct uffd_guard_rect *rects, size_t n_rects)
{
	*rows = (struct rows){ .heap = cursors, .is_in_order = true };
	for (size_t i = 0; i < n_rects; i++) {
		if (rects[i].width == 0 || rects[i].height == 0)
			continue;
		cursors[rows->n] = cursor_of(&rects[i]);
		rows->is_in_order = rows->is_in_order && goes_on_in_order(cursors, rows->n);
		rows->n++;
	}
	if (!rows->is_in_order)
		order(rows);
}

static uint64_t weight_of(const struct row_cursor *rows, uint64_t apart)
{
	const uint64_t between = rows->n_left == 1 ? apart : rows->stride - rows->width;
	return rows->n_left * (rows->width + min_u64(between, apart));
}

uint64_t rows_weight(const struct rows *rows, uint64_t apart)
{
	uint64_t weight = 0;
	for (size_t i = 0; i < rows->n; i++)
		weight += weight_of(&rows->heap[i], apart);
	return weight;
}

bool rows_next(struct rows *rows, struct uffd_guard_span *span)
{
	if (rows->n == 0)
		return false;
	const uint64_t start = rows->heap[0].offset;
	uint64_t end = start;
	while (rows->n > 0 && rows->heap[0].offset <= end) {
		end = max_u64(end, rows->heap[0].offset + rows->heap[0].width);
		pass_over(rows, end);
	}
	*span = (struct uffd_guard_span){ .offset = start, .length = end - start };
	return true;
}

size_t rows_next_few(struct rows *rows, struct uffd_guard_span *spans, size_t most)
{
	size_t n = 0;
	while (n < most && rows_next(rows, &spans[n]))
		n++;
	return n;
}

static uint64_t end_of(const struct uffd_guard_span *span)
{
	return span->offset + span->length;
}

size_t spans_count_close(const struct uffd_guard_span *spans, size_t n_spans, uint64_t gap,
	uint64_t end, size_t most)
{
	size_t n = 0;
	while (n < min_u64(n_spans, most) && end_of(&spans[n]) <= end &&
		(n == 0 || spans[n].offset - end_of(&spans[n - 1]) <= gap))
		n++;
	return n;
}

uint64_t spans_weight(const struct uffd_guard_span *spans, size_t n_spans, uint64_t apart)
{
	uint64_t weight = n_spans > 0 ? apart : 0;
	for (size_t i = 0; i < n_spans; i++) {
		if (i > 0)
			weight += min_u64(spans[i].offset - end_of(&spans[i - 1]), apart);
		weight += spans[i].length;
	}
	return weight;
}

#define MOST_OF_A_ROW	 ((uint64_t)64 << 10)
#define BYTES_OF_A_CHUNK ((uint64_t)128 << 10)
#define MOST_OF_A_CHUNK	 32

size_t rows_a_chunk(uint64_t weight, uint64_t n_rows)
{
	if (weight < ROWS_LEAST_SHARED || weight / n_rows > MOST_OF_A_ROW)
		return 0;
	return min_u64(n_rows * BYTES_OF_A_CHUNK / weight + 1, MOST_OF_A_CHUNK);
}

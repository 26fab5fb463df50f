/* SPDX-License-Identifier: MIT */
/* Rectangles and ranges of bytes as rows in ascending order, overlaps joined. Any thread:
 * arithmetic. */
#pragma once

#include <uffd_guard.h>

#include <stdbool.h>

/* Rows of one rectangle that are still to come. */
struct row_cursor {
	uint64_t offset, stride, width; /* bytes: of the next row, from row to row, of a row */
	uint64_t n_left;
};

struct rows {
	struct row_cursor *heap; /* the caller's; those with the lowest offset on top */
	size_t n;
	bool is_in_order; /* each is one row, and they ascend: no heap is needed */
};

/* The byte behind the last row; 0 for a rectangle without bytes. False: it has no place in 64 bits.
 */
bool rect_end(const struct uffd_guard_rect *rect, uint64_t *end);

/* @cursors: room for @n_rects; they are the rows' until the last was taken. */
void rows_of_rects(struct rows *rows, struct row_cursor *cursors,
	const struct uffd_guard_rect *rects, size_t n_rects);

/* ---- Sharing them with another thread ---- */

/* A row that lies by itself takes as long as copying so many bytes more. */
#define ROW_WEIGHT ((uint64_t)2560)
/* A third of a millisecond; waking the other thread takes a tenth of that. */
#define ROWS_LEAST_SHARED ((uint64_t)768 << 10)

/* What it takes to read all that are left, in bytes that could be copied meanwhile: what lies in
 * front of a row counts too, or @apart if more does. */
uint64_t rows_weight(const struct rows *rows, uint64_t apart);

/* The next bytes that follow each other, never touching those before. False: there are no more. */
bool rows_next(struct rows *rows, struct uffd_guard_span *span);
/* The same, at most @most of them; answers how many. */
size_t rows_next_few(struct rows *rows, struct uffd_guard_span *spans, size_t most);

/* How many spans, from the first on, follow each other with no more than @gap bytes in between, end
 * at @end or before, and are @most at most. They are in order and apart. */
size_t spans_count_close(const struct uffd_guard_span *spans, size_t n_spans, uint64_t gap,
	uint64_t end, size_t most);

/* What it takes to read these, as rows_weight() has it. */
uint64_t spans_weight(const struct uffd_guard_span *spans, size_t n_spans, uint64_t apart);

/* How many rows make a chunk of shared work; 0: they are not worth it, or so long that each is
 * better shared by itself. */
size_t rows_a_chunk(uint64_t weight, uint64_t n_rows);

/* SPDX-License-Identifier: MIT */
/* Rows of rectangles: they cover the same bytes, in order and apart. */
#include "base/rows.h"

#include "unit.h"

#include <string.h>

#define N_BYTES 400
#define N_RECTS 12

static void paint_rect(unsigned char *bytes, const struct uffd_guard_rect *rect)
{
	for (uint64_t row = 0; row < rect->height && rect->width > 0; row++)
		memset(bytes + rect->offset + row * rect->stride, 1, rect->width);
}

/* Of any shape that fits in: rows that overlap, rows on top of each other, no rows, no bytes. */
static struct uffd_guard_rect random_rect(uint32_t *state)
{
	struct uffd_guard_rect rect;
	uint64_t end;
	do {
		rect = (struct uffd_guard_rect){ random_below(state, N_BYTES),
			random_below(state, 40), random_below(state, 30), random_below(state, 12) };
	} while (!rect_end(&rect, &end) || end > N_BYTES);
	return rect;
}

static void check_rows(uint32_t seed)
{
	unsigned char before[N_BYTES] = { 0 }, after[N_BYTES] = { 0 };
	struct uffd_guard_rect rects[N_RECTS];
	struct row_cursor cursors[N_RECTS];
	struct rows rows;
	struct uffd_guard_span span;
	uint32_t state = seed;
	const size_t n_rects = random_below(&state, N_RECTS + 1);
	for (size_t i = 0; i < n_rects; i++) {
		rects[i] = random_rect(&state);
		paint_rect(before, &rects[i]);
	}
	rows_of_rects(&rows, cursors, rects, n_rects);
	for (uint64_t last = 0, n = 0; rows_next(&rows, &span); n++) {
		ck_assert_uint_gt(span.length, 0);
		ck_assert(n == 0 || span.offset > last);
		last = span.offset + span.length;
		memset(after + span.offset, 1, span.length);
	}
	ck_assert_mem_eq(before, after, N_BYTES);
}

#define SEEDS 200 /* of a process, which is dear */

START_TEST(rows_cover_the_bytes_of_their_rectangles_in_order_and_apart)
{
	for (uint32_t i = 0; i < SEEDS; i++)
		check_rows((uint32_t)_i * SEEDS + i + 1);
}
END_TEST

START_TEST(rows_that_lie_in_another_are_not_counted_one_by_one)
{
	const struct uffd_guard_rect rects[] = { { 0, UINT64_C(1) << 40, UINT64_C(1) << 40, 1 },
		{ 5, 2, 1, UINT64_C(1) << 38 } };
	struct row_cursor cursors[2];
	struct rows rows;
	struct uffd_guard_span span;
	rows_of_rects(&rows, cursors, rects, 2);
	ck_assert(rows_next(&rows, &span)); /* or the test ends by its time limit */
	ck_assert_uint_eq(span.length, UINT64_C(1) << 40);
	ck_assert(!rows_next(&rows, &span));
}
END_TEST

START_TEST(rectangle_beyond_64_bits_has_no_end)
{
	static const struct uffd_guard_rect beyond[] = { { 1, UINT64_MAX, 1, 3 },
		{ UINT64_MAX, 0, 1, 1 }, { 0, UINT64_MAX, 2, 2 }, { 2, 1, UINT64_MAX, 1 } };
	static const struct uffd_guard_rect empty[] = { { UINT64_MAX, UINT64_MAX, 0, UINT64_MAX },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, 0 } };
	uint64_t end;
	for (size_t i = 0; i < n_elements(beyond); i++)
		ck_assert(!rect_end(&beyond[i], &end));
	for (size_t i = 0; i < n_elements(empty); i++) {
		ck_assert(rect_end(&empty[i], &end));
		ck_assert_uint_eq(end, 0);
	}
	ck_assert(rect_end(&(struct uffd_guard_rect){ 10, 100, 7, 3 }, &end));
	ck_assert_uint_eq(end, 217);
}
END_TEST

START_TEST(few_rows_at_a_time_are_all_rows)
{
	const struct uffd_guard_rect rect = { 3, 10, 4, 25 };
	struct row_cursor cursor;
	struct uffd_guard_span spans[10];
	struct rows rows;
	size_t n_rows = 0;
	rows_of_rects(&rows, &cursor, &rect, 1);
	for (size_t n; (n = rows_next_few(&rows, spans, 10)) > 0; n_rows += n) {
		ck_assert_uint_eq(n, n_rows < 20 ? 10 : 5);
		ck_assert_uint_eq(spans[0].offset, 3 + n_rows * 10);
	}
	ck_assert_uint_eq(n_rows, 25);
}
END_TEST

START_TEST(close_spans_end_with_a_gap_the_end_or_enough)
{
	static const struct uffd_guard_span spans[] = { { 0, 10 }, { 15, 10 }, { 30, 10 },
		{ 46, 10 } };
	ck_assert_uint_eq(spans_count_close(spans, 4, 5, 100, 9), 3);
	ck_assert_uint_eq(spans_count_close(spans, 4, 6, 100, 9), 4);
	ck_assert_uint_eq(spans_count_close(spans, 4, 4, 100, 9), 1);
	ck_assert_uint_eq(spans_count_close(spans, 4, 6, 56, 9), 4);
	ck_assert_uint_eq(spans_count_close(spans, 4, 6, 55, 9), 3);
	ck_assert_uint_eq(spans_count_close(spans, 4, 6, 9, 9), 0);
	ck_assert_uint_eq(spans_count_close(spans, 4, 6, 100, 2), 2);
	ck_assert_uint_eq(spans_count_close(spans, 0, 6, 100, 9), 0);
}
END_TEST

START_TEST(weight_is_of_bytes_and_of_what_is_between_them_up_to_a_bound)
{
	static const struct uffd_guard_rect rects[] = { { 100, 10, 4, 25 }, { 1000, 90, 5, 2 },
		{ 5000, 7, 7, 3 } };
	const uint64_t weights[] = { 25 * (4 + 6), 2 * (5 + 20), 21 + 20 };
	struct row_cursor cursors[3];
	struct rows rows;
	for (size_t i = 0; i < n_elements(rects); i++) {
		rows_of_rects(&rows, cursors, &rects[i], 1);
		ck_assert_uint_eq(rows_weight(&rows, 20), weights[i]);
	}
	rows_of_rects(&rows, cursors, rects, 3);
	ck_assert_uint_eq(rows_weight(&rows, 20), weights[0] + weights[1] + weights[2]);
}
END_TEST

START_TEST(weight_of_spans_is_that_of_their_rows)
{
	static const struct uffd_guard_span spans[] = { { 50, 10 }, { 65, 10 }, { 200, 1 } };
	ck_assert_uint_eq(spans_weight(spans, 3, 20), 20 + 10 + 5 + 10 + 20 + 1);
	ck_assert_uint_eq(spans_weight(spans, 0, 20), 0);
}
END_TEST

START_TEST(rows_are_shared_if_they_are_worth_it_and_not_too_long)
{
	ck_assert_uint_eq(rows_a_chunk(ROWS_LEAST_SHARED - 1, 10000), 0);
	ck_assert_uint_eq(rows_a_chunk(ROWS_LEAST_SHARED, 10000), 32);
	ck_assert_uint_eq(rows_a_chunk(UINT64_C(16) << 20, 4096), 32);
	ck_assert_uint_eq(rows_a_chunk(UINT64_C(1) << 20, 16), 3);
	ck_assert_uint_eq(rows_a_chunk(UINT64_C(1) << 20, 15), 0);
}
END_TEST

static TCase *rows_case(void)
{
	TCase *tcase = tcase_create("rows");
	tcase_add_loop_test(
		tcase, rows_cover_the_bytes_of_their_rectangles_in_order_and_apart, 0, 10);
	tcase_add_test(tcase, rows_that_lie_in_another_are_not_counted_one_by_one);
	tcase_add_test(tcase, rectangle_beyond_64_bits_has_no_end);
	tcase_add_test(tcase, few_rows_at_a_time_are_all_rows);
	tcase_add_test(tcase, close_spans_end_with_a_gap_the_end_or_enough);
	tcase_add_test(tcase, weight_is_of_bytes_and_of_what_is_between_them_up_to_a_bound);
	tcase_add_test(tcase, weight_of_spans_is_that_of_their_rows);
	tcase_add_test(tcase, rows_are_shared_if_they_are_worth_it_and_not_too_long);
	return tcase;
}

UNIT_MAIN("rows", rows_case)

/* SPDX-License-Identifier: MIT */
/* Spans: merged, they cover the same bytes, in order and apart; near ones are told by hand. */
#include "base/spans.h"

#include "unit.h"

#include <string.h>

#define N_BYTES 200
#define N_SPANS 12

static void paint(unsigned char *bytes, const struct uffd_guard_span *spans, size_t n_spans)
{
	memset(bytes, 0, N_BYTES);
	for (size_t i = 0; i < n_spans; i++)
		memset(bytes + spans[i].offset, 1, spans[i].length);
}

START_TEST(merged_spans_cover_the_same_bytes_in_order_and_apart)
{
	unsigned char before[N_BYTES], after[N_BYTES];
	struct uffd_guard_span spans[N_SPANS];
	uint32_t state = (uint32_t)_i + 1;
	const size_t n_spans = random_below(&state, N_SPANS + 1);
	for (size_t i = 0; i < n_spans; i++)
		spans[i] = (struct uffd_guard_span){ random_below(&state, 150),
			random_below(&state, i % 2 ? 50 : 5) };
	paint(before, spans, n_spans);
	const size_t n = spans_merge(spans, n_spans);
	paint(after, spans, n);
	ck_assert_mem_eq(before, after, N_BYTES);
	for (size_t i = 1; i < n; i++)
		ck_assert_uint_gt(spans[i].offset, spans[i - 1].offset + spans[i - 1].length);
}
END_TEST

START_TEST(near_spans_end_with_a_gap_the_end_or_enough)
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

static TCase *spans_case(void)
{
	TCase *tcase = tcase_create("spans");
	tcase_add_loop_test(tcase, merged_spans_cover_the_same_bytes_in_order_and_apart, 0, 2000);
	tcase_add_test(tcase, near_spans_end_with_a_gap_the_end_or_enough);
	return tcase;
}

UNIT_MAIN("spans", spans_case)

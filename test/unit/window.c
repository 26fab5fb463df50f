/* SPDX-License-Identifier: MIT */
/* How far around a fault is filled: the rules one by one, what always holds, and readers that are
 * played to the end. */
#include "pages/window.h"

#include "unit.h"

#include <stdbool.h>
#include <string.h>

#define MOST WINDOW_MOST_PAGES

static const struct row {
	size_t page, n_before, n_absent;
	size_t n_pages; /* of the window */
} rows[] = {
	/* a jump gets one page */
	{ 5, 0, 1, 1 },
	{ 5, 0, MOST, 1 },
	{ 100000, 0, MOST, 1 },
	/* in sequence, as much again as lies behind */
	{ 5, 1, MOST, 1 },
	{ 5, 2, MOST, 2 },
	{ 64, 64, MOST, 64 },
	{ 1000, MOST - 1, MOST, MOST - 1 },
	{ 1000, MOST, MOST, MOST },
	{ 100000, 10 * MOST, 20 * MOST, MOST },
	/* the first page of a region */
	{ 0, 0, MOST, 8 },
	/* but nothing that is there already */
	{ 64, 64, 63, 63 },
	{ 64, 64, 1, 1 },
	{ 1000, MOST, 1, 1 },
	/* someone else has filled it meanwhile: still the page that is waited for */
	{ 5, 0, 0, 1 },
	{ 64, 64, 0, 1 },
	{ 0, 0, 0, 1 },
	/* a region of one page */
	{ 0, 0, 1, 1 },
};

START_TEST(window_follows_the_rules)
{
	const struct row *row = &rows[_i];
	struct window window = window_around(row->page, row->n_before, row->n_absent);
	ck_assert_uint_eq(window.first, row->page);
	ck_assert_uint_eq(window.n_pages, row->n_pages);
}
END_TEST

START_TEST(first_page_of_a_region_brings_a_few_more)
{
	struct window window = window_around(0, 0, MOST);
	ck_assert_uint_eq(window.first, 0);
	ck_assert_uint_gt(window.n_pages, 1);
	ck_assert_uint_le(window.n_pages, MOST / 16);
}
END_TEST

static bool is_sane(struct window window, size_t page, size_t n_absent)
{
	return window.first <= page && page - window.first < window.n_pages &&
	       window.n_pages <= (n_absent ? n_absent : 1) && window.n_pages <= MOST;
}

START_TEST(window_has_the_page_and_never_more_than_is_absent)
{
	static const size_t pages[] = { 0, 1, 2, MOST - 1, MOST, MOST + 1, 100000, SIZE_MAX / 2 };
	const size_t page = pages[_i];
	for (size_t before = 0; before <= MOST && before <= page; before++) {
		for (size_t absent = 0; absent <= MOST; absent++) {
			if (!is_sane(window_around(page, before, absent), page, absent))
				ck_abort_msg("page %zu, %zu before it, %zu absent", page, before,
					absent);
		}
	}
}
END_TEST

/* ---- Readers ---- */

#define N_PAGES ((size_t)8192)

struct reader {
	bool is_filled[N_PAGES];
	size_t n_faults, n_filled;
};

static size_t count_before(const struct reader *reader, size_t page)
{
	size_t n = 0;
	while (n < MOST && n < page && reader->is_filled[page - 1 - n])
		n++;
	return n;
}

static size_t count_absent(const struct reader *reader, size_t page)
{
	size_t n = 0;
	while (n < MOST && page + n < N_PAGES && !reader->is_filled[page + n])
		n++;
	return n;
}

/* Read the page, and fill as the handler would. Answers whether it was a fault. */
static bool touch(struct reader *reader, size_t page)
{
	if (reader->is_filled[page])
		return false;
	struct window window =
		window_around(page, count_before(reader, page), count_absent(reader, page));
	for (size_t i = window.first; i < window.first + window.n_pages; i++) {
		ck_assert_uint_lt(i, N_PAGES);
		ck_assert(!reader->is_filled[i]);
		reader->is_filled[i] = true;
	}
	reader->n_faults++;
	reader->n_filled += window.n_pages;
	return true;
}

START_TEST(reading_8192_pages_in_sequence_takes_few_faults)
{
	static struct reader reader;
	for (size_t page = 0; page < N_PAGES; page++)
		touch(&reader, page);
	ck_assert_uint_eq(reader.n_filled, N_PAGES);
	/* 16 full windows at the least, and some to get there */
	ck_assert_uint_le(reader.n_faults, N_PAGES / MOST + 16);
}
END_TEST

START_TEST(what_is_filled_doubles_with_each_fault_in_sequence)
{
	static struct reader reader;
	const size_t start = _i ? 1000 : 0;
	for (size_t page = start, before = 0; page < N_PAGES - MOST; page++) {
		if (touch(&reader, page) && before)
			ck_assert_uint_eq(reader.n_filled - before, before < MOST ? before : MOST);
		before = reader.n_filled;
	}
}
END_TEST

START_TEST(jumps_fill_one_page_each)
{
	static struct reader reader;
	uint32_t seed = 4711;
	for (size_t i = 0; i < 1000; i++)
		touch(&reader, 1 + 2 * random_below(&seed, N_PAGES / 2 - 1));
	ck_assert_uint_gt(reader.n_faults, 500);
	ck_assert_uint_eq(reader.n_filled, reader.n_faults);
}
END_TEST

START_TEST(first_jump_away_ends_the_doubling)
{
	static struct reader reader;
	for (size_t page = 0; page < 2048; page++)
		touch(&reader, page);
	size_t before = reader.n_filled;
	ck_assert(touch(&reader, 7000));
	ck_assert_uint_eq(reader.n_filled, before + 1);
	ck_assert(touch(&reader, 7001));
	ck_assert_uint_eq(reader.n_filled, before + 2);
}
END_TEST

START_TEST(reading_backwards_fills_no_page_that_is_not_read)
{
	static struct reader reader;
	for (size_t page = N_PAGES; page-- > 1000;)
		touch(&reader, page);
	ck_assert_uint_eq(reader.n_filled, N_PAGES - 1000);
	ck_assert_uint_eq(reader.n_faults, N_PAGES - 1000);
}
END_TEST

START_TEST(two_readers_do_not_spoil_each_others_windows)
{
	static struct reader reader;
	for (size_t i = 0; i < N_PAGES / 2; i++) {
		touch(&reader, i);
		touch(&reader, N_PAGES / 2 + i);
	}
	ck_assert_uint_eq(reader.n_filled, N_PAGES);
	ck_assert_uint_le(reader.n_faults, N_PAGES / MOST + 2 * 16);
}
END_TEST

/* ---- Zeros ---- */

START_TEST(window_of_zeros_is_no_smaller_than_asked_and_bounded)
{
	for (size_t n = 1; n < 4 * MOST; n++) {
		size_t zeros = window_of_zeros(n);
		ck_assert_uint_ge(zeros, n);
		ck_assert_uint_ge(window_of_zeros(n + 1), zeros);
		/* four pages of a sparse pool: no more page table than that */
		ck_assert_uint_le(zeros, n > 2 * MOST ? n : 2 * MOST);
	}
	ck_assert_uint_ge(window_of_zeros(1), 8);
}
END_TEST

START_TEST(window_of_zeros_survives_numbers_that_overflow)
{
	static const size_t huge[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 16 + 1, SIZE_MAX / 16 };
	for (size_t i = 0; i < n_elements(huge); i++)
		ck_assert_uint_eq(window_of_zeros(huge[i]), huge[i]);
}
END_TEST

static const struct number_row {
	size_t n_pages, ahead, of_zeros;
} number_rows[] = {
	{ 0, 0, 16 },
	{ 1, 0, 16 },
	{ 2, 0, 32 },
	{ 63, 0, 1008 },
	{ 64, 0, 1024 },
	{ 65, 0, 1024 },
	{ 127, 0, 1024 },
	{ 128, 512, 1024 },
	{ 512, 2048, 1024 },
	{ 1025, 4100, 1025 },
};

START_TEST(large_windows_are_read_ahead_of_and_zeros_come_in_many)
{
	const struct number_row *row = &number_rows[_i];
	ck_assert_uint_eq(window_ahead(row->n_pages), row->ahead);
	ck_assert_uint_eq(window_of_zeros(row->n_pages), row->of_zeros);
}
END_TEST

static TCase *rules_case(void)
{
	TCase *tcase = tcase_create("rules");
	tcase_add_loop_test(tcase, window_follows_the_rules, 0, n_elements(rows));
	tcase_add_test(tcase, first_page_of_a_region_brings_a_few_more);
	tcase_add_loop_test(tcase, window_has_the_page_and_never_more_than_is_absent, 0, 8);
	tcase_add_loop_test(tcase, large_windows_are_read_ahead_of_and_zeros_come_in_many, 0,
		n_elements(number_rows));
	tcase_add_test(tcase, window_of_zeros_is_no_smaller_than_asked_and_bounded);
	tcase_add_test(tcase, window_of_zeros_survives_numbers_that_overflow);
	return tcase;
}

static TCase *readers_case(void)
{
	TCase *tcase = tcase_create("readers");
	tcase_add_test(tcase, reading_8192_pages_in_sequence_takes_few_faults);
	tcase_add_loop_test(tcase, what_is_filled_doubles_with_each_fault_in_sequence, 0, 2);
	tcase_add_test(tcase, jumps_fill_one_page_each);
	tcase_add_test(tcase, first_jump_away_ends_the_doubling);
	tcase_add_test(tcase, reading_backwards_fills_no_page_that_is_not_read);
	tcase_add_test(tcase, two_readers_do_not_spoil_each_others_windows);
	return tcase;
}

UNIT_MAIN("window", rules_case, readers_case)

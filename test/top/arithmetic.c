/* SPDX-License-Identifier: MIT */
/* What uffd-guard-top makes of two readings, and of names that clients have chosen. */
#include "../../lib/top/columns.h"
#include "../../lib/top/format.h"
#include "../../lib/top/interval.h"
#include "../unit/unit.h"
#include "cli/name.h"

#include <string.h>
#include <uffd_guard.h>

#define NS_PER_S UINT64_C(1000000000)

/* ---- Readings ---- */

static struct reading reading_at(uint64_t seconds, size_t n_guards)
{
	struct reading reading = { .at_ns = seconds * NS_PER_S, .n_guards = n_guards };
	reading.guards = calloc(n_guards + 1, sizeof(*reading.guards));
	ck_assert_ptr_nonnull(reading.guards);
	for (size_t i = 0; i < n_guards; i++) {
		reading.guards[i].guard = (uint32_t)i + 1;
		reading.guards[i].created_ns = NS_PER_S;
	}
	return reading;
}

static struct interval compare(struct reading *before, struct reading *now)
{
	struct interval interval;
	ck_assert_int_eq(interval_between(before, now, &interval), 0);
	if (before)
		free(before->guards);
	free(now->guards);
	return interval;
}

START_TEST(rates_are_of_the_interval_and_sums_of_all_guards)
{
	struct reading before = reading_at(10, 2), now = reading_at(12, 2);
	before.guards[0].stats.faults = 100;
	before.guards[1].stats.faults = 10;
	now.guards[0].stats.faults = 160;
	now.guards[1].stats.faults = 50;
	now.guards[1].stats.bytes_resident = 4096;
	struct interval interval = compare(&before, &now);
	ck_assert_uint_eq(interval.now.named.faults, 210);
	ck_assert_uint_eq(interval.change.named.faults, 100);
	ck_assert_uint_eq(interval.now.named.bytes_resident, 4096);
	ck_assert_double_eq(interval_rate(&interval, interval.change.named.faults), 50);
	interval_free(&interval);
}
END_TEST

START_TEST(first_reading_is_an_average_of_the_whole_life)
{
	struct reading now = reading_at(11, 1);
	now.guards[0].stats.faults = 1000;
	struct interval interval = compare(NULL, &now);
	ck_assert(interval.is_whole_life);
	ck_assert_double_eq(interval.seconds, 10);
	ck_assert_double_eq(interval_rate(&interval, interval.change.named.faults), 100);
	interval_free(&interval);
}
END_TEST

START_TEST(guard_that_is_new_counts_from_zero_and_one_that_is_gone_not_at_all)
{
	struct reading before = reading_at(10, 1), now = reading_at(11, 1);
	before.guards[0].stats.faults = 1000;
	now.guards[0].guard = 2;
	now.guards[0].stats.faults = 7;
	struct interval interval = compare(&before, &now);
	ck_assert_uint_eq(interval.change.named.faults, 7);
	interval_free(&interval);
}
END_TEST

START_TEST(counters_that_go_back_are_no_change)
{
	struct reading before = reading_at(10, 1), now = reading_at(11, 1);
	before.guards[0].stats.faults = UINT64_MAX;
	struct interval interval = compare(&before, &now);
	ck_assert_uint_eq(interval.change.named.faults, 0);
	interval_free(&interval);
}
END_TEST

START_TEST(no_guard_is_no_disaster)
{
	struct reading before = reading_at(10, 0), now = reading_at(11, 0);
	struct interval interval = compare(&before, &now);
	ck_assert_uint_eq(interval.n_regions, 0);
	ck_assert_uint_eq(interval.latency.n_faults, 0);
	interval_free(&interval);
}
END_TEST

START_TEST(percentiles_are_bounds_of_buckets)
{
	struct reading before = reading_at(10, 1), now = reading_at(11, 1);
	before.guards[0].stats.fault_ns[20] = 50; /* before this interval */
	now.guards[0].stats.fault_ns[20] = 51;
	now.guards[0].stats.fault_ns[10] = 60;
	now.guards[0].stats.fault_ns[12] = 39;
	struct interval interval = compare(&before, &now);
	ck_assert_uint_eq(interval.latency.n_faults, 100);
	ck_assert_double_eq(interval.latency.p50, 2048);
	ck_assert_double_eq(interval.latency.p99, 8192);
	ck_assert_double_eq(interval.latency.longest, 2097152);
	interval_free(&interval);
}
END_TEST

START_TEST(region_in_a_slot_of_another_counts_from_zero)
{
	struct reading before = reading_at(10, 1), now = reading_at(11, 1);
	before.guards[0].regions[3] =
		(struct published_region){ .number = 4, .stats = { .faults = 100, .losses = 9 } };
	now.guards[0].regions[3] =
		(struct published_region){ .number = 5, .stats = { .faults = 20, .losses = 10 } };
	struct interval interval = compare(&before, &now);
	ck_assert_uint_eq(interval.n_regions, 1);
	ck_assert_double_eq(interval.regions[0].faults, 20);
	ck_assert_uint_eq(interval.regions[0].new_losses, 10);
	interval_free(&interval);
}
END_TEST

START_TEST(regions_are_sorted_by_each_key)
{
	static const struct {
		enum sort_key key;
		uint64_t first;
	} rows[] = {
		{ SORT_RESIDENT, 2 },
		{ SORT_FAULTS, 3 },
		{ SORT_LOSSES, 4 },
		{ SORT_LENGTH, 5 },
		{ SORT_NUMBER, 1 },
	};
	for (size_t i = 0; i < n_elements(rows); i++) {
		struct reading before = reading_at(10, 1), now = reading_at(11, 1);
		for (size_t n = 0; n < 5; n++)
			now.guards[0].regions[n].number = 5 - n;
		now.guards[0].regions[3].stats.bytes_resident = 1;
		now.guards[0].regions[2].stats.faults = 1;
		now.guards[0].regions[1].stats.losses = 1;
		now.guards[0].regions[0].length = 1;
		struct interval interval = compare(&before, &now);
		interval_sort(&interval, rows[i].key);
		ck_assert_uint_eq(interval.regions[0].number, rows[i].first);
		interval_free(&interval);
	}
}
END_TEST

/* Set all bits: a hostile process of the same user may publish anything. */
START_TEST(nonsense_is_shown_as_such)
{
	struct reading now = reading_at(11, 1);
	memset(now.guards, 0xff, sizeof(*now.guards));
	struct interval interval = compare(NULL, &now);
	ck_assert_uint_eq(interval.n_regions, PUBLISHED_REGIONS);
	ck_assert_uint_eq(strlen(interval.regions[0].name), PUBLISHED_LETTERS);
	ck_assert_str_eq(mode_name(interval.regions[0].mode), "unknown");
	for (enum sort_key key = SORT_RESIDENT; key <= SORT_NUMBER; key++)
		interval_sort(&interval, key);
	interval_free(&interval);
}
END_TEST

START_TEST(reasons_are_named)
{
	unsigned at = 0;
	const uint32_t reasons = UFFD_GUARD_LOST_TRUNCATED | UFFD_GUARD_LOST_HANDLER | 1u << 31;
	ck_assert_str_eq(next_reason(reasons, &at), "truncated");
	ck_assert_str_eq(next_reason(reasons, &at), "handler");
	ck_assert_ptr_null(next_reason(reasons, &at));
}
END_TEST

/* ---- Names ---- */

START_TEST(names_are_cleaned)
{
	static const struct {
		const char *raw, *clean;
	} rows[] = {
		{ "", "" }, { "wayland-shm", "wayland-shm" },
		{ "\x1b[2J\x1b]0;owned\x07", "?[2J?]0;owned?" }, { "a\nb\tc\rd\x7f", "a?b?c?d?" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" }, /* two letters of two bytes */
		{ "\xe7\xaa\x93\xf0\x9f\x96\xbc", "\xe7\xaa\x93\xf0\x9f\x96\xbc" }, /* 3 and 4 */
		{ "\xc2\x9b"
		  "31m",
			"?31m" }, /* CSI in one character */
		{ "\xe2\x80\xae"
		  "gpj.exe",
			"?gpj.exe" },				    /* right to left */
		{ "\xef\xbb\xbf", "?" },			    /* byte order mark */
		{ "\xff\xfe\x80", "???" },			    /* no UTF-8 at all */
		{ "\xc3", "?" },				    /* cut off */
		{ "\xe2\x80", "??" }, { "\xc0\x9b[2J", "??[2J" },   /* too long for what it means */
		{ "\xe0\x80\x9b", "???" }, { "\xed\xa0\x80", "?" }, /* half of a surrogate pair */
		{ "\xf4\x90\x80\x80", "????" },			    /* beyond the last character */
		{ "\xf3\xa0\x81\x81", "?" },			    /* a tag */
	};
	for (size_t i = 0; i < n_elements(rows); i++) {
		char clean[64];
		name_clean(rows[i].raw, strlen(rows[i].raw), clean);
		ck_assert_str_eq(clean, rows[i].clean);
	}
}
END_TEST

START_TEST(name_without_an_end_is_cut)
{
	char clean[5];
	name_clean("abc\xc3\xbc", 4, clean);
	ck_assert_str_eq(clean, "abc?");
}
END_TEST

START_TEST(memfds_are_shown_without_dressing)
{
	static const struct {
		const char *name, *shown;
	} rows[] = {
		{ "/memfd:wayland-shm (deleted)", "memfd:wayland-shm" },
		{ "/memfd:", "memfd:" },
		{ "/memfd: (deleted)", "memfd:" },
		{ "/dev/shm/x (deleted)", "/dev/shm/x (deleted)" },
		{ "", "" },
	};
	for (size_t i = 0; i < n_elements(rows); i++) {
		char name[64];
		strcpy(name, rows[i].name);
		name_shorten(name);
		ck_assert_str_eq(name, rows[i].shown);
	}
}
END_TEST

/* ---- Numbers ---- */

START_TEST(numbers_take_few_letters)
{
	char text[FORMAT_LETTERS];
	ck_assert_str_eq(format_bytes(text, 0), "0 B");
	ck_assert_str_eq(format_bytes(text, 1023), "1023 B");
	ck_assert_str_eq(format_bytes(text, 1024), "1 KiB");
	ck_assert_str_eq(format_bytes(text, 1536), "1.5 KiB");
	ck_assert_str_eq(format_bytes(text, 1048575), "1.0 MiB");
	ck_assert_str_eq(format_bytes(text, 18446744073709551615.0), "16384 PiB");
	ck_assert_str_eq(format_count(text, 0.25), "0.2");
	ck_assert_str_eq(format_count(text, 999), "999");
	ck_assert_str_eq(format_count(text, 999.9), "1.0k");
	ck_assert_str_eq(format_count(text, 12345), "12.3k");
	ck_assert_str_eq(format_ns(text, 65536), "65.5 us");
	ck_assert_str_eq(format_age(text, 3723.9), "1:02:03");
}
END_TEST

/* ---- Columns ---- */

static const struct column columns[] = {
	{ "one", 4, false, 0 },
	{ "two", 3, true, 2 },
	{ "three", 6, false, 1 },
	{ "name", 5, true, 0 },
};

START_TEST(columns_that_matter_least_are_left_out)
{
	static const struct {
		unsigned width;
		const char *line;
	} rows[] = {
		{ 0, " one two  three name" },
		{ 21, " one two  three name" },
		{ 20, " one  three name" },
		{ 17, " one  three name" },
		{ 16, " one name" },
		{ 1, " one name" },
	};
	for (size_t i = 0; i < n_elements(rows); i++) {
		char line[64];
		const unsigned order = columns_that_fit(columns, 4, rows[i].width);
		columns_write(columns, 4, order, NULL, line, sizeof(line));
		ck_assert_str_eq(line, rows[i].line);
	}
}
END_TEST

START_TEST(long_values_end_with_the_line)
{
	static const char *const texts[] = { "1", "2", "3", "a name that is too long" };
	char line[24];
	columns_write(columns, 4, 4, texts, line, sizeof(line));
	ck_assert_str_eq(line, "   1 2        3 a name ");
}
END_TEST

START_TEST(letters_are_cut_whole)
{
	char text[] = "l\xc3\xa4nger";
	ck_assert_uint_eq(count_letters(text), 6);
	cut_letters(text, 6);
	ck_assert_str_eq(text, "l\xc3\xa4nger");
	cut_letters(text, 2);
	ck_assert_str_eq(text, "l\xc3\xa4");
	cut_letters(text, 1);
	ck_assert_str_eq(text, "l");
	cut_letters(text, 0);
	ck_assert_str_eq(text, "");
}
END_TEST

static TCase *top_case(void)
{
	TCase *tcase = tcase_create("top");
	tcase_add_test(tcase, rates_are_of_the_interval_and_sums_of_all_guards);
	tcase_add_test(tcase, first_reading_is_an_average_of_the_whole_life);
	tcase_add_test(tcase, guard_that_is_new_counts_from_zero_and_one_that_is_gone_not_at_all);
	tcase_add_test(tcase, counters_that_go_back_are_no_change);
	tcase_add_test(tcase, no_guard_is_no_disaster);
	tcase_add_test(tcase, percentiles_are_bounds_of_buckets);
	tcase_add_test(tcase, region_in_a_slot_of_another_counts_from_zero);
	tcase_add_test(tcase, regions_are_sorted_by_each_key);
	tcase_add_test(tcase, nonsense_is_shown_as_such);
	tcase_add_test(tcase, reasons_are_named);
	tcase_add_test(tcase, names_are_cleaned);
	tcase_add_test(tcase, name_without_an_end_is_cut);
	tcase_add_test(tcase, memfds_are_shown_without_dressing);
	tcase_add_test(tcase, numbers_take_few_letters);
	tcase_add_test(tcase, columns_that_matter_least_are_left_out);
	tcase_add_test(tcase, long_values_end_with_the_line);
	tcase_add_test(tcase, letters_are_cut_whole);
	return tcase;
}

UNIT_MAIN("top", top_case)

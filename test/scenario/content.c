/* SPDX-License-Identifier: MIT */
/* What a region reads as, whatever happens to the file: P1, P3 to P7. Each for every kind of file.
 */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define START_OR_RETURN(...)                                                                       \
	struct fixture f;                                                                          \
	if (!fixture_start(                                                                        \
		    &f, &(struct fixture_options){ .kind = (enum file_kind)_i, __VA_ARGS__ }))     \
		return;

/* hugetlb files are cut and punched in huge pages, so all tests that cut do it at this multiple. */
static size_t unit(int kind)
{
	return file_granularity((enum file_kind)kind) / (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(region_reads_as_the_file)
{
	START_OR_RETURN(.n_pages = 40)
	for (size_t i = 0; i < 40; i++)
		assert_page_is(&f, i, page_value(i));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_read_backwards_are_right)
{
	START_OR_RETURN(.n_pages = 40)
	for (size_t i = 40; i-- > 0;)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(page_beyond_truncated_file_reads_as_zero)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 4 * u)
	fixture_truncate(&f, u);
	fixture_changed(&f);
	assert_page_is(&f, 2 * u, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_page_is(&f, 0, page_value(0));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(page_once_read_stays_though_the_file_changes)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 2 * u)
	assert_page_is(&f, 0, page_value(0));
	file_write_page(f.fd, 0, 77);
	assert_page_is(&f, 0, page_value(0));
	fixture_truncate(&f, 0);
	assert_page_is(&f, 0, page_value(0));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(refresh_brings_new_content_to_filled_pages)
{
	START_OR_RETURN(.n_pages = 16)
	for (size_t i = 0; i < 16; i++)
		assert_page_is(&f, i, page_value(i));
	for (size_t i = 0; i < 16; i++)
		file_write_page(f.fd, i, (unsigned char)(100 + i));
	assert_ok(uffd_guard_refresh(f.region, 0, 16 * f.page));
	for (size_t i = 0; i < 16; i++)
		assert_page_is(&f, i, (unsigned char)(100 + i));
	fixture_stop(&f);
}
END_TEST

START_TEST(refresh_is_exact_to_the_byte)
{
	START_OR_RETURN(.n_pages = 4)
	assert_page_is(&f, 1, page_value(1));
	assert_page_is(&f, 2, page_value(2));
	file_write_page(f.fd, 1, 101);
	file_write_page(f.fd, 2, 102);
	assert_ok(uffd_guard_refresh(f.region, 2 * f.page - 7, 12));
	assert_bytes_are(&f, f.page, 2 * f.page - 7, page_value(1));
	assert_bytes_are(&f, 2 * f.page - 7, 2 * f.page, 101);
	assert_bytes_are(&f, 2 * f.page, 2 * f.page + 5, 102);
	assert_bytes_are(&f, 2 * f.page + 5, 3 * f.page, page_value(2));
	fixture_stop(&f);
}
END_TEST

START_TEST(refresh_leaves_absent_pages_absent)
{
	START_OR_RETURN(.n_pages = 64)
	assert_page_is(&f, 40, page_value(40));
	uint64_t copied = fixture_stats(&f).pages_copied;
	assert_ok(uffd_guard_refresh(f.region, 0, 64 * f.page));
	struct uffd_guard_stats stats = fixture_stats(&f);
	ck_assert_uint_eq(stats.pages_copied, copied);
	ck_assert_uint_eq(stats.bytes_refreshed, copied * f.page);
	fixture_stop(&f);
}
END_TEST

START_TEST(regrown_file_is_seen_after_refresh)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 2 * u)
	fixture_truncate(&f, 0);
	fixture_changed(&f);
	assert_page_is(&f, 0, 0);
	assert_page_is(&f, u, 0);
	fixture_truncate(&f, 2 * u);
	file_write_page(f.fd, 0, 9);
	file_write_page(f.fd, u, 10);
	assert_page_is(&f, u, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, 2 * u * f.page));
	assert_page_is(&f, 0, 9);
	assert_page_is(&f, u, 10);
	fixture_stop(&f);
}
END_TEST

START_TEST(filled_pages_of_a_truncated_file_are_zero_after_refresh)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 3 * u)
	for (size_t i = 0; i < 3 * u; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_truncate(&f, u);
	assert_ok(uffd_guard_refresh(f.region, 0, 3 * u * f.page));
	for (size_t i = 0; i < u; i++)
		assert_page_is(&f, i, page_value(i));
	for (size_t i = u; i < 3 * u; i++)
		assert_page_is(&f, i, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	ck_assert_uint_eq(
		fixture_stats(&f).bytes_resident, u * f.page); /* what is lost is given back */
	fixture_stop(&f);
}
END_TEST

START_TEST(hole_reads_as_zero_and_is_no_loss)
{
	START_OR_RETURN(.n_pages = 600, .is_sparse = true)
	size_t before = file_allocated_bytes(f.fd);
	for (size_t i = 0; i < 600; i++)
		assert_page_is(&f, i, 0);
	assert_losses_eq(&f, 0);
	ck_assert_uint_eq(file_allocated_bytes(f.fd),
		before); /* nothing was allocated in the client's file */
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(punched_pages_are_zero_after_refresh_and_give_memory_back)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 4 * u)
	for (size_t i = 0; i < 4 * u; i++)
		assert_page_is(&f, i, page_value(i));
	file_punch(f.fd, u, 2 * u);
	size_t allocated = file_allocated_bytes(f.fd);
	assert_ok(uffd_guard_refresh(f.region, 0, 4 * u * f.page));
	assert_page_is(&f, 0, page_value(0));
	assert_page_is(&f, u, 0);
	assert_page_is(&f, 3 * u - 1, 0);
	assert_page_is(&f, 3 * u, page_value(3 * u));
	assert_losses_eq(&f, 0);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), allocated);
	fixture_stop(&f);
}
END_TEST

START_TEST(data_in_a_former_hole_is_seen_after_refresh)
{
	START_OR_RETURN(.n_pages = 64, .is_sparse = true)
	for (size_t i = 0; i < 64; i++)
		assert_page_is(&f, i, 0);
	file_write_page(f.fd, 33, 5);
	assert_ok(uffd_guard_refresh(f.region, 0, 64 * f.page));
	assert_page_is(&f, 32, 0);
	assert_page_is(&f, 33, 5);
	assert_page_is(&f, 34, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_cut_in_the_middle_of_a_page_loses_the_rest_only)
{
	if (_i == FILE_HUGETLB)
		return; /* comes in whole pages only */
	START_OR_RETURN(.n_pages = 3)
	/* Another page of this size has been through the staging memory before: its bytes must not
	 * show. */
	assert_page_is(&f, 2, page_value(2));
	assert_ok(ftruncate(f.fd, (off_t)(f.page + 123)));
	fixture_changed(&f);
	assert_bytes_are(&f, f.page, f.page + 123, page_value(1));
	assert_bytes_are(&f, f.page + 123, 2 * f.page, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

START_TEST(refresh_of_a_page_cut_in_the_middle_zeroes_the_rest)
{
	if (_i == FILE_HUGETLB)
		return;
	START_OR_RETURN(.n_pages = 3)
	for (size_t i = 0; i < 3; i++)
		assert_page_is(&f, i, page_value(i));
	assert_ok(ftruncate(f.fd, (off_t)(f.page + 123)));
	assert_ok(uffd_guard_refresh(f.region, 10, 3 * f.page - 20));
	assert_bytes_are(&f, f.page, f.page + 123, page_value(1));
	assert_bytes_are(&f, f.page + 123, 3 * f.page - 10, 0);
	assert_bytes_are(&f, 3 * f.page - 10, 3 * f.page, page_value(2));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

START_TEST(bytes_behind_the_length_read_as_zero_and_are_no_loss)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	START_OR_RETURN(.n_pages = 4, .length = page + 100, .reserve = 4 * page)
	assert_bytes_are(&f, page, page + 100, page_value(1));
	assert_bytes_are(&f, page + 100, 4 * page, 0);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(only_pages_without_data_are_lost)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 8 * u)
	fixture_truncate(&f, 4 * u);
	fixture_changed(&f);
	assert_page_is(&f, 7 * u, 0);
	for (size_t i = 0; i < 4 * u; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(reading_ahead_of_need_loses_nothing)
{
	size_t u = _i == FILE_HUGETLB ? unit(_i) : 100; /* windows grow, and reach across the end */
	START_OR_RETURN(.n_pages = 2 * u)
	fixture_truncate(&f, u);
	for (size_t i = 0; i < u; i++)
		assert_page_is(&f, i, page_value(i));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(store_is_kept_until_refresh_without_map_write_too)
{
	START_OR_RETURN(.n_pages = 4)
	f.data[0] = 200;
	f.data[f.page] = 201;
	ck_assert_uint_eq(f.data[0], 200);
	ck_assert_uint_eq(f.data[1], page_value(0));
	fixture_truncate(&f, 0);
	f.data[3 * f.page + 5] = 202; /* past the end: no signal */
	ck_assert_uint_eq(f.data[3 * f.page + 5], 202);
	fixture_stop(&f);
}
END_TEST

START_TEST(refresh_drops_stores_also_in_holes)
{
	START_OR_RETURN(.n_pages = 4, .is_sparse = true)
	assert_page_is(&f, 0, 0);
	f.data[100] = 1;
	f.data[3 * f.page] = 1;
	assert_ok(uffd_guard_refresh(f.region, 0, 4 * f.page));
	assert_page_is(&f, 0, 0);
	assert_page_is(&f, 3, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(stores_beside_a_refreshed_range_stay)
{
	START_OR_RETURN(.n_pages = 4, .is_sparse = true, .map_flags = UFFD_GUARD_MAP_WRITE)
	for (size_t i = 0; i < 3; i++) {
		f.data[i * f.page] = 65;
		f.data[i * f.page + 2048] = 66;
	}
	assert_ok(uffd_guard_refresh(f.region, 2048, 64));
	assert_ok(uffd_guard_discard(f.region, f.page + 2048, f.page - 2048));
	assert_ok(uffd_guard_resize(f.region, 2 * f.page + 2048));
	assert_ok(uffd_guard_resize(f.region, 4 * f.page));
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(f.data[i * f.page], 65);
		ck_assert_uint_eq(f.data[i * f.page + 2048], 0);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(discard_gives_memory_back_and_reads_afresh)
{
	START_OR_RETURN(.n_pages = 8)
	for (size_t i = 0; i < 8; i++)
		assert_page_is(&f, i, page_value(i));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 8 * f.page);
	file_write_page(f.fd, 1, 50);
	file_write_page(f.fd, 3, 53);
	assert_ok(uffd_guard_discard(f.region, f.page, 2 * f.page + 10));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, (runner_is_eager() ? 8 : 6) * f.page);
	assert_page_is(&f, 1, 50);
	/* The page that is only partly in the range: just those bytes. */
	assert_bytes_are(&f, 3 * f.page, 3 * f.page + 10, 53);
	assert_bytes_are(&f, 3 * f.page + 10, 4 * f.page, page_value(3));
	fixture_stop(&f);
}
END_TEST

START_TEST(discard_within_the_last_page_leaves_the_rest_of_it)
{
	START_OR_RETURN(.n_pages = 2, .length = (size_t)getpagesize() + 1000)
	assert_bytes_are(&f, f.page, f.page + 1000, page_value(1));
	file_write_page(f.fd, 1, 99);
	assert_ok(uffd_guard_discard(f.region, f.page + 100, 900));
	assert_bytes_are(&f, f.page, f.page + 100, page_value(1));
	assert_bytes_are(&f, f.page + 100, f.page + 1000, 99);
	fixture_stop(&f);
}
END_TEST

START_TEST(populate_fills_at_once_and_no_fault_follows)
{
	START_OR_RETURN(.n_pages = 700)
	assert_ok(uffd_guard_populate(f.region, 0, 700 * f.page));
	for (size_t i = 0; i < 700; i++)
		assert_page_is(&f, i, page_value(i));
	ck_assert_uint_eq(fixture_stats(&f).faults, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(populate_reports_what_the_file_lacks)
{
	size_t u = unit(_i);
	START_OR_RETURN(.n_pages = 4 * u)
	fixture_truncate(&f, 2 * u);
	fixture_ask(&f, 0, 2 * u);
	assert_losses_eq(&f, 0);
	fixture_ask(&f, 0, 4 * u);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_page_is(&f, 2 * u, 0);
	ck_assert_uint_eq(fixture_stats(&f).faults, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(map_populate_fills_at_once)
{
	START_OR_RETURN(.n_pages = 10, .map_flags = UFFD_GUARD_MAP_POPULATE)
	for (size_t i = 0; i < 10; i++)
		assert_page_is(&f, i, page_value(i));
	ck_assert_uint_eq(fixture_stats(&f).faults, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(resize_up_shows_more_at_the_same_address)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	START_OR_RETURN(.n_pages = 8, .length = page + 100, .reserve = 8 * page)
	assert_bytes_are(&f, page + 100, 8 * page, 0); /* fills what is not yet the region's */
	assert_ok(uffd_guard_resize(f.region, 8 * page));
	ck_assert_uint_eq(uffd_guard_region_length(f.region), 8 * page);
	ck_assert_ptr_eq(uffd_guard_region_data(f.region), (void *)f.data);
	for (size_t i = 1; i < 8; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(resize_down_takes_bytes_away)
{
	START_OR_RETURN(.n_pages = 8)
	for (size_t i = 0; i < 8; i++)
		assert_page_is(&f, i, page_value(i));
	assert_ok(uffd_guard_resize(f.region, f.page + 100));
	assert_bytes_are(&f, f.page, f.page + 100, page_value(1));
	assert_bytes_are(&f, f.page + 100, 8 * f.page, 0);
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 2 * f.page);
	assert_losses_eq(&f, 0);
	ck_assert_int_eq(uffd_guard_refresh(f.region, 2 * f.page, 1), -ERANGE);
	fixture_stop(&f);
}
END_TEST

static atomic_bool shall_stop;

static void *refresh_for_ever(void *data)
{
	const struct fixture *f = data;
	while (!atomic_load(&shall_stop)) {
		int err = uffd_guard_refresh(f->region, 0, 4 * f->page);
		ck_assert(err == 0 || err == -ERANGE);
	}
	return NULL;
}

/* A range that was inside the region when refresh looked, and is not when it writes. */
START_TEST(refresh_racing_with_resize_leaves_nothing_behind_the_length)
{
	START_OR_RETURN(.n_pages = 4)
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, refresh_for_ever, &f));
	for (int i = 0; i < 3000; i++) {
		assert_ok(uffd_guard_populate(f.region, 0, 4 * f.page));
		assert_ok(uffd_guard_resize(f.region, f.page + 100));
		for (int look = 0; look < 3; look++)
			assert_bytes_are(&f, f.page + 100, f.page + 200, 0);
		assert_ok(uffd_guard_resize(f.region, 4 * f.page));
	}
	atomic_store(&shall_stop, true);
	pthread_join(thread, NULL);
	fixture_stop(&f);
}
END_TEST

START_TEST(resize_beyond_the_reserve_is_refused)
{
	START_OR_RETURN(.n_pages = 2)
	ck_assert_int_eq(uffd_guard_resize(f.region, 3 * f.page), -ENOSPC);
	ck_assert_int_eq(uffd_guard_resize(f.region, SIZE_MAX), -ENOSPC);
	ck_assert_int_eq(uffd_guard_resize(f.region, 0), -EINVAL);
	ck_assert_uint_eq(uffd_guard_region_length(f.region), 2 * f.page);
	assert_page_is(&f, 1, page_value(1));
	fixture_stop(&f);
}
END_TEST

START_TEST(resize_beyond_a_sealed_file_reads_as_zero)
{
	if (_i != FILE_MEMFD)
		return;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	START_OR_RETURN(.n_pages = 2, .reserve = 8 * page)
	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_SHRINK));
	assert_ok(uffd_guard_resize(f.region, 8 * page));
	assert_page_is(&f, 1, page_value(1));
	assert_page_is(&f, 7, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

START_TEST(closing_the_clients_descriptor_changes_nothing)
{
	START_OR_RETURN(.n_pages = 4)
	close(f.fd);
	assert_page_is(&f, 2, page_value(2));
	f.fd = -1;
	fixture_stop(&f);
}
END_TEST

START_TEST(spans_are_refreshed_in_any_order_and_overlapping)
{
	START_OR_RETURN(.n_pages = 100)
	assert_ok(uffd_guard_populate(f.region, 0, 100 * f.page));
	for (size_t i = 0; i < 100; i++)
		file_write_page(f.fd, i, 255);
	struct uffd_guard_span spans[90];
	for (size_t i = 0; i < 90;
		i++) /* more than fit on a stack, backwards, each page and a bit */
		spans[i] = (struct uffd_guard_span){ .offset = (89 - i) * f.page,
			.length = f.page + 10 };
	assert_ok(uffd_guard_refresh_spans(f.region, spans, 90));
	assert_bytes_are(&f, 0, 90 * f.page + 10, 255);
	assert_bytes_are(&f, 90 * f.page + 10, 91 * f.page, page_value(90));
	fixture_stop(&f);
}
END_TEST

#define N_ROWS	  200
#define ROW	  3201 /* bytes from one to the next: not aligned to anything */
#define ROW_BEGIN 1000
#define ROW_BYTES 321

#define ABSENT 20 /* a page that was never read: all of it is new, but in EAGER */

static unsigned char byte_of_rows(const struct fixture *f, size_t i, size_t end, size_t hole)
{
	const size_t page = i / f->page;
	const bool is_absent = page == ABSENT && !runner_is_eager();
	const bool is_in_row = i % ROW >= ROW_BEGIN && i % ROW < ROW_BEGIN + ROW_BYTES;
	const bool is_gone = i >= end || page == hole;
	const unsigned char fresh = is_gone ? 0 : 255;
	return is_in_row || is_absent ? fresh : page_value(page);
}

/* The file was cut below row @n_rows, in the middle of it; page @hole is a hole. One assertion for
 * all, since each is written down by the framework. */
static void assert_rows_are(const struct fixture *f, size_t n_rows, size_t hole)
{
	const size_t end = n_rows * ROW + ROW_BEGIN + 50;
	size_t i = 0;
	while (i < N_ROWS * ROW && f->data[i] == byte_of_rows(f, i, end, hole))
		i++;
	ck_assert_msg(i == N_ROWS * ROW, "byte %zu is %d", i, f->data[i]);
}

START_TEST(rows_are_refreshed_and_nothing_between_them)
{
	static const size_t n_rows[] = { N_ROWS, 70, 1, 0 };
	struct uffd_guard_span rows[N_ROWS];
	START_OR_RETURN(.n_pages = 160)
	for (size_t i = 0; i < N_ROWS; i++)
		rows[i] = (struct uffd_guard_span){ i * ROW + ROW_BEGIN, ROW_BYTES };
	for (size_t i = 0; i < sizeof(n_rows) / sizeof(n_rows[0]); i++) {
		const bool is_cut = n_rows[i] < N_ROWS;
		const size_t hole = i == 0 ? 31 : 1000;
		assert_ok(ftruncate(f.fd, (off_t)(160 * f.page)));
		for (size_t j = 0; j < 160; j++)
			file_write_page(f.fd, j, page_value(j));
		assert_ok(uffd_guard_discard(f.region, 0, 160 * f.page));
		assert_ok(uffd_guard_populate(f.region, 0, ABSENT * f.page));
		assert_ok(uffd_guard_populate(f.region, (ABSENT + 1) * f.page, 139 * f.page));
		for (size_t j = 0; j < 160; j++)
			file_write_page(f.fd, j, 255);
		if (hole < 160)
			file_punch(f.fd, hole, 1);
		if (is_cut)
			assert_ok(ftruncate(f.fd, (off_t)(n_rows[i] * ROW + ROW_BEGIN + 50)));
		assert_ok(uffd_guard_refresh_spans(f.region, rows, N_ROWS));
		assert_rows_are(&f, n_rows[i], hole);
		assert_losses_eq(&f, is_cut ? UFFD_GUARD_LOST_TRUNCATED : 0);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(spans_are_all_checked_before_any_is_done)
{
	START_OR_RETURN(.n_pages = 4)
	assert_ok(uffd_guard_populate(f.region, 0, 4 * f.page));
	file_write_page(f.fd, 0, 255);
	const struct uffd_guard_span spans[] = {
		{ .offset = 0, .length = f.page },
		{ .offset = UINT64_MAX - 1, .length = 4 },
	};
	ck_assert_int_eq(uffd_guard_refresh_spans(f.region, spans, 2), -ERANGE);
	assert_page_is(&f, 0, page_value(0));
	fixture_stop(&f);
}
END_TEST

START_TEST(ranges_outside_the_region_are_refused)
{
	START_OR_RETURN(.n_pages = 2)
	const uint64_t all = 2 * f.page;
	static const uint64_t huge = UINT64_MAX;
	const struct uffd_guard_span bad[] = {
		{ all, 1 },
		{ 0, all + 1 },
		{ 1, huge },
		{ huge, 1 },
		{ huge, huge },
		{ all + 1, 0 },
	};
	char buffer[2];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(
			uffd_guard_refresh(f.region, bad[i].offset, bad[i].length), -ERANGE);
		ck_assert_int_eq(
			uffd_guard_populate(f.region, bad[i].offset, bad[i].length), -ERANGE);
		ck_assert_int_eq(
			uffd_guard_discard(f.region, bad[i].offset, bad[i].length), -ERANGE);
		ck_assert_int_eq(
			uffd_guard_read(f.region, bad[i].offset, buffer, (size_t)bad[i].length),
			-ERANGE);
	}
	assert_ok(uffd_guard_refresh(f.region, all, 0));
	fixture_stop(&f);
}
END_TEST

/* The address space of a pool is the client's to declare; what is used is the server's to decide.
 */
/* So large that nobody looks at each of its pages. */
START_TEST(refresh_drops_a_store_in_a_large_hole)
{
	if (_i == FILE_HUGETLB)
		return;
	START_OR_RETURN(.n_pages = 4096, .is_sparse = true)
	f.data[3000 * f.page] = 9;
	assert_ok(uffd_guard_refresh(f.region, 0, 4096 * f.page));
	assert_page_is(&f, 3000, 0);
	file_write_page(f.fd, 3000, 10);
	assert_ok(uffd_guard_refresh(f.region, 0, 4096 * f.page));
	assert_page_is(&f, 3000, 10);
	fixture_stop(&f);
}
END_TEST

START_TEST(four_pages_of_a_sparse_gigabyte_cost_four_pages)
{
	if (_i == FILE_HUGETLB)
		return;
	size_t n = ((size_t)1 << 30) / (size_t)sysconf(_SC_PAGESIZE);
	START_OR_RETURN(.n_pages = n, .is_sparse = true)
	const size_t pages[] = { 0, n / 3, n / 2 + 17, n - 1 };
	for (size_t i = 0; i < 4; i++)
		file_write_page(f.fd, pages[i], (unsigned char)(i + 1));
	fixture_changed(&f);
	for (size_t i = 0; i < 4; i++)
		assert_page_is(&f, pages[i], (unsigned char)(i + 1));
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, (size_t)1 << 20);
	if (!holes_are_read())
		ck_assert_uint_le(fixture_stats(&f).pages_zeroed, runner_is_eager() ? 4096 : 1024);
	ck_assert_uint_le(file_allocated_bytes(f.fd), 8 * f.page);
	fixture_stop(&f);
}
END_TEST

/* Read in sequence, a huge page would fit over both the hole and the page behind it. */
START_TEST(hole_within_a_huge_page_costs_no_memory)
{
	if (_i == FILE_HUGETLB)
		return;
	START_OR_RETURN(.n_pages = 2048)
	file_punch(f.fd, 1025, 500);
	fixture_changed(&f);
	for (size_t i = 0; i < 2048; i++)
		ck_assert_uint_eq(f.data[i * f.page], i >= 1025 && i < 1525 ? 0 : page_value(i));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 1548 * f.page);
	assert_ok(uffd_guard_discard(f.region, 0, 2048 * f.page));
	assert_ok(uffd_guard_populate(f.region, 0, 2048 * f.page));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 1548 * f.page);
	fixture_stop(&f);
}
END_TEST

START_TEST(reading_in_sequence_takes_few_faults)
{
	START_OR_RETURN(.n_pages = 2048)
	for (size_t i = 0; i < 2048; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	ck_assert_uint_le(fixture_stats(&f).faults, 2048 / 16);
	fixture_stop(&f);
}
END_TEST

static TCase *content_case(void)
{
	TCase *tcase = tcase_create("content");
	tcase_add_loop_test(tcase, region_reads_as_the_file, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, pages_read_backwards_are_right, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, page_beyond_truncated_file_reads_as_zero, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, page_once_read_stays_though_the_file_changes, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, hole_reads_as_zero_and_is_no_loss, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, file_cut_in_the_middle_of_a_page_loses_the_rest_only, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, bytes_behind_the_length_read_as_zero_and_are_no_loss, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, only_pages_without_data_are_lost, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, reading_ahead_of_need_loses_nothing, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, closing_the_clients_descriptor_changes_nothing, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, four_pages_of_a_sparse_gigabyte_cost_four_pages, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, refresh_drops_a_store_in_a_large_hole, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, reading_in_sequence_takes_few_faults, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, hole_within_a_huge_page_costs_no_memory, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, store_is_kept_until_refresh_without_map_write_too, 0, N_FILE_KINDS);
	return tcase;
}

static TCase *refresh_case(void)
{
	TCase *tcase = tcase_create("refresh");
	tcase_add_loop_test(tcase, refresh_brings_new_content_to_filled_pages, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, refresh_is_exact_to_the_byte, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, refresh_leaves_absent_pages_absent, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, regrown_file_is_seen_after_refresh, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, filled_pages_of_a_truncated_file_are_zero_after_refresh, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, punched_pages_are_zero_after_refresh_and_give_memory_back, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, data_in_a_former_hole_is_seen_after_refresh, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, refresh_of_a_page_cut_in_the_middle_zeroes_the_rest, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, refresh_drops_stores_also_in_holes, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, stores_beside_a_refreshed_range_stay, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, spans_are_refreshed_in_any_order_and_overlapping, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, rows_are_refreshed_and_nothing_between_them, 0, FILE_HUGETLB);
	tcase_add_loop_test(tcase, spans_are_all_checked_before_any_is_done, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, ranges_outside_the_region_are_refused, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, discard_gives_memory_back_and_reads_afresh, 0, N_FILE_KINDS);
	tcase_add_loop_test(
		tcase, discard_within_the_last_page_leaves_the_rest_of_it, 0, FILE_HUGETLB);
	tcase_add_loop_test(tcase, populate_fills_at_once_and_no_fault_follows, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, populate_reports_what_the_file_lacks, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, map_populate_fills_at_once, 0, N_FILE_KINDS);
	return tcase;
}

static TCase *resize_case(void)
{
	TCase *tcase = tcase_create("resize");
	tcase_add_loop_test(tcase, resize_up_shows_more_at_the_same_address, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, resize_down_takes_bytes_away, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, resize_beyond_the_reserve_is_refused, 0, N_FILE_KINDS);
	tcase_add_test(tcase, refresh_racing_with_resize_leaves_nothing_behind_the_length);
	tcase_add_loop_test(tcase, resize_beyond_a_sealed_file_reads_as_zero, 0, N_FILE_KINDS);
	return tcase;
}

RUNNER_MAIN("content", content_case, refresh_case, resize_case)

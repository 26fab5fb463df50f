/* SPDX-License-Identifier: MIT */
/* Rectangles and updates: bytes are brought over exactly, what is absent is filled, and copies past
 * the region's own pages land where they should. */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_PAGES 16

/* Of the file: each byte another value than it had. */
static void client_draws(struct fixture *f)
{
	for (size_t page = 0; page < N_PAGES; page++)
		file_write_page(f->fd, page, (unsigned char)(200 + page));
}

static unsigned char drawn(size_t offset, size_t page)
{
	return (unsigned char)(200 + offset / page);
}

static bool is_in(const struct uffd_guard_rect *rect, size_t offset)
{
	if (offset < rect->offset)
		return false;
	const size_t row = (offset - rect->offset) / rect->stride;
	return row < rect->height && (offset - rect->offset) % rect->stride < rect->width;
}

static bool is_in_any(const struct uffd_guard_rect *rects, size_t n_rects, size_t offset)
{
	for (size_t i = 0; i < n_rects; i++) {
		if (is_in(&rects[i], offset))
			return true;
	}
	return false;
}

static void touch_all(struct fixture *f)
{
	for (size_t page = 0; page < N_PAGES; page++)
		assert_page_is(f, page, page_value(page));
}

static bool start_filled(struct fixture *f, int kind, uint32_t map_flags)
{
	if (!fixture_start(f, &(struct fixture_options){ .kind = (enum file_kind)kind,
				      .n_pages = N_PAGES,
				      .map_flags = map_flags }))
		return false;
	touch_all(f);
	return true;
}

/* Rows that lie close, rows far apart, rows across pages, rectangles that overlap. */
static const struct uffd_guard_rect shapes[] = { { 100, 300, 40, 50 }, { 5000, 5000, 700, 9 },
	{ 110, 310, 35, 60 }, { 20000, 6000, 4097, 5 }, { 61000, 64, 1, 40 } };

START_TEST(refreshed_rectangles_are_new_and_the_bytes_beside_them_old)
{
	struct fixture f;
	if (!start_filled(&f, _i, 0))
		return;
	client_draws(&f);
	assert_ok(uffd_guard_refresh_rects(f.region, shapes, 5));
	for (size_t i = 0; i < N_PAGES * f.page; i++) {
		const bool is_new = is_in_any(shapes, 5, i);
		ck_assert_uint_eq(f.data[i], is_new ? drawn(i, f.page) : page_value(i / f.page));
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(updated_range_is_new_and_present)
{
	struct fixture f;
	if (!fixture_start(&f,
		    &(struct fixture_options){ .kind = (enum file_kind)_i, .n_pages = N_PAGES }))
		return;
	assert_page_is(&f, 3, page_value(3));
	client_draws(&f);
	assert_ok(uffd_guard_update(f.region, 2 * f.page, 8 * f.page));
	for (size_t page = 2; page < 10; page++)
		assert_page_is(&f, page, (unsigned char)(200 + page));
	if (!runner_is_eager())
		ck_assert_uint_le(fixture_stats(&f).faults, 1); /* the first touch above */
	fixture_stop(&f);
}
END_TEST

START_TEST(updated_rectangles_are_new_and_present)
{
	struct fixture f;
	if (!fixture_start(&f,
		    &(struct fixture_options){ .kind = (enum file_kind)_i, .n_pages = N_PAGES }))
		return;
	assert_page_is(&f, 0, page_value(0));
	client_draws(&f);
	assert_ok(uffd_guard_update_rects(f.region, shapes, 5));
	for (size_t i = 0; i < N_PAGES * f.page; i++) {
		if (is_in_any(shapes, 5, i))
			ck_assert_uint_eq(f.data[i], drawn(i, f.page));
	}
	if (!runner_is_eager())
		ck_assert_uint_le(fixture_stats(&f).faults, 1); /* the first touch above */
	fixture_stop(&f);
}
END_TEST

START_TEST(updated_hole_costs_no_memory)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = N_PAGES, .is_sparse = true }));
	assert_ok(uffd_guard_update(f.region, 0, N_PAGES * f.page));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), 0);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(updated_bytes_past_the_end_are_zeros_and_a_loss)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD, 0));
	fixture_truncate(&f, 4);
	assert_ok(uffd_guard_update_rects(f.region, shapes, 5));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	for (size_t i = 4 * f.page; i < N_PAGES * f.page; i++) {
		if (is_in_any(shapes, 5, i))
			ck_assert_uint_eq(f.data[i], 0);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(rectangles_outside_the_region_are_refused_and_none_is_done)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD, 0));
	const uint64_t all = N_PAGES * f.page;
	const struct uffd_guard_rect outside[] = { { all - 10, 1, 11, 1 }, { 0, all, 1, 2 },
		{ 8, UINT64_MAX / 2, 16, 3 }, { UINT64_MAX, 1, 1, 1 }, { 0, 1, UINT64_MAX, 2 } };
	client_draws(&f);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		const struct uffd_guard_rect rects[] = { { 0, 1, 100, 1 }, outside[i] };
		char byte;
		ck_assert_int_eq(uffd_guard_refresh_rects(f.region, rects, 2), -ERANGE);
		ck_assert_int_eq(uffd_guard_update_rects(f.region, rects, 2), -ERANGE);
		ck_assert_int_eq(uffd_guard_mark_rects(f.region, rects, 2), -ERANGE);
		ck_assert_int_eq(
			uffd_guard_read_rect(f.region, &outside[i], &byte, SIZE_MAX), -ERANGE);
	}
	touch_all(&f);
	ck_assert_int_eq(uffd_guard_refresh_rects(f.region, NULL, 1), -EINVAL);
	assert_ok(uffd_guard_refresh_rects(f.region, NULL, 0));
	assert_ok(uffd_guard_update_rects(f.region, &(struct uffd_guard_rect){ all, 0, 0, 9 }, 1));
	fixture_stop(&f);
}
END_TEST

START_TEST(more_rectangles_than_fit_on_the_stack_are_all_done)
{
	enum { N_RECTS = 1000 };
	static struct uffd_guard_rect rects[N_RECTS];
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD, 0));
	for (size_t i = 0; i < N_RECTS; i++)
		rects[i] = (struct uffd_guard_rect){ (i * 7919) % 60000, 64, 3, 2 };
	client_draws(&f);
	assert_ok(uffd_guard_refresh_rects(f.region, rects, N_RECTS));
	for (size_t i = 0; i < N_RECTS; i++)
		ck_assert_uint_eq(f.data[rects[i].offset], drawn(rects[i].offset, f.page));
	fixture_stop(&f);
}
END_TEST

/* ---- Past the region's own pages ---- */

START_TEST(read_rectangle_lands_row_by_row)
{
	struct fixture f;
	if (!fixture_start(&f,
		    &(struct fixture_options){ .kind = (enum file_kind)_i, .n_pages = N_PAGES }))
		return;
	for (size_t k = 0; k < 5; k++) {
		const struct uffd_guard_rect *rect = &shapes[k];
		const size_t stride = rect->width + 3;
		unsigned char *buffer = malloc(stride * rect->height);
		memset(buffer, 77, stride * rect->height);
		ck_assert_int_eq(uffd_guard_read_rect(f.region, rect, buffer, stride),
			(ssize_t)(rect->width * rect->height));
		for (size_t i = 0; i < stride * rect->height; i++) {
			const size_t row = i / stride, column = i % stride;
			const size_t offset = rect->offset + row * rect->stride + column;
			ck_assert_uint_eq(
				buffer[i], column < rect->width ? page_value(offset / f.page) : 77);
		}
		free(buffer);
	}
	if (!runner_is_eager())
		ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(read_rectangle_ends_where_the_file_does)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	const struct uffd_guard_rect rect = { 0, f.page, 100, N_PAGES };
	unsigned char buffer[N_PAGES * 100];
	assert_ok(ftruncate(f.fd, (off_t)(3 * f.page + 40)));
	memset(buffer, 77, sizeof(buffer));
	ck_assert_int_eq(uffd_guard_read_rect(f.region, &rect, buffer, 100), 340);
	for (size_t i = 0; i < sizeof(buffer); i++)
		ck_assert_uint_eq(buffer[i], i < 340 ? page_value(i / 100) : 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

START_TEST(rows_that_overlap_are_read_up_to_the_files_end)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	const struct uffd_guard_rect rect = { 0, 10, 100, 5 };
	unsigned char buffer[500];
	assert_ok(ftruncate(f.fd, 75));
	ck_assert_int_eq(
		uffd_guard_read_rect(f.region, &rect, buffer, 100), 75 + 65 + 55 + 45 + 35);
	for (size_t i = 0; i < sizeof(buffer); i++)
		ck_assert_uint_eq(buffer[i], i % 100 + i / 100 * 10 < 75 ? page_value(0) : 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(rows_that_overlap_are_written_up_to_the_files_end)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	const struct uffd_guard_rect rect = { 0, 10, 100, 5 };
	unsigned char buffer[500], byte;
	memset(buffer, 99, sizeof(buffer));
	assert_ok(ftruncate(f.fd, 75));
	ck_assert_int_eq(
		uffd_guard_write_rect(f.region, &rect, buffer, 100), 75 + 65 + 55 + 45 + 35);
	ck_assert_int_eq(lseek(f.fd, 0, SEEK_END), 75);
	ck_assert_int_eq(pread(f.fd, &byte, 1, 74), 1);
	ck_assert_uint_eq(byte, 99);
	fixture_stop(&f);
}
END_TEST

START_TEST(written_bytes_are_in_the_file_and_no_page_is_filled)
{
	struct fixture f;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = (enum file_kind)_i,
				       .n_pages = N_PAGES,
				       .map_flags = UFFD_GUARD_MAP_WRITE }))
		return;
	unsigned char bytes[9000], read[9000];
	memset(bytes, 99, sizeof(bytes));
	ck_assert_int_eq(uffd_guard_write(f.region, 5000, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert_int_eq(pread(f.fd, read, sizeof(read), 5000), sizeof(read));
	ck_assert_mem_eq(bytes, read, sizeof(bytes));
	ck_assert_int_eq(pread(f.fd, read, 1, 4999), 1);
	ck_assert_uint_eq(read[0], page_value(4999 / f.page));
	if (!runner_is_eager())
		ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	ck_assert_uint_eq(f.data[5000], 99);
	fixture_stop(&f);
}
END_TEST

START_TEST(written_rectangle_leaves_the_bytes_beside_it)
{
	struct fixture f;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = (enum file_kind)_i,
				       .n_pages = N_PAGES,
				       .map_flags = UFFD_GUARD_MAP_WRITE }))
		return;
	const struct uffd_guard_rect *rect = &shapes[0];
	const size_t stride = rect->width * 2;
	unsigned char *bytes = malloc(stride * rect->height), byte;
	memset(bytes, 99, stride * rect->height);
	ck_assert_int_eq(uffd_guard_write_rect(f.region, rect, bytes, stride),
		(ssize_t)(rect->width * rect->height));
	for (size_t i = 0; i < 6 * f.page; i++) {
		ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)i), 1);
		ck_assert_uint_eq(byte, is_in(rect, i) ? 99 : page_value(i / f.page));
	}
	free(bytes);
	fixture_stop(&f);
}
END_TEST

START_TEST(write_never_grows_the_file)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	unsigned char bytes[4 * 4096];
	memset(bytes, 99, sizeof(bytes));
	assert_ok(ftruncate(f.fd, (off_t)(2 * f.page + 10)));
	ck_assert_int_eq(uffd_guard_write(f.region, 2 * f.page, bytes, 100), 10);
	ck_assert_int_eq(uffd_guard_write(f.region, 4 * f.page, bytes, 100), 0);
	const struct uffd_guard_rect rect = { f.page, f.page, 100, 8 };
	ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, bytes, 100), 110);
	ck_assert_int_eq(lseek(f.fd, 0, SEEK_END), (off_t)(2 * f.page + 10));
	fixture_stop(&f);
}
END_TEST

START_TEST(write_says_why_it_cannot)
{
	struct fixture f;
	char bytes[100] = { 0 };
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	ck_assert_int_eq(uffd_guard_write(f.region, 0, bytes, 100), -EACCES);
	fixture_stop(&f);

	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	ck_assert_int_eq(uffd_guard_write(f.region, 0, NULL, 100), -EINVAL);
	ck_assert_int_eq(uffd_guard_write(f.region, N_PAGES * f.page - 50, bytes, 100), -ERANGE);
	ck_assert_int_eq(uffd_guard_write_rect(
				 f.region, &(struct uffd_guard_rect){ 0, 50, 20, 2 }, bytes, 19),
		-EINVAL);
	char *bad = mmap(NULL, f.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_int_eq(uffd_guard_write(f.region, 0, bad, 100), -EFAULT);
	munmap(bad, f.page);
	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	ck_assert_int_eq(uffd_guard_write(f.region, 0, bytes, 100), -EPERM);
	fixture_stop(&f);
}
END_TEST

/* ---- Many stores, of which the later ones find the file mapped ---- */

#define N_STORES 20

static bool start_stores(struct fixture *f, bool is_sparse)
{
	return fixture_start(f, &(struct fixture_options){ .n_pages = N_PAGES,
					.is_sparse = is_sparse,
					.map_flags = UFFD_GUARD_MAP_WRITE });
}

START_TEST(each_of_many_stores_is_in_the_file)
{
	struct fixture f;
	unsigned char bytes[4096], found[4096];
	ck_assert(start_stores(&f, false));
	for (unsigned i = 0; i < N_STORES; i++) {
		const size_t offset = i % 5 * 2 * f.page + 77; /* higher, and lower again */
		const struct uffd_guard_rect rect = { offset, 1000, 10, 5 };
		memset(bytes, (int)(100 + i), sizeof(bytes));
		ck_assert_int_eq(uffd_guard_write(f.region, offset, bytes, 4096), 4096);
		ck_assert_int_eq(pread(f.fd, found, 4096, (off_t)offset), 4096);
		ck_assert_mem_eq(found, bytes, 4096);
		memset(bytes, (int)(150 + i), sizeof(bytes));
		ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, bytes, 10), 50);
		for (size_t row = 0; row < 5; row++) {
			ck_assert_int_eq(pread(f.fd, found, 11, (off_t)(offset + row * 1000)), 11);
			ck_assert_mem_eq(found, bytes, 10);
			ck_assert_uint_eq(found[10], 100 + i);
		}
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(many_stores_make_no_memory_of_the_holes_between_them)
{
	struct fixture f;
	unsigned char bytes[3] = { 1, 2, 3 };
	ck_assert(start_stores(&f, true));
	const struct uffd_guard_rect rect = { f.page, 5 * f.page, 1, 3 };
	for (unsigned i = 0; i < N_STORES; i++) {
		ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, bytes, 1), 3);
		ck_assert_int_eq(uffd_guard_write(f.region, 11 * f.page, bytes, 3), 3);
		ck_assert_uint_eq(file_allocated_bytes(f.fd), 3 * f.page);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(file_that_is_cut_and_grown_between_many_stores_keeps_its_length)
{
	struct fixture f;
	unsigned char bytes[2 * 4096], found;
	ck_assert(start_stores(&f, false));
	memset(bytes, 99, sizeof(bytes));
	for (unsigned i = 0; i < N_STORES; i++) {
		const size_t end = (2 + i % 3) * f.page + 10;
		assert_ok(ftruncate(f.fd, (off_t)end));
		ck_assert_int_eq(uffd_guard_write(f.region, end - 10, bytes, f.page), 10);
		const struct uffd_guard_rect rect = { end - 1 - f.page, f.page, 100, 3 };
		ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, bytes, 100), 101);
		ck_assert_int_eq(lseek(f.fd, 0, SEEK_END), (off_t)end);
		fixture_truncate(&f, N_PAGES);
		ck_assert_int_eq(pread(f.fd, &found, 1, (off_t)end), 1);
		ck_assert_uint_eq(found, 0); /* behind the end nothing was stored */
		ck_assert_int_eq(
			uffd_guard_write(f.region, 9 * f.page, bytes, f.page), (ssize_t)f.page);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(seal_against_writing_holds_after_many_stores)
{
	struct fixture f;
	unsigned char byte = 1;
	ck_assert(start_stores(&f, false));
	for (unsigned i = 0; i < N_STORES; i++)
		ck_assert_int_eq(uffd_guard_write(f.region, 0, &byte, 1), 1);
	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	ck_assert_int_eq(uffd_guard_write(f.region, 0, &byte, 1), -EPERM);
	fixture_stop(&f);
}
END_TEST

static void store_often(struct fixture *f)
{
	unsigned char byte = 1;
	for (unsigned i = 0; i < N_STORES; i++)
		ck_assert_int_eq(uffd_guard_write(f->region, i % 7 * f->page, &byte, 1), 1);
}

START_TEST(resize_and_unmap_leave_no_mapping_of_the_file)
{
	struct fixture f;
	const size_t kept = sizeof(void *) >= sizeof(uint64_t); /* addresses are short in 32 bits */
	ck_assert(start_stores(&f, false));
	const size_t mappings = count_mappings();
	store_often(&f);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings + kept);
	assert_ok(uffd_guard_resize(f.region, f.page));
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	/* It may be sealed by its client again. */
	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_WRITE));
	fixture_stop(&f);
}
END_TEST

struct storer {
	struct fixture *f;
	size_t page;
};

static void *store_to_a_page(void *data)
{
	const struct storer *storer = data;
	unsigned char bytes[4096];
	const size_t page = storer->f->page;
	for (unsigned i = 0; i < 500; i++) {
		memset(bytes, (int)(i % 250), sizeof(bytes));
		ck_assert_int_eq(uffd_guard_write(storer->f->region, storer->page * page, bytes,
					 sizeof(bytes)),
			sizeof(bytes));
		if (i % 50 == 0)
			assert_ok(uffd_guard_resize(
				storer->f->region, (N_PAGES - i / 50 % 2) * page));
	}
	return NULL;
}

START_TEST(threads_store_to_one_region_at_a_time)
{
	struct fixture f;
	pthread_t threads[4];
	struct storer storers[4];
	unsigned char found[4096];
	ck_assert(start_stores(&f, false));
	for (size_t i = 0; i < 4; i++) {
		storers[i] = (struct storer){ &f, 3 * i };
		assert_ok(pthread_create(&threads[i], NULL, store_to_a_page, &storers[i]));
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pread(f.fd, found, 4096, (off_t)(3 * i * f.page)), 4096);
		ck_assert_uint_eq(found[0], 499 % 250);
		ck_assert_mem_eq(found, found + 1, sizeof(found) - 1);
	}
	fixture_stop(&f);
}
END_TEST

static TCase *rects_case(void)
{
	TCase *tcase = tcase_create("rects");
	tcase_add_loop_test(
		tcase, refreshed_rectangles_are_new_and_the_bytes_beside_them_old, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, updated_range_is_new_and_present, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, updated_rectangles_are_new_and_present, 0, N_FILE_KINDS);
	tcase_add_test(tcase, updated_hole_costs_no_memory);
	tcase_add_test(tcase, updated_bytes_past_the_end_are_zeros_and_a_loss);
	tcase_add_test(tcase, rectangles_outside_the_region_are_refused_and_none_is_done);
	tcase_add_test(tcase, more_rectangles_than_fit_on_the_stack_are_all_done);
	return tcase;
}

static TCase *past_the_pages_case(void)
{
	TCase *tcase = tcase_create("past the pages");
	tcase_add_loop_test(tcase, read_rectangle_lands_row_by_row, 0, N_FILE_KINDS);
	tcase_add_test(tcase, read_rectangle_ends_where_the_file_does);
	tcase_add_test(tcase, rows_that_overlap_are_read_up_to_the_files_end);
	tcase_add_test(tcase, rows_that_overlap_are_written_up_to_the_files_end);
	tcase_add_loop_test(
		tcase, written_bytes_are_in_the_file_and_no_page_is_filled, 0, N_FILE_KINDS);
	tcase_add_loop_test(tcase, written_rectangle_leaves_the_bytes_beside_it, 0, N_FILE_KINDS);
	tcase_add_test(tcase, write_never_grows_the_file);
	tcase_add_test(tcase, write_says_why_it_cannot);
	return tcase;
}

static TCase *many_stores_case(void)
{
	TCase *tcase = tcase_create("many stores");
	tcase_add_test(tcase, each_of_many_stores_is_in_the_file);
	tcase_add_test(tcase, many_stores_make_no_memory_of_the_holes_between_them);
	tcase_add_test(tcase, file_that_is_cut_and_grown_between_many_stores_keeps_its_length);
	tcase_add_test(tcase, seal_against_writing_holds_after_many_stores);
	tcase_add_test(tcase, resize_and_unmap_leave_no_mapping_of_the_file);
	tcase_add_test(tcase, threads_store_to_one_region_at_a_time);
	return tcase;
}

RUNNER_MAIN("rects", rects_case, past_the_pages_case, many_stores_case)

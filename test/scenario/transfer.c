/* SPDX-License-Identifier: MIT */
/* read and write_back: bytes past the region's own pages, and back into the client's file. */
#include "../support/fixture.h"
#include "../support/shrinker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(read_copies_the_file_and_fills_no_page)
{
	struct fixture f;
	if (!fixture_start(
		    &f, &(struct fixture_options){ .kind = (enum file_kind)_i, .n_pages = 8 }))
		return;
	unsigned char buffer[100];
	ck_assert_int_eq(uffd_guard_read(f.region, 3 * f.page - 50, buffer, 100), 100);
	ck_assert_uint_eq(buffer[49], page_value(2));
	ck_assert_uint_eq(buffer[50], page_value(3));
	if (!runner_is_eager())
		ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(read_past_the_end_is_zeros_and_a_loss)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	assert_ok(ftruncate(f.fd, (off_t)f.page + 10));
	unsigned char buffer[100];
	memset(buffer, 99, sizeof(buffer));
	ck_assert_int_eq(uffd_guard_read(f.region, f.page, buffer, 100), 10);
	ck_assert_uint_eq(buffer[9], page_value(1));
	for (size_t i = 10; i < 100; i++)
		ck_assert_uint_eq(buffer[i], 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	ck_assert_int_eq(uffd_guard_read(f.region, 4 * f.page, buffer, 100), 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(read_into_a_bad_buffer_is_refused_also_past_the_end)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	char *bad = mmap(NULL, 4 * f.page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(bad, MAP_FAILED);
	assert_ok(mprotect(bad, 2 * f.page, PROT_READ | PROT_WRITE));
	ck_assert_int_eq(uffd_guard_read(f.region, 0, bad + 2 * f.page, 100), -EFAULT);
	fixture_truncate(&f, 1);
	ck_assert_int_eq(uffd_guard_read(f.region, f.page, bad + 2 * f.page, 100), -EFAULT);
	/* The bad part behind bytes of the file, and behind a page of zeros. */
	ck_assert_int_eq(uffd_guard_read(f.region, 0, bad, 4 * f.page), -EFAULT);
	fixture_stop(&f);
	munmap(bad, 4 * f.page);
}
END_TEST

START_TEST(write_back_saves_stores)
{
	struct fixture f;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = (enum file_kind)_i,
				       .n_pages = 8,
				       .map_flags = UFFD_GUARD_MAP_WRITE }))
		return;
	f.data[2 * f.page + 17] = 250;
	f.data[5 * f.page] = 251;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 8 * f.page), (ssize_t)(8 * f.page));
	unsigned char byte;
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(2 * f.page + 17)), 1);
	ck_assert_uint_eq(byte, 250);
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(5 * f.page)), 1);
	ck_assert_uint_eq(byte, 251);
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(5 * f.page + 1)), 1);
	ck_assert_uint_eq(byte, page_value(5));
	assert_ok(uffd_guard_refresh(f.region, 0, 8 * f.page));
	ck_assert_uint_eq(f.data[2 * f.page + 17], 250);
	fixture_stop(&f);
}
END_TEST

/* The handler wakes the thread that stores before it has noted the page as filled. */
START_TEST(store_made_a_moment_ago_is_saved)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 2, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (unsigned i = 0; i < 1000; i++) {
		unsigned char byte, value = (unsigned char)(i % 200 + 20);
		f.data[f.page + 7] = value;
		ck_assert_int_eq(uffd_guard_write_back(f.region, f.page, f.page), (ssize_t)f.page);
		ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(f.page + 7)), 1);
		ck_assert_uint_eq(byte, value);
		assert_ok(uffd_guard_discard(f.region, 0, 2 * f.page));
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_is_exact_to_the_byte)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 2, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < 100; i++)
		f.data[i] = 250;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 10, 5), 5);
	unsigned char bytes[20];
	ck_assert_int_eq(pread(f.fd, bytes, 20, 0), 20);
	for (size_t i = 0; i < 20; i++)
		ck_assert_uint_eq(bytes[i], i >= 10 && i < 15 ? 250 : page_value(0));
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_never_grows_the_file)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 8, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < 8; i++)
		f.data[i * f.page] = 250;
	assert_ok(ftruncate(f.fd, (off_t)(2 * f.page + 5)));
	ck_assert_int_eq(
		uffd_guard_write_back(f.region, f.page, 7 * f.page), (ssize_t)(f.page + 5));
	ck_assert_int_eq(uffd_guard_write_back(f.region, 4 * f.page, f.page), 0);
	struct stat st;
	assert_ok(fstat(f.fd, &st));
	ck_assert_int_eq(st.st_size, 2 * f.page + 5);
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_racing_with_shrink_never_grows_the_file)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 8, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < 8 * f.page; i++)
		f.data[i] = 250;
	struct shrinker shrinker = { .fd = f.fd, .size = (off_t)(8 * f.page) };
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, shrinker_run, &shrinker));
	for (int i = 0; i < 20000; i++) {
		ssize_t n = uffd_guard_write_back(f.region, 0, 8 * f.page);
		ck_assert_int_ge(n, 0);
		ck_assert_int_le(n, (ssize_t)(8 * f.page));
	}
	atomic_store(&shrinker.shall_stop, true);
	pthread_join(thread, NULL);
	ck_assert(!atomic_load(&shrinker.has_grown_by_itself));
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_does_not_fill_holes_with_zeros)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){
			    .n_pages = 64, .is_sparse = true, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < 64; i++)
		assert_page_is(&f, i, 0);
	f.data[20 * f.page + 1] = 7;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 64 * f.page), (ssize_t)(64 * f.page));
	ck_assert_uint_eq(file_allocated_bytes(f.fd), f.page);
	unsigned char byte;
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(20 * f.page + 1)), 1);
	ck_assert_uint_eq(byte, 7);
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_needs_map_write)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 2 }));
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 1), -EACCES);
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_to_a_sealed_file_is_refused)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 2, .map_flags = UFFD_GUARD_MAP_WRITE }));
	f.data[0] = 9;
	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_WRITE));
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, f.page), -EPERM);
	fixture_stop(&f);
}
END_TEST

START_TEST(write_back_through_a_read_only_descriptor_is_refused)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 2 }));
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f.fd);
	int read_only = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(read_only, 0);
	struct uffd_guard_region *region;
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_WRITE };
	assert_ok(uffd_guard_map(f.guard, read_only, f.page, &options, &region));
	*(volatile char *)uffd_guard_region_data(region) = 1;
	ck_assert_int_eq(uffd_guard_write_back(region, 0, f.page), -EBADF);
	uffd_guard_unmap(region);
	close(read_only);
	fixture_stop(&f);
}
END_TEST

static TCase *transfer_case(void)
{
	TCase *tcase = tcase_create("transfer");
	tcase_add_loop_test(tcase, read_copies_the_file_and_fills_no_page, 0, N_FILE_KINDS);
	tcase_add_test(tcase, read_past_the_end_is_zeros_and_a_loss);
	tcase_add_test(tcase, read_into_a_bad_buffer_is_refused_also_past_the_end);
	tcase_add_loop_test(tcase, write_back_saves_stores, 0, N_FILE_KINDS);
	tcase_add_test(tcase, store_made_a_moment_ago_is_saved);
	tcase_add_test(tcase, write_back_is_exact_to_the_byte);
	tcase_add_test(tcase, write_back_never_grows_the_file);
	tcase_add_test(tcase, write_back_racing_with_shrink_never_grows_the_file);
	tcase_add_test(tcase, write_back_does_not_fill_holes_with_zeros);
	tcase_add_test(tcase, write_back_needs_map_write);
	tcase_add_test(tcase, write_back_to_a_sealed_file_is_refused);
	tcase_add_test(tcase, write_back_through_a_read_only_descriptor_is_refused);
	return tcase;
}

RUNNER_MAIN("transfer", transfer_case)

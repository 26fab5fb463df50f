/* SPDX-License-Identifier: MIT */
/*
 * Huge pages that regions give up are kept, and filled again: only from the same file, wholly,
 * within a bound, and the kernel may have them.
 */
#include "../support/fixture.h"
#include "../support/words.h"

#include "kernel/spares.h"
#include "kernel/staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define N_PAGES	  2560 /* 10 MiB */
#define MOST_KEPT (SPARES_MOST * STAGING_SIZE)

static struct uffd_guard_region *map_filled(struct uffd_guard *guard, int fd, size_t length)
{
	struct uffd_guard_region *region;
	assert_ok(uffd_guard_map(guard, fd, length, NULL, &region));
	assert_ok(uffd_guard_populate(region, 0, length));
	return region;
}

/* A guard that keeps pages of f->fd, whose words are those of seed 1. */
static bool start(struct fixture *f)
{
	if (runner_skip_eager() ||
		!fixture_start(f, &(struct fixture_options){ .n_pages = N_PAGES }))
		return false;
	write_words(f->fd, N_PAGES * f->page, 1);
	assert_ok(uffd_guard_populate(f->region, 0, N_PAGES * f->page));
	assert_ok(uffd_guard_discard(f->region, 0, N_PAGES * f->page));
	if (fixture_stats(f).pages_moved > 0)
		return true;
	runner_skip("no huge page was moved");
	fixture_stop(f);
	return false;
}

START_TEST(frame_that_comes_again_is_filled_into_pages_that_were_given_back)
{
	struct fixture f;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	ck_assert_uint_gt(fixture_stats(&f).bytes_kept, 0);
	for (uint64_t seed = 2; seed < 6; seed++) {
		const uint64_t before = fixture_stats(&f).pages_reused;
		write_words(f.fd, length, seed);
		struct uffd_guard_region *region = map_filled(f.guard, f.fd, length);
		assert_words(uffd_guard_region_data(region), length, length, seed);
		ck_assert_uint_gt(fixture_stats(&f).pages_reused, before);
		if (seed % 2)
			assert_ok(uffd_guard_discard(region, 0, length));
		uffd_guard_unmap(region);
		ck_assert_uint_gt(fixture_stats(&f).bytes_kept, 0);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(page_that_was_given_back_shows_nothing_of_what_it_held)
{
	struct fixture f;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	/* In the midst of a huge page, of a page, and where one begins. */
	const size_t ends[] = { length / 2 + 8, length / 5 * 2 + 3 * f.page + 24, length / 5 * 3 };
	write_words(f.fd, length, 7);
	assert_ok(ftruncate(f.fd, (off_t)ends[_i]));
	struct uffd_guard_region *region;
	assert_ok(uffd_guard_map(f.guard, f.fd, length, NULL, &region));
	assert_words(uffd_guard_region_data(region), ends[_i], length, 7);
	uffd_guard_unmap(region);
	region = map_filled(f.guard, f.fd, length);
	assert_words(uffd_guard_region_data(region), ends[_i], length, 7);
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

START_TEST(page_that_a_pipe_still_shows_is_filled_from_no_other_file)
{
	struct fixture f;
	int ends[2];
	unsigned char byte = 0;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	struct uffd_guard_region *region = map_filled(f.guard, f.fd, length);
	char *data = uffd_guard_region_data(region);
	const unsigned char shown = (unsigned char)data[length / 2];
	ck_assert_int_eq(pipe(ends), 0);
	struct iovec part = { .iov_base = data + length / 2, .iov_len = 1 };
	ck_assert_int_eq(vmsplice(ends[1], &part, 1, 0), 1);
	uffd_guard_unmap(region);

	/* Of another client. */
	const int fd = file_create(FILE_MEMFD, N_PAGES, true);
	char *page = malloc(length);
	ck_assert_ptr_nonnull(page);
	memset(page, shown + 1, length);
	ck_assert_int_eq(pwrite(fd, page, length, 0), (ssize_t)length);
	const uint64_t before = fixture_stats(&f).pages_reused;
	struct uffd_guard_region *all[4];
	for (size_t i = 0; i < 4; i++)
		all[i] = map_filled(f.guard, fd, length);
	ck_assert_uint_eq(fixture_stats(&f).pages_reused, before);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	ck_assert_uint_eq(byte, shown);
	for (size_t i = 0; i < 4; i++)
		uffd_guard_unmap(all[i]);
	free(page);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	fixture_stop(&f);
}
END_TEST

START_TEST(no_more_is_kept_than_the_bound_allows)
{
	struct fixture f;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	struct uffd_guard_region *all[6];
	for (size_t i = 0; i < 6; i++)
		all[i] = map_filled(f.guard, f.fd, length);
	for (size_t i = 0; i < 6; i++)
		uffd_guard_unmap(all[i]);
	ck_assert_uint_le(fixture_stats(&f).bytes_kept, MOST_KEPT);
	ck_assert_uint_ge(fixture_stats(&f).bytes_kept, MOST_KEPT / 2);
	/* The last region of another file makes room. */
	const int fd = file_create(FILE_MEMFD, N_PAGES, false);
	uffd_guard_unmap(map_filled(f.guard, fd, length));
	const uint64_t before = fixture_stats(&f).pages_reused;
	uffd_guard_unmap(map_filled(f.guard, fd, length));
	ck_assert_uint_gt(fixture_stats(&f).pages_reused, before);
	ck_assert_uint_le(fixture_stats(&f).bytes_kept, MOST_KEPT);
	close(fd);
	fixture_stop(&f);
}
END_TEST

/* What is lazily free, of all mappings; and have the kernel take it now. */
static size_t take_lazily_free(void)
{
	char line[512];
	unsigned long start = 0, end = 0, kib;
	size_t taken = 0;
	FILE *maps = fopen("/proc/self/smaps", "re");
	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			start = from;
			end = to;
		} else if (sscanf(line, "LazyFree: %lu kB", &kib) == 1 && kib > 0) {
			taken += kib << 10;
			madvise((void *)start, end - start, MADV_PAGEOUT);
		}
	}
	fclose(maps);
	return taken;
}

START_TEST(kernel_may_take_what_is_kept)
{
	struct fixture f;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	const uint64_t kept = fixture_stats(&f).bytes_kept;
	ck_assert_uint_ge(take_lazily_free(), kept);
	ck_assert_uint_lt(take_lazily_free(), kept);
	for (uint64_t seed = 2; seed < 4; seed++) {
		write_words(f.fd, length, seed);
		struct uffd_guard_region *region = map_filled(f.guard, f.fd, length);
		assert_words(uffd_guard_region_data(region), length, length, seed);
		uffd_guard_unmap(region);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(region_with_a_bound_keeps_nothing)
{
	struct fixture f;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	const struct uffd_guard_map_options bounded = { .size = sizeof(bounded),
		.max_resident = 4 * length };
	const struct uffd_guard_stats before = fixture_stats(&f);
	struct uffd_guard_region *region;
	assert_ok(uffd_guard_map(f.guard, f.fd, length, &bounded, &region));
	assert_ok(uffd_guard_populate(region, 0, length));
	uffd_guard_unmap(region);
	ck_assert_uint_eq(fixture_stats(&f).pages_reused, before.pages_reused);
	ck_assert_uint_eq(fixture_stats(&f).bytes_kept, before.bytes_kept);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_that_are_locked_or_withdrawn_are_not_kept_and_harm_nothing)
{
	struct fixture f;
	if (!start(&f))
		return;
	const size_t length = N_PAGES * f.page;
	struct uffd_guard_region *region = map_filled(f.guard, f.fd, length);
	char *data = uffd_guard_region_data(region);
	/* Parts of huge pages: split, withdrawn, gone. */
	assert_ok(mprotect(data + length / 5, f.page, PROT_READ));
	assert_ok(madvise(data + length / 5 * 2, f.page, MADV_DONTNEED));
	mlock(data + length / 5 * 3, length / 5); /* nobody may not lock so much */
	assert_ok(uffd_guard_discard(region, 0, length));
	uffd_guard_unmap(region);
	write_words(f.fd, length, 9);
	for (int i = 0; i < 3; i++) {
		region = map_filled(f.guard, f.fd, length);
		assert_words(uffd_guard_region_data(region), length, length, 9);
		uffd_guard_unmap(region);
	}
	ck_assert_uint_le(fixture_stats(&f).bytes_kept, MOST_KEPT);
	fixture_stop(&f);
}
END_TEST

static TCase *pages_case(void)
{
	TCase *tc = tcase_create("pages");
	tcase_add_test(tc, frame_that_comes_again_is_filled_into_pages_that_were_given_back);
	tcase_add_loop_test(tc, page_that_was_given_back_shows_nothing_of_what_it_held, 0, 3);
	tcase_add_test(tc, page_that_a_pipe_still_shows_is_filled_from_no_other_file);
	tcase_add_test(tc, no_more_is_kept_than_the_bound_allows);
	tcase_add_test(tc, kernel_may_take_what_is_kept);
	tcase_add_test(tc, region_with_a_bound_keeps_nothing);
	tcase_add_test(tc, pages_that_are_locked_or_withdrawn_are_not_kept_and_harm_nothing);
	return tc;
}

RUNNER_MAIN("spares", pages_case)

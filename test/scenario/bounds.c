/* SPDX-License-Identifier: MIT */
/*
 * Bounds that hold at each moment, whatever is done and by how many: of memory, of threads, of
 * what a region costs that is hardly used.
 */
#include "../support/fixture.h"

#include <stdio.h>
#include <unistd.h>

/* ---- What a region costs that is hardly used ---- */

static size_t read_own_rss(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all, resident = 0;
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return resident * (size_t)getpagesize();
}

START_TEST(reserve_of_two_gigabytes_costs_what_is_filled)
{
	enum { N = 400 };
	struct fixture f = { .page = (size_t)getpagesize() };
	struct uffd_guard_region *regions[N];
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.reserve = (size_t)2 << 30 };
	if (IS_SANITIZED) {
		runner_skip("a sanitizer's own memory grows with each allocation");
		return;
	}
	f.guard = guard_start(0);
	f.fd = file_create(FILE_MEMFD, 16, _i == 0);
	struct uffd_guard_region *warm;
	for (int i = 0; i < 3; i++) { /* which teaches malloc(3) to keep what is large */
		assert_ok(uffd_guard_map(f.guard, f.fd, 16 * f.page, &options, &warm));
		uffd_guard_unmap(warm);
	}
	const size_t before = read_own_rss();
	for (int i = 0; i < N; i++) {
		assert_ok(uffd_guard_map(f.guard, f.fd, 16 * f.page, &options, &regions[i]));
		(void)((volatile char *)uffd_guard_region_data(regions[i]))[15 * f.page];
	}
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	assert_ok(uffd_guard_get_stats(f.guard, &stats));
	const size_t cost = (read_own_rss() - before - stats.bytes_resident) / N;
	ck_assert_msg(cost < 1024, "%zu bytes for a region", cost);
	for (int i = 0; i < N; i++)
		uffd_guard_unmap(regions[i]);
	close(f.fd);
	uffd_guard_destroy(f.guard);
}
END_TEST

static TCase *unused_case(void)
{
	TCase *tcase = tcase_create("unused");
	tcase_add_loop_test(tcase, reserve_of_two_gigabytes_costs_what_is_filled, 0, 2);
	return tcase;
}

RUNNER_MAIN("bounds", unused_case)

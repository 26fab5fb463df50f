/* SPDX-License-Identifier: MIT */
/* map, unmap and their bad input: a clear errno, and nothing left behind. */
#include "../support/fixture.h"
#include "../support/refused_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* ---- What is refused ---- */

static int map_with(struct uffd_guard *guard, int fd, size_t length,
	const struct uffd_guard_map_options *options)
{
	struct uffd_guard_region *region = NULL;
	int err = uffd_guard_map(guard, fd, length, options, &region);
	ck_assert(err < 0 ? region == NULL : region != NULL);
	uffd_guard_unmap(region);
	return err;
}

static int open_other_file_system(void)
{
	return open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
}

static int open_path(void)
{
	return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

static int open_nothing(void)
{
	return 1 << 20;
}

static int open_write_only(void)
{
	char path[32];
	int memfd = memfd_create("client", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	close(memfd);
	return fd;
}

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static int open_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	if (fd < 0)
		runner_skip("no memfd_secret in this kernel");
	return fd;
}

static const struct {
	int (*open)(void);
	int err;
} refused_files[] = {
	{ open_pipe, -ENODEV },
	{ open_socket, -ENODEV },
	{ open_directory, -ENODEV },
	{ open_device, -ENODEV },
	{ open_path, -EBADF },
	{ open_other_file_system, -ENODEV },
	{ open_nothing, -EBADF },
	{ open_write_only, -EACCES },
	{ open_secret, -ENODEV },
};
#define N_REFUSED_FILES ((int)(sizeof(refused_files) / sizeof(refused_files[0])))

START_TEST(file_of_another_kind_is_refused)
{
	int fd = refused_files[_i].open();
	if (fd < 0)
		return;
	struct uffd_guard *guard = guard_start(0);
	size_t fds = count_fds(), mappings = count_mappings();
	ck_assert_int_eq(map_with(guard, fd, PAGE, NULL), refused_files[_i].err);
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	uffd_guard_destroy(guard);
}
END_TEST

/* With any file too: what cannot be read is none. */
START_TEST(secret_memory_is_refused_as_any_file)
{
	if (runner_guard_flags() & UFFD_GUARD_NO_IO_URING) {
		runner_skip("files that may block need io_uring");
		return;
	}
	int fd = open_secret();
	if (fd < 0)
		return;
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_ANY_FILE };
	struct uffd_guard *guard = guard_start(0);
	assert_ok(ftruncate(fd, (off_t)PAGE));
	ck_assert_int_eq(map_with(guard, fd, PAGE, &options), -ENODEV);
	close(fd);
	uffd_guard_destroy(guard);
}
END_TEST

static const struct {
	size_t length;
	struct uffd_guard_map_options options;
	int err;
} refused_options[] = {
	{ 0, { .size = sizeof(struct uffd_guard_map_options) }, -EINVAL },
	{ 1, { .size = 1 }, -EINVAL },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .flags = 1u << 31 }, -EINVAL },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .offset = 1 }, -EINVAL },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .offset = 1ull << 63 }, -EOVERFLOW },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .offset = UINT64_MAX << 16 },
		-EOVERFLOW },
	{ SIZE_MAX, { .size = sizeof(struct uffd_guard_map_options) }, -EOVERFLOW },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .reserve = SIZE_MAX }, -EOVERFLOW },
	{ 8192, { .size = sizeof(struct uffd_guard_map_options), .reserve = 4096 }, -EINVAL },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .addr = (void *)65536 }, -EINVAL },
	{ 1,
		{ .size = sizeof(struct uffd_guard_map_options),
			.addr = (void *)65537,
			.flags = UFFD_GUARD_MAP_FIXED_NOREPLACE },
		-EINVAL },
	{ 1, { .size = sizeof(struct uffd_guard_map_options), .flags = UFFD_GUARD_MAP_SEAL },
		-EINVAL },
	{ (size_t)(sizeof(size_t) > 4 ? UINT64_C(1) << 50 : UINT64_C(3) << 30),
		{ .size = sizeof(struct uffd_guard_map_options) },
		sizeof(size_t) > 4 ? -ENOMEM : -EOVERFLOW },
};
#define N_REFUSED_OPTIONS ((int)(sizeof(refused_options) / sizeof(refused_options[0])))

START_TEST(options_out_of_range_are_refused)
{
	struct uffd_guard *guard = guard_start(0);
	int fd = file_create(FILE_MEMFD, 2, false);
	size_t fds = count_fds(), mappings = count_mappings();
	ck_assert_int_eq(
		map_with(guard, fd, refused_options[_i].length, &refused_options[_i].options),
		refused_options[_i].err);
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	close(fd);
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(options_of_a_newer_header_are_refused_only_if_set)
{
	struct newer {
		struct uffd_guard_map_options known;
		uint64_t unknown;
	} options = { .known = { .size = sizeof(options) } };
	struct uffd_guard *guard = guard_start(0);
	int fd = file_create(FILE_MEMFD, 2, false);
	ck_assert_int_eq(map_with(guard, fd, PAGE, &options.known), 0);
	options.unknown = 1;
	ck_assert_int_eq(map_with(guard, fd, PAGE, &options.known), -E2BIG);
	close(fd);
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(guard_options_out_of_range_are_refused)
{
	const struct {
		struct uffd_guard_options options;
		int err;
	} rows[] = {
		{ { .size = 0 }, -EINVAL },
		{ { .size = sizeof(struct uffd_guard_options), .flags = 1u << 31 }, -EINVAL },
		{ { .size = sizeof(struct uffd_guard_options),
			  .flags = UFFD_GUARD_USER_FAULTS_ONLY | UFFD_GUARD_REQUIRE_KERNEL_FAULTS },
			-EINVAL },
	};
	size_t fds = count_fds();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct uffd_guard *guard = NULL;
		ck_assert_int_eq(uffd_guard_create(&rows[i].options, &guard), rows[i].err);
		ck_assert_ptr_null(guard);
	}
	ck_assert_int_eq(uffd_guard_create(NULL, NULL), -EINVAL);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

START_TEST(null_is_answered_not_crashed_on)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	struct uffd_guard_region *region;
	uffd_guard_unmap(NULL);
	uffd_guard_destroy(NULL);
	ck_assert_int_eq(uffd_guard_map(NULL, 0, 1, NULL, &region), -EINVAL);
	ck_assert_int_eq(uffd_guard_refresh(NULL, 0, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_populate(NULL, 0, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_discard(NULL, 0, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_resize(NULL, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_read(NULL, 0, &stats, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_write_back(NULL, 0, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_get_fd(NULL), -EINVAL);
	ck_assert_int_eq(uffd_guard_dispatch(NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(uffd_guard_get_stats(NULL, &stats), -EINVAL);
	ck_assert_uint_eq(uffd_guard_features(NULL), 0);
	ck_assert_ptr_null(uffd_guard_region_data(NULL));
	ck_assert_uint_eq(uffd_guard_region_length(NULL), 0);
	ck_assert_uint_eq(uffd_guard_region_take_losses(NULL), 0);
}
END_TEST

/* ---- What map does ---- */

START_TEST(offset_shows_the_file_from_there)
{
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region *region;
	int fd = file_create(FILE_MEMFD, 8, false);
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.offset = 3 * PAGE };
	assert_ok(uffd_guard_map(guard, fd, 5 * PAGE, &options, &region));
	const volatile unsigned char *data = uffd_guard_region_data(region);
	for (size_t i = 0; i < 5; i++)
		ck_assert_uint_eq(data[i * PAGE], page_value(i + 3));
	ck_assert_int_eq(uffd_guard_region_mode(region), mode_without_direct());
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

START_TEST(fixed_address_is_taken_or_refused_but_never_clobbered)
{
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region *region, *second = NULL;
	int fd = file_create(FILE_MEMFD, 4, false);
	char *taken = mmap(find_room(8 * PAGE), 8 * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(taken, 42, 8 * PAGE);

	struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_FIXED_NOREPLACE,
		.addr = taken + 2 * PAGE };
	ck_assert_int_eq(uffd_guard_map(guard, fd, 4 * PAGE, &options, &second), -EEXIST);
	ck_assert_int_eq(taken[3 * PAGE], 42);

	munmap(taken + 2 * PAGE, 4 * PAGE);
	assert_ok(uffd_guard_map(guard, fd, 4 * PAGE, &options, &region));
	ck_assert_ptr_eq(uffd_guard_region_data(region), taken + 2 * PAGE);
	ck_assert_int_eq(taken[2 * PAGE], page_value(0));
	ck_assert_int_eq(taken[6 * PAGE], 42);
	ck_assert_int_eq(uffd_guard_map(guard, fd, PAGE, &options, &second), -EEXIST);
	uffd_guard_unmap(region);
	munmap(taken, 8 * PAGE);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

START_TEST(clients_file_offset_is_never_moved)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64, .is_sparse = true }));
	ck_assert_int_eq(lseek(f.fd, 12345, SEEK_SET), 12345);
	for (size_t i = 0; i < 64; i++)
		assert_page_is(&f, i, 0);
	file_write_page(f.fd, 7, 1);
	assert_ok(uffd_guard_refresh(f.region, 0, 64 * f.page));
	assert_ok(uffd_guard_populate(f.region, 0, 64 * f.page));
	ck_assert_int_eq(lseek(f.fd, 0, SEEK_CUR), 12345);
	fixture_stop(&f);
}
END_TEST

START_TEST(map_and_unmap_leave_nothing_behind)
{
	struct uffd_guard *guard = guard_start(0);
	int fd = file_create(FILE_MEMFD, 4, false);
	assert_ok(map_with(guard, fd, 4 * PAGE, NULL)); /* what is made once is made now */
	size_t fds = count_fds(), mappings = count_mappings();
	for (int i = 0; i < 1000; i++) {
		struct uffd_guard_region *region;
		assert_ok(uffd_guard_map(guard, fd, 4 * PAGE, NULL, &region));
		ck_assert_uint_eq(
			*(volatile unsigned char *)uffd_guard_region_data(region), page_value(0));
		uffd_guard_unmap(region);
	}
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	assert_ok(uffd_guard_get_stats(guard, &stats));
	ck_assert_uint_eq(stats.bytes_resident, 0);
	ck_assert_uint_eq(stats.regions, 0);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

START_TEST(guards_leave_nothing_behind)
{
	uffd_guard_destroy(guard_start(0));
	size_t fds = count_fds(), mappings = count_mappings();
	for (int i = 0; i < 50; i++)
		uffd_guard_destroy(guard_start(0));
	ck_assert_uint_le(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_le(
			count_mappings(), mappings + 2); /* malloc keeps an arena, glibc a stack */
}
END_TEST

#define MANY 10000

static void raise_fd_limit(void)
{
	struct rlimit limit;
	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < MANY + 100)
		runner_skip("fewer than 10,000 descriptors are allowed");
}

START_TEST(ten_thousand_regions_work)
{
	raise_fd_limit();
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region **regions = calloc(MANY, sizeof(struct uffd_guard_region *));
	int fds[4];
	for (size_t i = 0; i < 4; i++) {
		fds[i] = file_create(FILE_MEMFD, 2, true);
		file_write_page(fds[i], 0, (unsigned char)(i + 1));
	}
	size_t n = 0;
	while (n < MANY && uffd_guard_map(guard, fds[n % 4], 2 * PAGE, NULL, &regions[n]) == 0)
		n++;
	ck_assert_uint_eq(n, MANY);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(
			*(volatile unsigned char *)uffd_guard_region_data(regions[i]), i % 4 + 1);
	for (size_t i = 0; i < n; i += 2) /* every second, then the rest: no order that helps */
		uffd_guard_unmap(regions[i]);
	for (size_t i = 1; i < n; i += 2) {
		((volatile unsigned char *)uffd_guard_region_data(regions[i]))[PAGE];
		uffd_guard_unmap(regions[i]);
	}
	uffd_guard_destroy(guard);
	free(regions);
}
END_TEST

START_TEST(region_of_a_terabyte_is_mapped_read_and_unmapped)
{
	if (skip_terabyte())
		return;
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region *region;
	const size_t length = (size_t)(UINT64_C(1) << 40);
	int fd = file_create(FILE_MEMFD, length / PAGE, true);
	file_write_page(fd, length / PAGE - 1, 5);
	assert_ok(uffd_guard_map(guard, fd, length, NULL, &region));
	const volatile unsigned char *data = uffd_guard_region_data(region);
	ck_assert_uint_eq(data[length - 1], 5);
	ck_assert_uint_eq(data[length / 2], 0);
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

static TCase *refusal_case(void)
{
	TCase *tcase = tcase_create("refusal");
	tcase_add_loop_test(tcase, file_of_another_kind_is_refused, 0, N_REFUSED_FILES);
	tcase_add_test(tcase, secret_memory_is_refused_as_any_file);
	tcase_add_loop_test(tcase, options_out_of_range_are_refused, 0, N_REFUSED_OPTIONS);
	tcase_add_test(tcase, options_of_a_newer_header_are_refused_only_if_set);
	tcase_add_test(tcase, guard_options_out_of_range_are_refused);
	tcase_add_test(tcase, null_is_answered_not_crashed_on);
	return tcase;
}

static TCase *mapping_case(void)
{
	TCase *tcase = tcase_create("mapping");
	tcase_add_test(tcase, offset_shows_the_file_from_there);
	tcase_add_test(tcase, fixed_address_is_taken_or_refused_but_never_clobbered);
	tcase_add_test(tcase, clients_file_offset_is_never_moved);
	tcase_add_test(tcase, map_and_unmap_leave_nothing_behind);
	tcase_add_test(tcase, guards_leave_nothing_behind);
	tcase_add_test(tcase, ten_thousand_regions_work);
	tcase_add_test(tcase, region_of_a_terabyte_is_mapped_read_and_unmapped);
	return tcase;
}

RUNNER_MAIN("mapping", refusal_case, mapping_case)

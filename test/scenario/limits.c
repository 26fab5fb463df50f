/* SPDX-License-Identifier: MIT */
/* A process at its limits: no more descriptors, no more mappings. What cannot be had is refused
 * with the right error and nothing lost; what is there goes on. */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/resource_limits.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define N_PAGES 16

static int map_another(const struct fixture *f, struct uffd_guard_region **region)
{
	*region = NULL;
	return uffd_guard_map(f->guard, f->fd, N_PAGES * f->page, NULL, region);
}

/* Everything that a program does with a region it has. */
static void assert_region_goes_on(struct fixture *f)
{
	char byte;
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_uint_eq(f->data[i * f->page], page_value(i));
	file_write_page(f->fd, 3, 99);
	assert_ok(uffd_guard_refresh(f->region, 0, N_PAGES * f->page));
	ck_assert_uint_eq(f->data[3 * f->page], 99);
	file_write_page(f->fd, 3, page_value(3));
	assert_ok(uffd_guard_discard(f->region, 0, N_PAGES * f->page));
	assert_ok(uffd_guard_populate(f->region, 0, N_PAGES * f->page));
	assert_ok(uffd_guard_resize(f->region, 5 * f->page + 10));
	assert_ok(uffd_guard_resize(f->region, N_PAGES * f->page));
	ck_assert_uint_eq(f->data[3 * f->page], page_value(3));
	ck_assert_int_eq(uffd_guard_read(f->region, 0, &byte, 1), 1);
}

START_TEST(no_descriptor_left_is_an_error_and_nothing_is_lost)
{
	struct fixture f;
	struct uffd_guard_region *region;
	struct uffd_guard *guard = NULL;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	use_up_descriptors();
	ck_assert_int_eq(uffd_guard_create(NULL, &guard), -EMFILE); /* what is made once */
	assert_region_goes_on(&f);
	raise_descriptor_limit();
	const size_t fds = count_fds(), mappings = count_mappings();

	use_up_descriptors();
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(map_another(&f, &region), -EMFILE);
		ck_assert_ptr_null(region);
		ck_assert_int_eq(uffd_guard_create(NULL, &guard), -EMFILE);
		ck_assert_ptr_null(guard);
	}
	assert_region_goes_on(&f);
	raise_descriptor_limit();
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	assert_ok(map_another(&f, &region));
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

/* A guard needs several: each time another of them is the one that is missing. */
START_TEST(guard_needs_all_its_descriptors_and_leaks_none)
{
	int fds[16], n_free = 0, err = -EMFILE;
	uffd_guard_destroy(guard_start(0));
	for (int i = 0; i < 16; i++)
		fds[i] = dup(STDIN_FILENO);
	use_up_descriptors();
	while (err && n_free < 16) {
		struct uffd_guard *guard = NULL;
		const struct uffd_guard_options options = { .size = sizeof(options),
			.flags = runner_guard_flags() };
		err = uffd_guard_create(&options, &guard);
		ck_assert(err == 0 || err == -EMFILE);
		uffd_guard_destroy(guard);
		/* Those that were free are free again. */
		for (int i = 0; i < n_free; i++)
			fds[i] = dup(STDIN_FILENO);
		ck_assert_int_eq(dup(STDIN_FILENO), -1);
		n_free++;
		for (int i = 0; i < n_free; i++)
			close(fds[i]);
	}
	ck_assert_int_eq(err, 0);
}
END_TEST

/* ---- How many regions ---- */

#define MOST_MAPPED 256
#define N_DIRECT    3000

static struct uffd_guard *start_bounded(uint32_t max_regions)
{
	struct uffd_guard *guard;
	const struct uffd_guard_options options = {
		.size = sizeof(options), .flags = runner_guard_flags(), .max_regions = max_regions
	};
	assert_ok(uffd_guard_create(&options, &guard));
	return guard;
}

/* Until map refuses. */
static size_t map_until_refused(
	struct uffd_guard *guard, int fd, struct uffd_guard_region **regions, int err)
{
	size_t n = 0;
	int answer = 0;
	while (n < MOST_MAPPED && !answer)
		answer = uffd_guard_map(guard, fd, 1, NULL, &regions[n++]);
	ck_assert_int_eq(answer, err);
	return n - 1;
}

static void unmap_all(struct uffd_guard_region **regions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		uffd_guard_unmap(regions[i]);
}

START_TEST(no_more_than_max_regions_are_mapped_at_a_time)
{
	struct uffd_guard_region *regions[MOST_MAPPED];
	struct uffd_guard *guard = start_bounded(3);
	const int fd = file_create(FILE_MEMFD, 1, false);
	ck_assert_uint_eq(map_until_refused(guard, fd, regions, -ENFILE), 3);
	uffd_guard_unmap(regions[1]);
	assert_ok(uffd_guard_map(guard, fd, 1, NULL, &regions[1]));
	ck_assert_int_eq(uffd_guard_map(guard, fd, 1, NULL, &regions[3]), -ENFILE);
	unmap_all(regions, 3);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

START_TEST(map_that_fails_is_not_counted)
{
	struct uffd_guard_region *regions[MOST_MAPPED];
	struct uffd_guard *guard = start_bounded(2);
	const int fd = file_create(FILE_MEMFD, 1, false);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(uffd_guard_map(guard, -1, 1, NULL, &regions[0]), -EBADF);
	ck_assert_uint_eq(map_until_refused(guard, fd, regions, -ENFILE), 2);
	unmap_all(regions, 2);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

/* What a client that shares file after file cannot take: accept() goes on. */
START_TEST(quarter_of_the_descriptors_is_left_by_default)
{
	struct uffd_guard_region *regions[MOST_MAPPED];
	struct uffd_guard *guard = start_bounded(0), *other = start_bounded(0);
	const int fd = file_create(FILE_MEMFD, 1, false);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = MOST_MAPPED;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));

	const size_t n = map_until_refused(guard, fd, regions, -ENFILE);
	ck_assert_uint_eq(n, MOST_MAPPED / 4 * 3);
	const int left = dup(fd);
	ck_assert_int_ge(left, 0);
	close(left);
	ck_assert_int_eq(
		uffd_guard_map(other, fd, 1, NULL, &regions[n]), -ENFILE); /* of all guards */
	unmap_all(regions, n);
	uffd_guard_destroy(other);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

/* Those of a client that seals its files take none. */
START_TEST(as_many_direct_regions_as_there_is_memory_for_whatever_the_limit)
{
	static struct uffd_guard_region *regions[N_DIRECT];
	struct uffd_guard *guard = start_bounded(0);
	const int fd = file_create(FILE_MEMFD, 1, false);
	struct rlimit limit;
	assert_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = MOST_MAPPED;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));

	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_DIRECT | (_i ? UFFD_GUARD_MAP_WRITE : 0) };
	const size_t fds = count_fds();
	for (size_t i = 0; i < N_DIRECT; i++)
		assert_ok(uffd_guard_map(guard, fd, 1, &options, &regions[i]));
	ck_assert_uint_eq(count_fds(), fds);
	ck_assert_uint_eq(*(unsigned char *)uffd_guard_region_data(regions[N_DIRECT - 1]), 1);

	/* And they leave others their share. */
	struct uffd_guard_region *others[MOST_MAPPED];
	const size_t n = map_until_refused(guard, fd, others, -ENFILE);
	ck_assert_uint_eq(n, MOST_MAPPED / 4 * 3);
	unmap_all(others, n);
	for (size_t i = 0; i < N_DIRECT; i++)
		uffd_guard_unmap(regions[i]);
	ck_assert_uint_eq(map_until_refused(guard, fd, others, -ENFILE), n); /* counted right */
	unmap_all(others, n);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

/* The limit of the moment counts. */
START_TEST(raised_or_lowered_limit_of_descriptors_holds_from_the_next_map_on)
{
	struct uffd_guard_region *regions[MOST_MAPPED];
	struct uffd_guard *guard = start_bounded(0);
	const int fd = file_create(FILE_MEMFD, 1, false);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 64;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	const size_t n = map_until_refused(guard, fd, regions, -ENFILE);
	ck_assert_uint_eq(n, 48);
	limit.rlim_cur = 128;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	const size_t n_more = map_until_refused(guard, fd, regions + n, -ENFILE);
	ck_assert_uint_eq(n + n_more, 96);
	limit.rlim_cur = 64;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	unmap_all(regions + n, n_more);
	ck_assert_int_eq(uffd_guard_map(guard, fd, 1, NULL, &regions[n]), -ENFILE);
	uffd_guard_unmap(regions[0]);
	assert_ok(uffd_guard_map(guard, fd, 1, NULL, &regions[0]));
	unmap_all(regions, n);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

/* Without a free number for a descriptor, the userfaultfd is closed all the same. */
START_TEST(handler_gives_up_at_the_limit_of_descriptors)
{
	atomic_bool fails = false;
	inject_ioctl(UFFDIO_ZEROPAGE, inject_while_on, &fails);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8, .is_sparse = true }));
	ck_assert_uint_eq(count_fds_of("anon_inode:[userfaultfd]"), 1);
	use_up_descriptors();
	atomic_store(&fails, true);
	assert_handler_gives_up(&f);
	raise_descriptor_limit();
	/* It is the thread's last act, after it has woken us. */
	while (count_fds_of("anon_inode:[userfaultfd]") > 0)
		sched_yield();
	fixture_stop(&f);
}
END_TEST

/* ---- vm.max_map_count ---- */

static bool may_use_up_mappings(void)
{
	if (IS_SANITIZED)
		runner_skip("a sanitizer needs mappings of its own");
	return !IS_SANITIZED;
}

START_TEST(no_mapping_left_is_an_error_and_nothing_is_lost)
{
	struct fixture f, large;
	struct mappings mappings;
	struct uffd_guard_region *region;
	struct uffd_guard *guard = NULL;
	if (!may_use_up_mappings())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	ck_assert(fixture_start(&large, &(struct fixture_options){ .n_pages = 4 * 512 }));
	assert_ok(uffd_guard_populate(f.region, 0, f.page)); /* a staging buffer for callers */
	const size_t fds = count_fds();

	use_up_mappings(&mappings);
	ck_assert_int_eq(map_another(&f, &region), -ENOMEM);
	ck_assert_ptr_null(region);
	const int err = uffd_guard_create(NULL, &guard);
	ck_assert(err == -ENOMEM || err == -EAGAIN); /* memory, or a stack for its thread */
	assert_region_goes_on(&f);
	for (size_t i = 0; i < 4 * 512; i++) /* with a staging buffer to be mapped anew */
		ck_assert_uint_eq(large.data[i * large.page], page_value(i));
	give_mappings_back(&mappings);

	ck_assert_uint_eq(count_fds(), fds);
	assert_ok(map_another(&f, &region));
	uffd_guard_unmap(region);
	fixture_stop(&large);
	fixture_stop(&f);
}
END_TEST

/* With a gap on either side, it is a mapping of its own. */
START_TEST(unmap_gives_its_mapping_back_at_the_limit)
{
	struct fixture f;
	struct mappings mappings;
	if (!may_use_up_mappings())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	volatile unsigned char *place = (unsigned char *)find_room((N_PAGES + 2) * f.page) + f.page;
	struct uffd_guard_region *region = map_at(f.guard, f.fd, N_PAGES * f.page, (void *)place);
	use_up_mappings(&mappings);
	for (int i = 0; i < 100; i++) {
		uffd_guard_unmap(region);
		region = map_at(f.guard, f.fd, N_PAGES * f.page, (void *)place);
		ck_assert_uint_eq(place[0], page_value(0));
	}
	give_mappings_back(&mappings);
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

static size_t count_resident(const volatile unsigned char *address)
{
	size_t n = 0;
	for (size_t i = 0; i < N_PAGES; i++)
		n += is_resident(address + i * (size_t)sysconf(_SC_PAGESIZE));
	return n;
}

/* Regions side by side are one mapping to the kernel. At the limit it does not take a part out of
 * the middle, but the part's memory goes. */
START_TEST(unmap_between_two_regions_gives_memory_back_at_the_limit)
{
	struct fixture f;
	struct mappings mappings;
	struct uffd_guard_region *regions[3];
	if (!may_use_up_mappings())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	const size_t length = N_PAGES * f.page;
	volatile unsigned char *room = find_room(3 * length);
	for (size_t i = 0; i < 3; i++) {
		regions[i] = map_at(f.guard, f.fd, length, (void *)(room + i * length));
		assert_ok(uffd_guard_populate(regions[i], 0, length));
	}
	const uint64_t resident = fixture_stats(&f).bytes_resident;
	const size_t fds = count_fds();

	use_up_mappings(&mappings);
	ck_assert_uint_eq(count_resident(room + length), N_PAGES);
	uffd_guard_unmap(regions[1]);
	ck_assert_uint_eq(count_resident(room + length), 0);
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, resident - length);
	ck_assert_uint_eq(count_fds(), fds - 1);
	for (size_t i = 0; i < 3; i += 2) {
		assert_ok(uffd_guard_discard(regions[i], 0, length));
		ck_assert_uint_eq(room[i * length + 3 * f.page], page_value(3));
	}
	give_mappings_back(&mappings);
	uffd_guard_unmap(regions[0]);
	uffd_guard_unmap(regions[2]);
	fixture_stop(&f);
}
END_TEST

/* Regions side by side are one mapping to the kernel. At the limit it does not make two of it, and
 * so unregisters none. */
START_TEST(handler_gives_up_at_the_limit_of_mappings)
{
	if (!may_use_up_mappings())
		return;
	atomic_bool fails = false;
	inject_ioctl(UFFDIO_ZEROPAGE, inject_while_on, &fails);
	struct fixture f;
	struct mappings mappings;
	struct reader reader;
	struct uffd_guard_region *behind[2];
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8, .is_sparse = true }));
	uffd_guard_unmap(f.region);
	char *room = find_room(3 * 8 * f.page);
	f.region = map_at(f.guard, f.fd, 8 * f.page, room);
	f.data = uffd_guard_region_data(f.region);
	for (size_t i = 0; i < 2; i++)
		behind[i] = map_at(f.guard, f.fd, 8 * f.page, room + (i + 1) * 8 * f.page);
	reader_start(&reader, &(volatile unsigned char){ 0 }); /* its stack is kept for the next */
	reader_finish(&reader);

	use_up_mappings(&mappings);
	atomic_store(&fails, true);
	assert_handler_gives_up(&f);
	ck_assert_int_eq(room[2 * 8 * f.page], 0);
	give_mappings_back(&mappings);
	for (size_t i = 0; i < 2; i++)
		uffd_guard_unmap(behind[i]);
	fixture_stop(&f);
}
END_TEST

static TCase *limits_case(void)
{
	TCase *tcase = tcase_create("limits");
	tcase_add_test(tcase, no_descriptor_left_is_an_error_and_nothing_is_lost);
	tcase_add_test(tcase, guard_needs_all_its_descriptors_and_leaks_none);
	tcase_add_test(tcase, no_more_than_max_regions_are_mapped_at_a_time);
	tcase_add_test(tcase, map_that_fails_is_not_counted);
	tcase_add_test(tcase, quarter_of_the_descriptors_is_left_by_default);
	tcase_add_loop_test(
		tcase, as_many_direct_regions_as_there_is_memory_for_whatever_the_limit, 0, 2);
	tcase_add_test(tcase, raised_or_lowered_limit_of_descriptors_holds_from_the_next_map_on);
	tcase_add_test(tcase, handler_gives_up_at_the_limit_of_descriptors);
	tcase_add_test(tcase, no_mapping_left_is_an_error_and_nothing_is_lost);
	tcase_add_test(tcase, unmap_gives_its_mapping_back_at_the_limit);
	tcase_add_test(tcase, unmap_between_two_regions_gives_memory_back_at_the_limit);
	tcase_add_test(tcase, handler_gives_up_at_the_limit_of_mappings);
	return tcase;
}

RUNNER_MAIN("limits", limits_case)

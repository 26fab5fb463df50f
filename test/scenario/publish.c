/* SPDX-License-Identifier: MIT */
/* What UFFD_GUARD_STATS=1 lets others see of a guard, and what it does not let them do. */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/resource_limits.h"
#include "../support/tmpfs_file.h"
#include "base/published.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static const char link_of_page[] = "/memfd:" PUBLISHED_NAME " (deleted)";

static void opt_in(void)
{
	assert_ok(setenv("UFFD_GUARD_STATS", "1", true));
}

/* ---- As another process would ---- */

/* Opened anew, as far as the kernel lets one; or -1: there is none. */
static int open_page(int flags)
{
	int found = -1;
	DIR *links = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(links);
	for (struct dirent *link; found < 0 && (link = readdir(links));) {
		char target[64] = "";
		if (readlinkat(dirfd(links), link->d_name, target, sizeof(target) - 1) > 0 &&
			strcmp(target, link_of_page) == 0) {
			found = openat(dirfd(links), link->d_name, flags);
			ck_assert_int_ge(found, 0);
		}
	}
	closedir(links);
	return found;
}

static const struct published *read_page(void)
{
	static struct published page;
	int fd = open_page(O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &page, sizeof(page), 0), sizeof(page));
	close(fd);
	return &page;
}

static size_t count_listed(const struct published *page)
{
	size_t n = 0;
	for (size_t i = 0; i < PUBLISHED_REGIONS; i++)
		n += page->regions[i].number != 0;
	return n;
}

static bool is_all_zeros(const struct published_region *slot)
{
	static const struct published_region zeros;
	return memcmp(slot, &zeros, sizeof(zeros)) == 0;
}

/* The handler counts after it has woken who waited. */
static void wait_until_all_is_counted(void)
{
	uint64_t n_counted, n_begun;
	do {
		const struct published *page = read_page();
		n_begun = page->regions[0].stats.faults;
		n_counted = 0;
		for (size_t i = 0; i < STATS_BUCKETS; i++)
			n_counted += page->stats.fault_ns[i];
	} while (n_counted < n_begun);
}

/* ---- Tests ---- */

START_TEST(without_the_variable_there_is_no_memfd)
{
	static const char *const values[] = { NULL, "", "0", "yes", "11" };
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct fixture f;
		if (values[i])
			assert_ok(setenv("UFFD_GUARD_STATS", values[i], true));
		ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 1 }));
		ck_assert_int_eq(open_page(O_RDONLY), -1);
		fixture_stop(&f);
	}
}
END_TEST

START_TEST(who_opens_it_for_writing_can_change_nothing)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 1 }));
	int fd = open_page(O_RDWR);
	const off_t size = lseek(fd, 0, SEEK_END);
	const int exec = 0x20; /* F_SEAL_EXEC, from Linux 6.3 on */
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & ~exec,
		F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);

	ck_assert_int_eq(pwrite(fd, "!", 1, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, size + 4096), -1);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	void *readable = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(readable, MAP_FAILED);
	ck_assert_int_eq(mprotect(readable, 4096, PROT_READ | PROT_WRITE), -1);

	close(fd);
	fixture_stop(&f);
}
END_TEST

START_TEST(published_numbers_are_those_of_get_stats)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	for (size_t i = 0; i < 64; i += 3)
		assert_page_is(&f, i, page_value(i));
	fixture_truncate(&f, 60);
	assert_ok(uffd_guard_refresh(f.region, 0, 64 * f.page));

	wait_until_all_is_counted();
	const struct uffd_guard_stats stats = fixture_stats(&f);
	const struct published *page = read_page();
	ck_assert_uint_eq(page->magic, PUBLISHED_MAGIC);
	ck_assert_uint_eq(page->version, PUBLISHED_VERSION);
	ck_assert_uint_eq(page->pid, (uint32_t)getpid());
#define ASSERT_SAME(name) ck_assert_uint_eq(page->stats.name, stats.name)
	ASSERT_SAME(regions);
	ASSERT_SAME(faults);
	ASSERT_SAME(pages_copied);
	ASSERT_SAME(pages_moved);
	ASSERT_SAME(pages_zeroed);
	ASSERT_SAME(bytes_read);
	ASSERT_SAME(bytes_refreshed);
	ASSERT_SAME(bytes_resident);
	ASSERT_SAME(losses);
	ASSERT_SAME(pages_reused);
	ASSERT_SAME(bytes_kept);
	ck_assert_uint_gt(stats.bytes_refreshed, 0);
	for (size_t i = 0; i < STATS_BUCKETS; i++)
		ASSERT_SAME(fault_ns[i]);

	const struct published_region *region = &page->regions[0];
	ck_assert_uint_eq(region->number, 1);
	ck_assert_uint_eq(region->length, 64 * f.page);
	ck_assert_uint_eq(region->mode, mode_without_direct());
	ck_assert_uint_eq(region->stats.bytes_resident, stats.bytes_resident);
	ck_assert_uint_eq(region->stats.faults, stats.faults);
	ck_assert_uint_eq(region->stats.losses, stats.losses);
	ck_assert_uint_eq(region->stats.reasons, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
	ck_assert_int_eq(open_page(O_RDONLY), -1);
}
END_TEST

START_TEST(resized_region_has_its_new_length)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	assert_ok(uffd_guard_resize(f.region, 100));
	ck_assert_uint_eq(read_page()->regions[0].length, 100);
	ck_assert_int_eq(uffd_guard_resize(f.region, 0), -EINVAL);
	ck_assert_int_eq(uffd_guard_resize(f.region, 9 * f.page), -ENOSPC);
	ck_assert_uint_eq(read_page()->regions[0].length, 100);
	fixture_stop(&f);
}
END_TEST

START_TEST(sealed_file_is_published_as_direct)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 2,
			    .map_flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL }));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	ck_assert_uint_eq(read_page()->regions[0].mode, UFFD_GUARD_MODE_DIRECT);
	fixture_stop(&f);
}
END_TEST

START_TEST(unmapped_region_leaves_nothing_behind)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	fixture_truncate(&f, 0);
	fixture_ask(&f, 0, 4);
	uffd_guard_unmap(f.region);
	const struct published *page = read_page();
	ck_assert(is_all_zeros(&page->regions[0]));
	ck_assert_uint_ge(page->stats.losses, 1);
	ck_assert_uint_eq(page->stats.bytes_resident, 0);

	assert_ok(uffd_guard_map(f.guard, f.fd, f.page, NULL, &f.region));
	page = read_page();
	ck_assert_uint_eq(page->regions[0].number, 2); /* no number comes twice */
	ck_assert_uint_eq(page->regions[0].stats.losses, runner_is_eager() ? 1 : 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(map_that_fails_leaves_nothing_behind)
{
	struct uffd_guard_region *region;
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	int fds[2];
	assert_ok(pipe(fds));
	ck_assert_int_eq(uffd_guard_map(guard, fds[0], 4096, NULL, &region), -ENODEV);
	ck_assert_uint_eq(count_listed(read_page()), 0);
	uffd_guard_destroy(guard);
}
END_TEST

#define N_MANY (PUBLISHED_REGIONS + 10)

START_TEST(more_regions_than_the_table_holds_are_counted)
{
	static struct uffd_guard_region *regions[N_MANY];
	struct rlimit limit;
	raise_descriptor_limit();
	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < 10000) {
		runner_skip("fewer than 10,000 descriptors are allowed");
		return;
	}
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	int fd = file_create(FILE_MEMFD, 1, false);
	for (size_t i = 0; i < N_MANY; i++)
		assert_ok(uffd_guard_map(guard, fd, 4096, NULL, &regions[i]));
	const struct published *page = read_page();
	ck_assert_uint_eq(page->stats.regions, N_MANY);
	ck_assert_uint_eq(count_listed(page), PUBLISHED_REGIONS);
	for (size_t i = 0; i < N_MANY; i++) /* those without a slot work as any other */
		ck_assert_uint_eq(
			*(unsigned char *)uffd_guard_region_data(regions[i]), page_value(0));

	for (size_t i = 0; i < PUBLISHED_REGIONS; i += 2)
		uffd_guard_unmap(regions[i]);
	ck_assert_uint_eq(count_listed(read_page()), PUBLISHED_REGIONS / 2);
	assert_ok(uffd_guard_map(guard, fd, 4096, NULL, &regions[0]));
	ck_assert_uint_eq(read_page()->regions[0].number, N_MANY + 1);

	uffd_guard_unmap(regions[0]);
	for (size_t i = 1; i < N_MANY; i++) {
		if (i % 2 || i >= PUBLISHED_REGIONS)
			uffd_guard_unmap(regions[i]);
	}
	page = read_page();
	ck_assert_uint_eq(count_listed(page), 0);
	ck_assert_uint_eq(page->stats.bytes_resident, 0);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

/* The kernel cuts memfds' names itself, but not those of files. */
START_TEST(name_is_the_files_and_ends_within_its_slot)
{
	char name[NAME_MAX + 1], path[PATH_MAX];
	const int probe = open_on_tmpfs(O_RDWR);
	if (probe < 0) {
		runner_skip(NO_TMPFS);
		return;
	}
	close(probe);
	opt_in();
	memset(name, 'x', sizeof(name) - 6);
	snprintf(name + sizeof(name) - 6, 6, "%d", (int)(getpid() % 10000));
	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	unlink(path);
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region *region;
	assert_ok(uffd_guard_map(guard, fd, 4096, NULL, &region));
	const char *shown = read_page()->regions[0].name;
	ck_assert_uint_eq(strnlen(shown, PUBLISHED_LETTERS), PUBLISHED_LETTERS - 1);
	ck_assert_int_eq(strncmp(shown, "/dev/shm/xxx", 12), 0);
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	close(fd);
}
END_TEST

START_TEST(forked_child_changes_nothing)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	fixture_ask(&f, 0, 4);
	wait_until_all_is_counted();
	struct published before = *read_page();
	pid_t child = fork();
	if (child == 0) {
		struct uffd_guard_stats stats = { .size = sizeof(stats) };
		bool is_right = uffd_guard_get_stats(f.guard, &stats) == -ECHILD &&
				uffd_guard_refresh(f.region, 0, f.page) == -ECHILD &&
				uffd_guard_resize(f.region, 1) == -ECHILD && f.data[0] == 0 &&
				uffd_guard_region_take_losses(f.region) == 0;
		uffd_guard_unmap(f.region);
		uffd_guard_destroy(f.guard);
		_exit(is_right ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	const struct published after = *read_page();
	/* The handler may count only now that it was woken before. */
	before.stats.wakeups = after.stats.wakeups;
	ck_assert_mem_eq(&after, &before, sizeof(before));
	assert_page_is(&f, 3, page_value(3));
	fixture_stop(&f);
}
END_TEST

START_TEST(each_guard_has_a_number_of_its_own)
{
	opt_in();
	struct uffd_guard *first = guard_start(0);
	const uint32_t number = read_page()->guard;
	uffd_guard_destroy(first);
	struct uffd_guard *second = guard_start(0);
	ck_assert_uint_eq(read_page()->guard, number + 1);
	uffd_guard_destroy(second);
}
END_TEST

/* ---- Where it cannot be had ---- */

static int answer(const struct injected_call *call, void *data)
{
	(void)call;
	return *(const int *)data;
}

static void note_warning(int level, const char *message, void *data)
{
	unsigned *n_warnings = data;
	if (level == LOG_WARNING && strstr(message, "UFFD_GUARD_STATS"))
		++*n_warnings;
}

static void assert_works_without(int nr, unsigned arg, uint32_t value, int err)
{
	unsigned n_warnings = 0;
	inject_syscall(nr, arg, value, answer, &err);
	opt_in();
	const size_t n_fds = count_fds();
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags(),
		.log = note_warning,
		.log_data = &n_warnings };
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	int fd = file_create(FILE_MEMFD, 1, false);
	assert_ok(uffd_guard_create(&options, &guard));
	ck_assert_uint_eq(n_warnings, 1);
	ck_assert_int_eq(open_page(O_RDONLY), -1);
	assert_ok(uffd_guard_map(guard, fd, 4096, NULL, &region));
	ck_assert_uint_eq(*(unsigned char *)uffd_guard_region_data(region), page_value(0));
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	close(fd);
	ck_assert_uint_eq(count_fds(), n_fds);
}

/* Where off_t had 32 bits once, fcntl(2) has two numbers. */
#ifdef SYS_fcntl64
#define NR_FCNTL SYS_fcntl64
#else
#define NR_FCNTL SYS_fcntl
#endif

START_TEST(guard_that_may_not_seal_works_without)
{
	assert_works_without(NR_FCNTL, 1, F_ADD_SEALS, -EINVAL); /* kernels before 5.1 */
}
END_TEST

START_TEST(guard_that_gets_no_memory_for_it_works_without)
{
	assert_works_without(SYS_fallocate, 1, 0, -ENOSPC);
}
END_TEST

static TCase *publish_case(void)
{
	TCase *tcase = tcase_create("publish");
	tcase_add_test(tcase, without_the_variable_there_is_no_memfd);
	tcase_add_test(tcase, who_opens_it_for_writing_can_change_nothing);
	tcase_add_test(tcase, published_numbers_are_those_of_get_stats);
	tcase_add_test(tcase, resized_region_has_its_new_length);
	tcase_add_test(tcase, sealed_file_is_published_as_direct);
	tcase_add_test(tcase, unmapped_region_leaves_nothing_behind);
	tcase_add_test(tcase, map_that_fails_leaves_nothing_behind);
	tcase_add_test(tcase, more_regions_than_the_table_holds_are_counted);
	tcase_add_test(tcase, name_is_the_files_and_ends_within_its_slot);
	tcase_add_test(tcase, forked_child_changes_nothing);
	tcase_add_test(tcase, each_guard_has_a_number_of_its_own);
	tcase_add_test(tcase, guard_that_may_not_seal_works_without);
	tcase_add_test(tcase, guard_that_gets_no_memory_for_it_works_without);
	return tcase;
}

RUNNER_MAIN("publish", publish_case)

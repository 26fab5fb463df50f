/* SPDX-License-Identifier: MIT */
/*
 * Files on a tmpfs that a scanner watches: the kernel asks it before each read(2) (fanotify(7),
 * FAN_ACCESS_PERM), and waits for its answer. This one does not answer until it ends.
 *
 * And what must be true of such files without a scanner, as they are read in another way than
 * memfds: holes stay holes, an end is an end.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/resource_limits.h"
#include "../support/scanner.h"
#include "../support/threads.h"
#include "../support/time_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON	     (2 * NS_PER_S) /* also on a busy machine */
#define N_PAGES	     8
#define N_LONG_PAGES 1024 /* a copy of so many is shared */

/* ---- A scanner ---- */

struct scanned {
	struct fixture f;
	int scanner;
	struct uffd_guard_region *beside; /* of a memfd, which no scanner can watch by its mount */
	volatile unsigned char *beside_data;
	int beside_fd;
};

static void ask_for_views(void)
{
	assert_ok(setenv("UFFD_GUARD_PAST_SCANNERS", "1", 1));
}

static bool start_past_scanners(struct fixture *f, const struct fixture_options *options)
{
	ask_for_views();
	return fixture_start(f, options);
}

static bool start(struct scanned *s, size_t n_pages, uint32_t map_flags)
{
	*s = (struct scanned){ .f.page = (size_t)sysconf(_SC_PAGESIZE) };
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = map_flags };
	s->scanner = scanner_start();
	if (s->scanner < 0)
		return false;
	s->f.fd = scanner_create_file("/tmp/file", n_pages);
	ask_for_views();
	s->f.guard = guard_start(0);
	s->beside_fd = file_create(FILE_MEMFD, N_PAGES, false);
	assert_ok(uffd_guard_map(s->f.guard, s->beside_fd, N_PAGES * s->f.page, NULL, &s->beside));
	s->beside_data = uffd_guard_region_data(s->beside);
	assert_ok(uffd_guard_map(s->f.guard, s->f.fd, n_pages * s->f.page, &options, &s->f.region));
	s->f.data = uffd_guard_region_data(s->f.region);
	return true;
}

static void stop(struct scanned *s)
{
	scanner_end(&s->scanner);
	uffd_guard_unmap(s->beside);
	close(s->beside_fd);
	fixture_stop(&s->f);
}

static bool has_value_soon(const struct reader *reader)
{
	const uint64_t limit = clock_ns() + SOON;
	while (atomic_load(&reader->value) < 0 && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	return atomic_load(&reader->value) >= 0;
}

START_TEST(readers_of_watched_and_other_files_wait_for_no_scanner)
{
	struct scanned s;
	struct reader scanned, beside;
	if (skip_no_cachestat() || !start(&s, N_PAGES, 0))
		return;
	reader_start(&scanned, &s.f.data[3 * s.f.page]);
	clock_sleep(50 * NS_PER_MS);
	reader_start(&beside, &s.beside_data[3 * s.f.page]);
	const bool others_go_on = has_value_soon(&beside), it_ends = has_value_soon(&scanned);
	scanner_end(&s.scanner);
	ck_assert_int_eq(reader_finish(&beside), page_value(3));
	ck_assert_int_eq(reader_finish(&scanned), page_value(3));
	ck_assert_msg(others_go_on, "another region's reader waited for the scanner");
	ck_assert_msg(it_ends, "the region's own reader waited for the scanner");
	assert_losses_eq(&s.f, 0);
	stop(&s);
}
END_TEST

/* A thread that makes calls, so that one that waits can be told. */
struct caller {
	struct scanned *s;
	pthread_t thread;
	atomic_bool has_ended;
	const char *_Atomic at; /* which call it makes */
};

static void write_page_by_mapping(const struct fixture *f, size_t page, unsigned char value)
{
	char *map = mmap(
		NULL, f->page, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, (off_t)(page * f->page));
	ck_assert_ptr_ne(map, MAP_FAILED);
	memset(map, value, f->page);
	munmap(map, f->page);
}

#define AT(caller, name) atomic_store(&(caller)->at, name)

static void refresh_in_each_way(struct caller *caller, struct fixture *f, size_t length)
{
	const struct uffd_guard_rect rows = { 0, f->page / 2, 100, 2 * length / f->page };
	AT(caller, "populate");
	assert_ok(uffd_guard_populate(f->region, 0, length));
	write_page_by_mapping(f, 1, 0x51);
	AT(caller, "refresh");
	assert_ok(uffd_guard_refresh(f->region, 0, length));
	assert_page_is(f, 1, 0x51);
	write_page_by_mapping(f, 1, 0x52);
	AT(caller, "refresh_rects");
	assert_ok(uffd_guard_refresh_rects(f->region, &rows, 1));
	ck_assert_uint_eq(f->data[f->page + 99], 0x52);
	AT(caller, "discard and update");
	assert_ok(uffd_guard_discard(f->region, 0, length));
	assert_ok(uffd_guard_update(f->region, 0, length));
	write_page_by_mapping(f, 1, 0x53);
	AT(caller, "mark, begin, ensure");
	assert_ok(uffd_guard_mark_rects(
		f->region, &(struct uffd_guard_rect){ 0, length, length, 1 }, 1));
	assert_ok(uffd_guard_begin(f->region));
	assert_ok(uffd_guard_ensure(f->region, 0, length));
	assert_page_is(f, 1, 0x53);
}

static void read_and_store(struct caller *caller, struct fixture *f, size_t length)
{
	const struct uffd_guard_rect rect = { 0, f->page / 2, 100, 20 };
	char *buffer = malloc(length);
	AT(caller, "read");
	ck_assert_int_eq(uffd_guard_read(f->region, 0, buffer, length), (ssize_t)length);
	ck_assert_uint_eq((unsigned char)buffer[4 * f->page + 1], page_value(4));
	AT(caller, "read_rect");
	ck_assert_int_eq(uffd_guard_read_rect(f->region, &rect, buffer, 100), 2000);
	ck_assert_uint_eq((unsigned char)buffer[1999], page_value(9));
	AT(caller, "write_back");
	f->data[5 * f->page] = 0x54;
	ck_assert_int_eq(uffd_guard_write_back(f->region, 0, length), (ssize_t)length);
	AT(caller, "resize");
	assert_ok(uffd_guard_resize(f->region, length - f->page / 2));
	free(buffer);
}

static void *make_calls(void *data)
{
	struct caller *caller = data;
	struct fixture *f = &caller->s->f;
	refresh_in_each_way(caller, f, N_LONG_PAGES * f->page);
	read_and_store(caller, f, N_LONG_PAGES * f->page);
	AT(caller, "nothing");
	atomic_store(&caller->has_ended, true);
	return NULL;
}

START_TEST(no_call_waits_for_a_scanner)
{
	struct scanned s;
	if (skip_no_cachestat() ||
		!start(&s, N_LONG_PAGES, UFFD_GUARD_MAP_WRITE | UFFD_GUARD_MAP_POPULATE))
		return;
	struct caller caller = { .s = &s };
	const uint64_t limit = clock_ns() + 5 * SOON;
	pthread_create(&caller.thread, NULL, make_calls, &caller);
	while (!atomic_load(&caller.has_ended) && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	const bool has_ended = atomic_load(&caller.has_ended);
	const char *at = atomic_load(&caller.at);
	scanner_end(&s.scanner);
	pthread_join(caller.thread, NULL);
	ck_assert_msg(has_ended, "waited for the scanner: %s", at);
	assert_losses_eq(&s.f, 0);
	stop(&s);
}
END_TEST

/* ---- Files on a tmpfs ---- */

START_TEST(holes_of_a_file_on_a_tmpfs_get_no_page)
{
	struct fixture f;
	enum { N = 2048 };
	if (!start_past_scanners(&f, &(struct fixture_options){
					     .kind = FILE_TMPFS, .n_pages = N, .is_sparse = true }))
		return;
	char *buffer = malloc(N * f.page);
	for (size_t i = 0; i < N; i += 1 + i / 2)
		file_write_page(f.fd, i, page_value(i));
	const size_t allocated = file_allocated_bytes(f.fd);
	fixture_changed(&f);
	for (size_t i = 0, next = 0; i < N; i++) {
		assert_page_is(&f, i, i == next ? page_value(i) : 0);
		next += i == next ? 1 + i / 2 : 0;
	}
	assert_ok(uffd_guard_refresh(f.region, 0, N * f.page));
	ck_assert_int_eq(uffd_guard_read(f.region, 0, buffer, N * f.page), N * (ssize_t)f.page);
	for (size_t i = 0, next = 0; i < N; i++) {
		ck_assert_uint_eq(
			(unsigned char)buffer[i * f.page + 9], i == next ? page_value(i) : 0);
		next += i == next ? 1 + i / 2 : 0;
	}
	ck_assert_uint_eq(file_allocated_bytes(f.fd), allocated);
	assert_losses_eq(&f, 0);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

/* A page that has bytes behind the file's end: the client's, but not the file's. */
START_TEST(file_on_a_tmpfs_ends_in_the_midst_of_a_page)
{
	struct fixture f;
	if (!start_past_scanners(&f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 8 }))
		return;
	char *buffer = malloc(8 * f.page);
	const size_t end = 4 * f.page + 100;
	assert_ok(ftruncate(f.fd, (off_t)end));
	write_page_by_mapping(&f, 4, 0x77);
	fixture_changed(&f);
	assert_page_is(&f, 3, page_value(3));
	assert_bytes_are(&f, 4 * f.page, end, 0x77);
	assert_bytes_are(&f, end, 8 * f.page, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	ck_assert_int_eq(uffd_guard_read(f.region, 0, buffer, 8 * f.page), (ssize_t)end);
	ck_assert_uint_eq((unsigned char)buffer[end - 1], 0x77);
	ck_assert_uint_eq((unsigned char)buffer[end], 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_truncate(&f, 8);
	assert_ok(uffd_guard_refresh(f.region, 0, 8 * f.page));
	assert_page_is(&f, 5, 0);
	assert_losses_eq(&f, 0);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

/* Some 100 cuts while a caller reads. What a read has not got was lost. */
static void *cut_and_grow(void *data)
{
	const struct fixture *f = data;
	for (int i = 0; i < 100; i++) {
		fixture_truncate((struct fixture *)f, 3);
		fixture_truncate((struct fixture *)f, 64);
		for (size_t page = 0; page < 64; page += 2)
			file_write_page(f->fd, page, page_value(page));
	}
	return NULL;
}

START_TEST(file_on_a_tmpfs_that_is_cut_meanwhile_reads_as_it_was_or_as_zeros)
{
	struct fixture f;
	pthread_t client;
	if (!start_past_scanners(
		    &f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 64 }))
		return;
	unsigned char *buffer = malloc(64 * f.page);
	pthread_create(&client, NULL, cut_and_grow, &f);
	for (int i = 0; i < 200; i++) {
		const ssize_t n = uffd_guard_read(f.region, 0, buffer, 64 * f.page);
		ck_assert_int_ge(n, (ssize_t)(3 * f.page));
		assert_ok(uffd_guard_update(f.region, 0, 64 * f.page));
		size_t n_others = 0;
		for (size_t at = 0; at < 64 * f.page; at += 64) {
			const unsigned char whole = page_value(at / f.page);
			n_others += buffer[at] != whole && buffer[at] != 0;
			n_others += f.data[at] != whole && f.data[at] != 0;
		}
		ck_assert_uint_eq(n_others, 0);
	}
	pthread_join(client, NULL);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_on_a_tmpfs_that_is_only_readable_is_read_past_scanners)
{
	struct fixture f;
	if (!start_past_scanners(
		    &f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 600 }))
		return;
	char path[64];
	struct uffd_guard_region *region;
	file_punch(f.fd, 10, 500);
	const size_t allocated = file_allocated_bytes(f.fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f.fd);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	assert_ok(uffd_guard_map(f.guard, fd, 600 * f.page, NULL, &region));
	if (!runner_is_eager()) /* of f's region there is one too */
		ck_assert_uint_eq(file_count_mappings(fd), 2);
	const unsigned char *data = uffd_guard_region_data(region);
	for (size_t i = 0; i < 600; i++)
		ck_assert_uint_eq(data[i * f.page + 7], i < 10 || i >= 510 ? page_value(i) : 0);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), allocated);
	uffd_guard_unmap(region);
	close(fd);
	fixture_stop(&f);
}
END_TEST

START_TEST(memory_that_is_locked_later_fills_no_hole_of_a_file_on_a_tmpfs)
{
	struct fixture f;
	if (!start_past_scanners(
		    &f, &(struct fixture_options){
				.kind = FILE_TMPFS, .n_pages = 64, .is_sparse = true }))
		return;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
		runner_skip("may not lock memory");
	} else {
		struct uffd_guard_region *second;
		assert_ok(uffd_guard_map(f.guard, f.fd, 64 * f.page, NULL, &second));
		ck_assert_uint_eq(file_allocated_bytes(f.fd), 0);
		uffd_guard_unmap(second);
		munlockall();
	}
	fixture_stop(&f);
}
END_TEST

/* A mapping of a client's file can be held up by the client. */
START_TEST(file_on_a_tmpfs_is_not_mapped_where_nobody_asks)
{
	struct fixture f;
	struct uffd_guard_region *region;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 8 }))
		return;
	const size_t fds = count_fds(), mappings = file_count_mappings(f.fd);
	assert_ok(uffd_guard_map(f.guard, f.fd, 8 * f.page, NULL, &region));
	assert_ok(uffd_guard_update(region, 0, 8 * f.page));
	ck_assert_uint_eq(count_fds(), fds + 1);
	ck_assert_uint_eq(file_count_mappings(f.fd), mappings);
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

START_TEST(regions_of_memfds_take_no_more_than_a_descriptor_each)
{
	ask_for_views();
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region *regions[3];
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), before = count_fds();
	const size_t for_views = runner_is_eager() ? 0 : 1;
	const int memfd = file_create(FILE_MEMFD, 2, false), fd = file_create(FILE_TMPFS, 2, false);
	assert_ok(uffd_guard_map(guard, memfd, 2 * page, NULL, &regions[0]));
	ck_assert_uint_eq(count_fds(), before + 3);
	assert_ok(uffd_guard_map(guard, fd, 2 * page, NULL, &regions[1]));
	ck_assert_uint_eq(count_fds(), before + 4 + for_views);
	assert_ok(uffd_guard_map(guard, fd, 2 * page, NULL, &regions[2]));
	ck_assert_uint_eq(count_fds(), before + 5 + for_views);
	for (int i = 0; i < 3; i++)
		uffd_guard_unmap(regions[i]);
	ck_assert_uint_eq(count_fds(), before + 2 + for_views);
	uffd_guard_destroy(guard);
	close(memfd);
	close(fd);
}
END_TEST

static void deny(int call)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	assert_ok(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
}

static void assert_file_on_tmpfs_is_read(struct fixture *f)
{
	file_punch(f->fd, 2, 2);
	fixture_changed(f);
	assert_page_is(f, 1, page_value(1));
	assert_page_is(f, 3, 0);
	fixture_truncate(f, 6);
	assert_ok(uffd_guard_update(f->region, 0, 8 * f->page));
	assert_page_is(f, 5, page_value(5));
	assert_page_is(f, 6, 0);
	assert_losses_eq(f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(f);
}

START_TEST(denied_process_vm_readv_leaves_reading_by_descriptor)
{
	struct fixture f;
	deny(SCMP_SYS(process_vm_readv));
	if (start_past_scanners(&f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 8 }))
		assert_file_on_tmpfs_is_read(&f);
}
END_TEST

START_TEST(process_vm_readv_that_is_denied_later_leaves_reading_by_descriptor)
{
	struct fixture f;
	if (!start_past_scanners(&f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 8 }))
		return;
	deny(SCMP_SYS(process_vm_readv));
	assert_file_on_tmpfs_is_read(&f);
}
END_TEST

START_TEST(file_on_a_tmpfs_is_read_where_no_descriptor_or_mapping_is_left_for_it)
{
	struct mappings mappings;
	struct fixture f;
	if (!start_past_scanners(&f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 8 }))
		return;
	struct uffd_guard_region *region = NULL;
	use_up_mappings(&mappings);
	const int err = uffd_guard_map(f.guard, f.fd, 8 * f.page, NULL, &region);
	ck_assert(err == 0 || err == -ENOMEM);
	if (!err)
		ck_assert_uint_eq(*(unsigned char *)uffd_guard_region_data(region), page_value(0));
	give_mappings_back(&mappings);
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

static TCase *scanned_case(void)
{
	TCase *tcase = tcase_create("scanned");
	tcase_add_test(tcase, readers_of_watched_and_other_files_wait_for_no_scanner);
	tcase_add_test(tcase, no_call_waits_for_a_scanner);
	tcase_add_test(tcase, holes_of_a_file_on_a_tmpfs_get_no_page);
	tcase_add_test(tcase, file_on_a_tmpfs_ends_in_the_midst_of_a_page);
	tcase_add_test(tcase, file_on_a_tmpfs_that_is_cut_meanwhile_reads_as_it_was_or_as_zeros);
	tcase_add_test(tcase, file_on_a_tmpfs_that_is_only_readable_is_read_past_scanners);
	tcase_add_test(tcase, memory_that_is_locked_later_fills_no_hole_of_a_file_on_a_tmpfs);
	tcase_add_test(tcase, file_on_a_tmpfs_is_not_mapped_where_nobody_asks);
	tcase_add_test(tcase, regions_of_memfds_take_no_more_than_a_descriptor_each);
	tcase_add_test(tcase, denied_process_vm_readv_leaves_reading_by_descriptor);
	tcase_add_test(tcase, process_vm_readv_that_is_denied_later_leaves_reading_by_descriptor);
	tcase_add_test(
		tcase, file_on_a_tmpfs_is_read_where_no_descriptor_or_mapping_is_left_for_it);
	return tcase;
}

RUNNER_MAIN("scanned", scanned_case)

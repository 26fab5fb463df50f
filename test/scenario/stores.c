/* SPDX-License-Identifier: MIT */
/* Stores into the client's file where that is harder than usual: huge pages, no room, no leave, no
 * access. What did not get there is told; what is not ours is not touched. */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/namespace.h"
#include "../support/shrinker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define N_PAGES 8

#ifndef SYS_statmount
#define SYS_statmount 457
#endif

/* ---- A file system of the test's own ---- */

/* A file on a tmpfs that is mounted with @options; or -1 after runner_skip(). */
static int file_on_tmpfs(const char *options)
{
	if (!enter_mount_namespace() || mount("none", "/tmp", "tmpfs", 0, options) < 0) {
		runner_skip("may not mount a tmpfs");
		return -1;
	}
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool start_on(struct fixture *f, int fd, size_t n_pages)
{
	*f = (struct fixture){ .fd = fd, .page = (size_t)sysconf(_SC_PAGESIZE) };
	if (fd < 0)
		return false;
	assert_ok(ftruncate(fd, (off_t)(n_pages * f->page)));
	f->guard = guard_start(0);
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_WRITE };
	assert_ok(uffd_guard_map(f->guard, fd, n_pages * f->page, &map, &f->region));
	f->data = uffd_guard_region_data(f->region);
	return true;
}

static unsigned char file_byte(const struct fixture *f, size_t offset)
{
	unsigned char byte = 0;
	ck_assert_int_eq(pread(f->fd, &byte, 1, (off_t)offset), 1);
	return byte;
}

/* ---- Huge pages ---- */

/* Mappings in turn, so that what lies beside the store's own mapping is the program's. */
START_TEST(store_on_a_tmpfs_of_huge_pages_takes_nothing_of_the_programs_away)
{
	struct fixture f;
	if (!start_on(&f, file_on_tmpfs("huge=always,size=64m"), N_PAGES))
		return;
	const size_t size = (size_t)4 << 20;
	char *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(own, MAP_FAILED);
	memset(own, 7, size);
	for (size_t i = 0; i < N_PAGES; i++) {
		f.data[i * f.page] = 9;
		ck_assert_int_eq(uffd_guard_write_back(f.region, i * f.page, f.page), f.page);
		ck_assert_uint_eq(file_byte(&f, i * f.page), 9);
	}
	unsigned char there[1024];
	assert_ok(mincore(own, size, there));
	for (size_t i = 0; i < size; i += f.page)
		ck_assert_int_eq(own[i], 7);
	munmap(own, size);
	fixture_stop(&f);
}
END_TEST

/* ---- process_vm_readv(2) and process_vm_writev(2) denied ---- */

static void deny_copies(int err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	assert_ok(seccomp_rule_add(
		filter, SCMP_ACT_ERRNO((unsigned)err), SCMP_SYS(process_vm_readv), 0));
	assert_ok(seccomp_rule_add(
		filter, SCMP_ACT_ERRNO((unsigned)err), SCMP_SYS(process_vm_writev), 0));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
}

static const int denials[] = { EPERM, ENOSYS, EACCES };
#define N_DENIALS 3

START_TEST(stores_reach_the_file_where_copies_by_one_call_are_denied)
{
	struct fixture f;
	deny_copies(denials[_i]);
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = 300, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < 300; i++)
		f.data[i * f.page + 5] = 250;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 5, 1), 1);
	ck_assert_uint_eq(file_byte(&f, 5), 250);
	ck_assert_uint_eq(file_byte(&f, 4), page_value(0));
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 300 * f.page), 300 * f.page);
	for (size_t i = 0; i < 300; i++) {
		ck_assert_uint_eq(file_byte(&f, i * f.page + 5), 250);
		ck_assert_uint_eq(file_byte(&f, i * f.page + 6), page_value(i));
	}
	fixture_truncate(&f, 2);
	assert_ok(ftruncate(f.fd, (off_t)(2 * f.page + 50)));
	ck_assert_int_eq(uffd_guard_write_back(f.region, f.page, 8 * f.page), f.page + 50);
	struct stat st;
	assert_ok(fstat(f.fd, &st));
	ck_assert_int_eq(st.st_size, 2 * f.page + 50);
	fixture_stop(&f);
}
END_TEST

START_TEST(stores_to_huge_pages_reach_the_file_where_copies_by_one_call_are_denied)
{
	struct fixture f;
	deny_copies(EPERM);
	if (!fixture_start(&f, &(struct fixture_options){ .kind = FILE_HUGETLB,
				       .n_pages = N_PAGES,
				       .map_flags = UFFD_GUARD_MAP_WRITE }))
		return;
	f.data[3 * f.page + 1] = 250;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 3 * f.page, 10), 10);
	ck_assert_uint_eq(file_byte(&f, 3 * f.page + 1), 250);
	ck_assert_uint_eq(file_byte(&f, 3 * f.page), page_value(3));
	fixture_stop(&f);
}
END_TEST

START_TEST(shrinking_file_is_never_grown_where_copies_by_one_call_are_denied)
{
	struct fixture f;
	pthread_t thread;
	deny_copies(EPERM);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < N_PAGES * f.page; i++)
		f.data[i] = 250;
	struct shrinker shrinker = { .fd = f.fd, .size = (off_t)(N_PAGES * f.page) };
	assert_ok(pthread_create(&thread, NULL, shrinker_run, &shrinker));
	for (int i = 0; i < 3000; i++) {
		ssize_t n = uffd_guard_write_back(f.region, 0, N_PAGES * f.page);
		ck_assert_int_ge(n, 0);
		ck_assert_int_le(n, N_PAGES * f.page);
	}
	atomic_store(&shrinker.shall_stop, true);
	pthread_join(thread, NULL);
	ck_assert(!atomic_load(&shrinker.has_grown_by_itself));
	fixture_stop(&f);
}
END_TEST

/* Nor is a descriptor to be had, which the other way needs. */
START_TEST(denied_store_without_another_way_is_not_told_as_a_seal)
{
	struct fixture f;
	deny_copies(EPERM);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	f.data[0] = 250;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	assert_ok(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EMFILE), SCMP_SYS(pipe2), 0));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, f.page), -EMFILE);
	ck_assert_uint_eq(file_byte(&f, 0), page_value(0));
	fixture_stop(&f);
}
END_TEST

/* ---- No room ---- */

START_TEST(store_to_a_file_system_that_is_full_says_how_far_it_came_and_why)
{
	struct fixture f;
	const size_t n_room = 16, n_pages = 256;
	if (_i)
		deny_copies(EPERM);
	if (!start_on(&f, file_on_tmpfs("size=64k,huge=never"), n_pages))
		return;
	const size_t length = n_pages * f.page;
	memset((void *)f.data, 'x', length);
	ssize_t n = uffd_guard_write_back(f.region, 0, length);
	ck_assert_int_eq(n, n_room * f.page);
	ck_assert_int_eq(uffd_guard_write_back(f.region, (uint64_t)n, length - (size_t)n), -ENOSPC);
	ck_assert_uint_eq(file_byte(&f, (size_t)n - 1), 'x');
	ck_assert_uint_eq(file_byte(&f, (size_t)n), 0);
	struct stat st;
	assert_ok(fstat(f.fd, &st));
	ck_assert_int_eq(st.st_size, length);
	fixture_stop(&f);
}
END_TEST

/* ---- Memory that the program has closed off ---- */

/* 0: pages with data, 1: pages of zeros. */
START_TEST(write_back_of_memory_without_access_is_an_error)
{
	struct fixture f;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){
			.n_pages = N_PAGES, .is_sparse = _i, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_uint_eq(f.data[i * f.page], _i ? 0 : page_value(i));
	assert_ok(mprotect((void *)f.data, N_PAGES * f.page, PROT_NONE));
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, N_PAGES * f.page), -EFAULT);
	assert_ok(mprotect((void *)f.data, N_PAGES * f.page, PROT_READ));
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, N_PAGES * f.page), N_PAGES * f.page);
	assert_ok(mprotect((void *)f.data, N_PAGES * f.page, PROT_READ | PROT_WRITE));
	fixture_stop(&f);
}
END_TEST

/* Pages of a file with holes that have become zeros are looked at. */
START_TEST(calls_on_memory_without_access_raise_no_signal)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	file_punch(f.fd, 6, 1);
	for (size_t i = 0; i < N_PAGES; i++)
		f.data[i * f.page] = 3;
	assert_ok(mprotect((void *)f.data, N_PAGES * f.page, PROT_NONE));
	const struct uffd_guard_span spans[] = { { 10, 5 }, { 100, 5 }, { f.page, 2 * f.page } };
	uffd_guard_refresh(f.region, 0, N_PAGES * f.page);
	uffd_guard_refresh_spans(f.region, spans, 3);
	uffd_guard_populate(f.region, 0, N_PAGES * f.page);
	uffd_guard_discard(f.region, 10, N_PAGES * f.page - 20);
	uffd_guard_resize(f.region, 3 * f.page + 10);
	uffd_guard_resize(f.region, N_PAGES * f.page);
	assert_ok(mprotect((void *)f.data, N_PAGES * f.page, PROT_READ | PROT_WRITE));
	assert_ok(uffd_guard_discard(f.region, 0, N_PAGES * f.page));
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_uint_eq(f.data[i * f.page], i == 6 ? 0 : page_value(i));
	fixture_stop(&f);
}
END_TEST

/* ---- DIRECT ---- */

static bool start_direct(struct fixture *f, size_t reserve)
{
	*f = (struct fixture){ .page = (size_t)sysconf(_SC_PAGESIZE) };
	f->fd = file_create(FILE_MEMFD, N_PAGES, false);
	assert_ok(fcntl(f->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	f->guard = guard_start(0);
	const struct uffd_guard_map_options map = {
		.size = sizeof(map), .flags = UFFD_GUARD_MAP_DIRECT, .reserve = reserve * f->page
	};
	assert_ok(uffd_guard_map(f->guard, f->fd, N_PAGES * f->page, &map, &f->region));
	f->data = uffd_guard_region_data(f->region);
	return true;
}

static void assert_content(const struct fixture *f, size_t n_pages)
{
	for (size_t i = 0; i < n_pages; i++)
		ck_assert_uint_eq(f->data[i * f->page], i < N_PAGES ? page_value(i) : 0);
}

/* A page of a hole may be refused at the moment it is read, and that is SIGBUS: the kernel keeps
 * strict account of memory then. */
START_TEST(region_is_not_direct_where_memory_is_strictly_accounted)
{
	struct fixture f;
	char path[] = "/tmp/uffd_guard.XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_eq(write(fd, "2\n", 2), 2);
	if (!enter_mount_namespace() ||
		mount(path, "/proc/sys/vm/overcommit_memory", NULL, MS_BIND, NULL) < 0) {
		unlink(path);
		runner_skip("may not mount over vm.overcommit_memory");
		return;
	}
	ck_assert(start_direct(&f, N_PAGES));
	unlink(path);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), mode_without_direct());
	assert_content(&f, N_PAGES);
	fixture_stop(&f);
}
END_TEST

/* The kernel takes away what is at the new place before it finds that it cannot move. */
static int move_fails_half_way(const struct injected_call *call, void *data)
{
	if (!atomic_load((atomic_bool *)data))
		return INJECT_CONTINUE;
	munmap((void *)(uintptr_t)call->args[4], (size_t)call->args[2]);
	return -ENOMEM;
}

START_TEST(move_of_a_direct_part_that_fails_half_way_leaves_no_gap)
{
	struct fixture f;
	atomic_bool fails = true;
	if (runner_skip_eager())
		return;
	inject_syscall(SYS_mremap, 3, MREMAP_MAYMOVE | MREMAP_FIXED, move_fails_half_way, &fails);
	ck_assert(start_direct(&f, 2 * N_PAGES));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_LAZY);
	assert_content(&f, 2 * N_PAGES);
	f.data[f.page] = 1; /* nor for a store */
	atomic_store(&fails, false);
	assert_ok(uffd_guard_discard(f.region, 0, N_PAGES * f.page));
	assert_content(&f, 2 * N_PAGES);
	assert_ok(uffd_guard_resize(f.region, N_PAGES * f.page - 1));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	assert_content(&f, N_PAGES);
	fixture_stop(&f);
}
END_TEST

/* Whatever protection the program has given it meanwhile. */
START_TEST(resize_of_a_direct_region_that_the_program_protected_leaves_it_whole)
{
	struct fixture f;
	const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	ck_assert(start_direct(&f, 2 * N_PAGES));
	assert_ok(mprotect((void *)f.data, 2 * N_PAGES * f.page, protections[_i]));
	assert_ok(uffd_guard_resize(f.region, 2 * f.page + 7));
	assert_ok(uffd_guard_resize(f.region, 2 * N_PAGES * f.page));
	assert_ok(mprotect((void *)f.data, 2 * N_PAGES * f.page, PROT_READ | PROT_WRITE));
	assert_content(&f, 2 * N_PAGES);
	assert_ok(ftruncate(f.fd, (off_t)(2 * N_PAGES * f.page)));
	assert_ok(uffd_guard_refresh(f.region, 0, 2 * N_PAGES * f.page));
	assert_content(&f, 2 * N_PAGES);
	fixture_stop(&f);
}
END_TEST

/* ---- A file system of memory that knows no seals ---- */

START_TEST(file_on_ramfs_is_memory)
{
	struct fixture f = { .page = (size_t)sysconf(_SC_PAGESIZE) };
	if (syscall(SYS_statmount, NULL, NULL, 0, 0) < 0 && errno == ENOSYS) {
		runner_skip("no statmount(2) in this kernel");
		return;
	}
	if (!enter_mount_namespace() || mount("none", "/tmp", "ramfs", 0, NULL) < 0) {
		runner_skip("may not mount a ramfs");
		return;
	}
	f.fd = open("/tmp/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(f.fd, 0);
	for (size_t i = 0; i < N_PAGES; i++)
		file_write_page(f.fd, i, page_value(i));
	f.guard = guard_start(0);
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_WRITE };
	assert_ok(uffd_guard_map(f.guard, f.fd, N_PAGES * f.page, &map, &f.region));
	f.data = uffd_guard_region_data(f.region);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	f.data[f.page] = 200;
	ck_assert_int_eq(uffd_guard_write_back(f.region, f.page, 1), 1);
	unsigned char byte = 0;
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)f.page), 1);
	ck_assert_uint_eq(byte, 200);
	fixture_truncate(&f, 2);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	assert_page_is(&f, 0, page_value(0));
	assert_page_is(&f, 3, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

static int count_call(const struct injected_call *call, void *data)
{
	(void)call;
	atomic_fetch_add((atomic_int *)data, 1);
	return INJECT_CONTINUE;
}

#define N_LONG 512 /* pages: a store that is shared with the copier */

/* There is nowhere to store to. */
static void store_to_nothing(struct fixture *f)
{
	char *bytes = calloc(N_LONG, f->page);
	ck_assert_ptr_nonnull(bytes);
	fixture_truncate(f, 0);
	ck_assert_int_le(uffd_guard_write(f->region, 0, bytes, N_LONG * f->page), 0);
	fixture_truncate(f, N_LONG);
	free(bytes);
}

/* A client can hold up each of these, and may have cut its file to nothing before. */
START_TEST(stores_map_the_clients_file_a_few_times_and_no_more)
{
	struct fixture f;
	atomic_int n_maps = 0;
	if (!fixture_start(&f, &(struct fixture_options){ .n_pages = _i ? N_LONG : N_PAGES,
				       .map_flags = UFFD_GUARD_MAP_WRITE }))
		return;
	if (_i)
		store_to_nothing(&f);
	inject_syscall(
		SYS_mmap, 4, (uint32_t)uffd_guard_region_get_fd(f.region), count_call, &n_maps);
	for (int i = 0; i < 100; i++) {
		f.data[0] = (unsigned char)i;
		ck_assert_int_eq(uffd_guard_write_back(f.region, 0, f.page), (ssize_t)f.page);
	}
	ck_assert_int_le(atomic_load(&n_maps), 10);
	fixture_stop(&f);
}
END_TEST

/* The vDSO's data: memory of a device as far as the kernel is concerned, in every process. */
static const char *find_device_memory(void)
{
	char line[512];
	unsigned long long start = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	ck_assert_ptr_nonnull(maps);
	while (!start && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "[vvar]"))
			start = strtoull(line, NULL, 16);
	}
	fclose(maps);
	return (const char *)(uintptr_t)start;
}

START_TEST(what_lies_in_memory_of_a_device_is_stored)
{
	struct fixture f;
	char byte;
	const char *device = find_device_memory();
	const struct iovec to = { &byte, 1 }, from = { (void *)device, 1 };
	if (!device || process_vm_readv(getpid(), &to, 1, &from, 1, 0) >= 0) {
		runner_skip("no memory of a device that process_vm_readv cannot read");
		return;
	}
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = UFFD_GUARD_MAP_WRITE }));
	ck_assert_int_eq(uffd_guard_write(f.region, 0, device, 4), 4);
	const struct uffd_guard_rect rect = { f.page, 100, 4, 2 };
	ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, device, 4), 8);
	fixture_stop(&f);
}
END_TEST

static TCase *stores_case(void)
{
	TCase *tcase = tcase_create("stores");
	tcase_add_test(tcase, store_on_a_tmpfs_of_huge_pages_takes_nothing_of_the_programs_away);
	tcase_add_loop_test(
		tcase, stores_reach_the_file_where_copies_by_one_call_are_denied, 0, N_DENIALS);
	tcase_add_test(
		tcase, stores_to_huge_pages_reach_the_file_where_copies_by_one_call_are_denied);
	tcase_add_test(tcase, shrinking_file_is_never_grown_where_copies_by_one_call_are_denied);
	tcase_add_test(tcase, what_lies_in_memory_of_a_device_is_stored);
	tcase_add_test(tcase, denied_store_without_another_way_is_not_told_as_a_seal);
	tcase_add_loop_test(
		tcase, store_to_a_file_system_that_is_full_says_how_far_it_came_and_why, 0, 2);
	tcase_add_loop_test(tcase, write_back_of_memory_without_access_is_an_error, 0, 2);
	tcase_add_test(tcase, calls_on_memory_without_access_raise_no_signal);
	return tcase;
}

static TCase *direct_case(void)
{
	TCase *tcase = tcase_create("direct");
	tcase_add_test(tcase, region_is_not_direct_where_memory_is_strictly_accounted);
	tcase_add_test(tcase, move_of_a_direct_part_that_fails_half_way_leaves_no_gap);
	tcase_add_loop_test(
		tcase, resize_of_a_direct_region_that_the_program_protected_leaves_it_whole, 0, 3);
	tcase_add_loop_test(tcase, stores_map_the_clients_file_a_few_times_and_no_more, 0, 2);
	tcase_add_test(tcase, file_on_ramfs_is_memory);
	return tcase;
}

RUNNER_MAIN("stores", stores_case, direct_case)

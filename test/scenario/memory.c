/* SPDX-License-Identifier: MIT */
/* What the program itself does to the memory of its regions, or to all of its memory: advice,
 * protection, locks, moving it away. No byte is wrong for it, and no page is lost to refresh. */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* ---- Advice ---- */

static const struct {
	const char *name;
	int advice;
} advices[] = {
	{ "DONTNEED", MADV_DONTNEED },
	{ "DONTNEED_LOCKED", MADV_DONTNEED_LOCKED },
	{ "FREE", MADV_FREE },
	{ "COLD", MADV_COLD },
	{ "PAGEOUT", MADV_PAGEOUT },
	{ "REMOVE", MADV_REMOVE },
	{ "POPULATE_READ", MADV_POPULATE_READ },
	{ "POPULATE_WRITE", MADV_POPULATE_WRITE },
	{ "HUGEPAGE", MADV_HUGEPAGE },
	{ "NOHUGEPAGE", MADV_NOHUGEPAGE },
	{ "COLLAPSE", MADV_COLLAPSE },
	{ "MERGEABLE", MADV_MERGEABLE },
	{ "WILLNEED", MADV_WILLNEED },
	{ "RANDOM", MADV_RANDOM },
	{ "DODUMP", MADV_DODUMP },
	{ "KEEPONFORK", MADV_KEEPONFORK },
};
#define N_ADVICES ((int)(sizeof(advices) / sizeof(advices[0])))

#define N_PAGES 1024 /* room for a huge page, wherever it begins */

static void assert_all_pages_are_right(const struct fixture *f, size_t changed, unsigned char value)
{
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_uint_eq(f->data[i * f->page], i == changed ? value : page_value(i));
}

START_TEST(advice_of_the_program_spoils_no_content)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	for (size_t i = 0; i < N_PAGES / 2; i++) /* half are there, half are not */
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	file_write_page(f.fd, 5, 99);
	/* What the kernel thinks of it (no swap, no huge page, not for anonymous memory) is its
	 * affair. */
	madvise((void *)f.data, N_PAGES * f.page, advices[_i].advice);

	const unsigned char old_or_new = f.data[5 * f.page];
	ck_assert(old_or_new == page_value(5) || old_or_new == 99);
	assert_all_pages_are_right(&f, 5, old_or_new);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	assert_all_pages_are_right(&f, 5, 99);
	assert_losses_eq(&f, 0);

	file_write_page(f.fd, 700, 98);
	assert_ok(uffd_guard_discard(f.region, 700 * f.page, f.page));
	ck_assert_uint_eq(f.data[700 * f.page], 98);
	assert_ok(uffd_guard_discard(f.region, 0, N_PAGES * f.page));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	assert_ok(uffd_guard_populate(f.region, 0, N_PAGES * f.page));
	ck_assert_uint_eq(f.data[5 * f.page], 99);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_that_the_program_took_away_come_back)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16,
					    .guard_flags = _i ? UFFD_GUARD_USER_FAULTS_ONLY : 0,
					    .map_flags = UFFD_GUARD_MAP_POPULATE }));
	file_write_page(f.fd, 5, 99);
	assert_ok(madvise((void *)(f.data + 4 * f.page), 4 * f.page, MADV_DONTNEED));
	assert_page_is(&f, 5, 99);
	file_write_page(f.fd, 6, 98);
	assert_ok(uffd_guard_refresh(
		f.region, 0, 16 * f.page)); /* its in-place write meets absent pages */
	assert_page_is(&f, 6, 98);
	assert_page_is(&f, 7, page_value(7));
	fixture_stop(&f);
}
END_TEST

START_TEST(program_may_populate_by_madvise_where_the_kernel_may_fault)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	int err = madvise((void *)f.data, 16 * f.page, MADV_POPULATE_READ) < 0 ? errno : 0;
	bool works = uffd_guard_features(f.guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS;
	ck_assert_int_eq(err, works ? 0 : EFAULT);
	assert_page_is(&f, 9, page_value(9));
	fixture_stop(&f);
}
END_TEST

/* ---- Protection ---- */

START_TEST(pages_that_the_program_write_protected_are_refreshed)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	assert_page_is(&f, 5, page_value(5));
	assert_ok(mprotect((void *)(f.data + 4 * f.page), 4 * f.page, PROT_READ));
	for (size_t i = 0; i < 16; i++) /* windows reach across what are now three mappings */
		assert_page_is(&f, i, page_value(i));
	file_write_page(f.fd, 3, 97);
	file_write_page(f.fd, 5, 99);
	assert_ok(uffd_guard_refresh(f.region, 3 * f.page, 4 * f.page));
	assert_page_is(&f, 3, 97);
	assert_page_is(&f, 5, 99);
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_discard(f.region, 0, 16 * f.page));
	assert_ok(uffd_guard_populate(f.region, 0, 16 * f.page));
	assert_page_is(&f, 5, 99);
	assert_ok(uffd_guard_resize(f.region, 5 * f.page + 10));
	assert_bytes_are(&f, 5 * f.page + 10, 6 * f.page, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_without_access_for_a_while_are_refreshed_meanwhile)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	assert_page_is(&f, 5, page_value(5));
	assert_ok(mprotect((void *)f.data, 16 * f.page, PROT_NONE));
	file_write_page(f.fd, 5, 99);
	assert_ok(uffd_guard_refresh(f.region, 0, 16 * f.page));
	assert_ok(mprotect((void *)f.data, 16 * f.page, PROT_READ));
	assert_page_is(&f, 5, 99);
	assert_page_is(&f, 11, page_value(11));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

/* ---- Locks ---- */

/* Or false after runner_skip(). */
static bool lock_all_to_come(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0 && mlockall(MCL_FUTURE) < 0) {
		runner_skip("may not lock memory");
		return false;
	}
	assert_ok(mlockall(MCL_FUTURE));
	return true;
}

START_TEST(mlockall_does_not_fill_regions_with_zeros)
{
	struct fixture f;
	if (!lock_all_to_come())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	if (!runner_is_eager())
		ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	for (size_t i = 0; i < 16; i++)
		assert_page_is(&f, i, page_value(i));
	file_write_page(f.fd, 3, 99);
	assert_ok(uffd_guard_discard(f.region, 3 * f.page, f.page));
	assert_page_is(&f, 3, 99);
	fixture_stop(&f);
}
END_TEST

/* A load from a hole of a direct region makes a page of the client's file, and mlockall() is a load
 * from everywhere. */
START_TEST(mlockall_does_not_allocate_the_holes_of_a_direct_file)
{
	struct fixture f;
	if (!lock_all_to_come())
		return;
	ck_assert(
		fixture_start(&f, &(struct fixture_options){ .n_pages = 64,
					  .is_sparse = true,
					  .map_flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL,
					  .reserve = 64 * (size_t)sysconf(_SC_PAGESIZE) }));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), 0);
	file_write_page(f.fd, 5, 55);
	assert_page_is(&f, 5, 55);
	/* And what was direct and comes again as a snapshot is no zeros either. */
	assert_ok(uffd_guard_resize(f.region, f.page));
	assert_ok(uffd_guard_resize(f.region, 64 * f.page));
	ck_assert_uint_le(file_allocated_bytes(f.fd), 2 * f.page);
	assert_page_is(&f, 5, 55);
	fixture_stop(&f);
}
END_TEST

START_TEST(mlockall_does_not_allocate_the_holes_of_a_file_that_is_stored_to)
{
	struct fixture f;
	const unsigned char byte = 1;
	if (!lock_all_to_come())
		return;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){
			    .n_pages = 64, .is_sparse = true, .map_flags = UFFD_GUARD_MAP_WRITE }));
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(uffd_guard_write(f.region, 50 * f.page, &byte, 1), 1);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), f.page);
	fixture_stop(&f);
}
END_TEST

START_TEST(locked_pages_can_be_discarded)
{
	struct fixture f;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = 4, .map_flags = UFFD_GUARD_MAP_POPULATE }));
	if (mlock((const void *)f.data, 4 * f.page) < 0) {
		runner_skip("may not lock memory");
		return;
	}
	file_write_page(f.fd, 2, 99);
	assert_ok(uffd_guard_discard(f.region, 0, 4 * f.page));
	assert_page_is(&f, 2, 99);
	fixture_stop(&f);
}
END_TEST

/* mlock() touches all pages: where the kernel may not fault it says so, but the lock holds. */
START_TEST(region_locked_before_it_is_read_reads_as_the_file)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .guard_flags = _i ? UFFD_GUARD_USER_FAULTS_ONLY : 0 }));
	mlock((const void *)f.data, N_PAGES * f.page);
	assert_all_pages_are_right(&f, 0, page_value(0));
	file_write_page(f.fd, 5, 99);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	assert_all_pages_are_right(&f, 5, 99);
	fixture_stop(&f);
}
END_TEST

/* ---- Moved away, which is the program's mistake ---- */

/* Pages filled by then go along; what is read at the new place afterwards is plain memory. Where
 * the region was there is nothing, and the guard takes that. */
START_TEST(region_that_the_program_moves_away_is_a_guard_no_more)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	struct uffd_guard_region *second;
	assert_ok(uffd_guard_map(f.guard, f.fd, f.page, NULL, &second));
	assert_page_is(&f, 0, page_value(0));
	void *place = mmap(NULL, 16 * f.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const volatile unsigned char *moved = place;
	ck_assert_ptr_eq(mremap((void *)f.data, 16 * f.page, 16 * f.page,
				 MREMAP_MAYMOVE | MREMAP_FIXED, place),
		place);
	ck_assert_uint_eq(moved[0], page_value(0));
	ck_assert_uint_eq(moved[15 * f.page], 0);

	ck_assert_int_eq(uffd_guard_refresh(f.region, 0, 16 * f.page), -ENOMEM);
	ck_assert_int_eq(uffd_guard_discard(f.region, 0, 16 * f.page), -ENOMEM);
	uffd_guard_populate(f.region, 0, 16 * f.page);
	ck_assert_uint_eq(*(volatile unsigned char *)uffd_guard_region_data(second), page_value(0));
	ck_assert_uint_eq(moved[0], page_value(0));
	uffd_guard_unmap(second);
	fixture_stop(&f);
	munmap(place, 16 * (size_t)sysconf(_SC_PAGESIZE));
}
END_TEST

/* ---- Core dumps ---- */

/* Of the mapping that @address is in, as in /proc/self/smaps: " rd wr mr mw me ac ". */
static void read_vm_flags(const volatile void *address, char *flags, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	unsigned long start, end;
	bool is_it = false;
	ck_assert_ptr_nonnull(f);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_it = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (is_it && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, size, "%s", line + 8);
	}
	fclose(f);
}

START_TEST(core_dump_leaves_clients_bytes_out)
{
	struct fixture f;
	char flags[512];
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 4,
			    .map_flags = _i ? UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL : 0 }));
	read_vm_flags(f.data, flags, sizeof(flags));
	ck_assert_msg(strstr(flags, " dd") != NULL, "flags:%s", flags);
	fixture_stop(&f);
}
END_TEST

static TCase *memory_case(void)
{
	TCase *tcase = tcase_create("memory");
	tcase_add_loop_test(tcase, advice_of_the_program_spoils_no_content, 0, N_ADVICES);
	tcase_add_loop_test(tcase, pages_that_the_program_took_away_come_back, 0, 2);
	tcase_add_test(tcase, program_may_populate_by_madvise_where_the_kernel_may_fault);
	tcase_add_test(tcase, pages_that_the_program_write_protected_are_refreshed);
	tcase_add_test(tcase, pages_without_access_for_a_while_are_refreshed_meanwhile);
	tcase_add_test(tcase, mlockall_does_not_fill_regions_with_zeros);
	tcase_add_test(tcase, mlockall_does_not_allocate_the_holes_of_a_direct_file);
	tcase_add_test(tcase, mlockall_does_not_allocate_the_holes_of_a_file_that_is_stored_to);
	tcase_add_test(tcase, locked_pages_can_be_discarded);
	tcase_add_loop_test(tcase, region_locked_before_it_is_read_reads_as_the_file, 0, 2);
	tcase_add_test(tcase, region_that_the_program_moves_away_is_a_guard_no_more);
	tcase_add_loop_test(tcase, core_dump_leaves_clients_bytes_out, 0, 2);
	return tcase;
}

RUNNER_MAIN("memory", memory_case)

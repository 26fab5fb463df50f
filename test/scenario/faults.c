/* SPDX-License-Identifier: MIT */
/*
 * The kernel's answers to a fill, and what happens in the midst of one. The system calls of the
 * handler are held up or failed by a seccomp filter, so that each race is run on purpose and not by
 * chance.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- Answers of the kernel ---- */

static int answer_exist_once(const struct injected_call *call, void *data)
{
	(void)data;
	return call->n_before == 0 ? -EEXIST : INJECT_CONTINUE;
}

/* Without a wake after -EEXIST, the reader would sleep for ever. */
START_TEST(page_that_is_said_to_exist_wakes_the_reader)
{
	inject_ioctl(UFFDIO_COPY, answer_exist_once, NULL);
	struct fixture f;
	struct reader reader;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	reader_start(&reader, &f.data[2 * f.page]);
	ck_assert_int_eq(reader_finish(&reader), page_value(2));
	fixture_stop(&f);
}
END_TEST

/* Does one page of what was asked and says so, as the kernel does when the second is there already.
 */
static int copy_one_page(const struct injected_call *call, void *data)
{
	(void)data;
	struct uffdio_copy *op = (struct uffdio_copy *)(uintptr_t)call->args[2];
	struct uffdio_copy first = *op;
	first.len = (size_t)sysconf(_SC_PAGESIZE);
	if (op->len <= first.len)
		return INJECT_CONTINUE;
	if (ioctl((int)call->args[0], UFFDIO_COPY, &first) < 0)
		return -errno;
	op->copy = first.copy;
	return -EAGAIN;
}

START_TEST(copy_done_in_part_goes_on_behind_it)
{
	inject_ioctl(UFFDIO_COPY, copy_one_page, NULL);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 100 }));
	assert_ok(uffd_guard_populate(f.region, 0, 50 * f.page));
	for (size_t i = 0; i < 50; i++)
		assert_page_is(&f, i, page_value(i));
	ck_assert_uint_eq(fixture_stats(&f).faults, 0); /* all were in place */
	for (size_t i = 50; i < 100; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

static int answer_again_thrice(const struct injected_call *call, void *data)
{
	(void)data;
	return call->n_before < 3 ? -EAGAIN : INJECT_CONTINUE;
}

START_TEST(copy_that_is_to_be_repeated_is_repeated)
{
	inject_ioctl(UFFDIO_COPY, answer_again_thrice, NULL);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	assert_page_is(&f, 1, page_value(1));
	ck_assert_uint_eq(fixture_stats(&f).retries, 3);
	fixture_stop(&f);
}
END_TEST

static int answer_with(const struct injected_call *call, void *data)
{
	(void)call;
	return -*(int *)data;
}

START_TEST(no_memory_ends_in_zeros_and_a_loss)
{
	int err = ENOMEM;
	inject_ioctl(UFFDIO_COPY, answer_with, &err);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	assert_page_is(&f, 3, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_NO_MEMORY);
	assert_ok(uffd_guard_populate(f.region, 0, 4 * f.page));
	assert_page_is(&f, 0, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_NO_MEMORY);
	fixture_stop(&f);
}
END_TEST

struct shortage {
	atomic_bool is_on;
	atomic_uint n_refused;
};

static int refuse_while_short(const struct injected_call *call, void *data)
{
	struct shortage *shortage = data;
	(void)call;
	if (!atomic_load(&shortage->is_on))
		return INJECT_CONTINUE;
	atomic_fetch_add(&shortage->n_refused, 1);
	return -ENOMEM;
}

/* Pages that are read ahead of need are there when memory is. */
START_TEST(without_memory_no_page_is_lost_but_what_is_asked_for)
{
	struct shortage shortage = { .is_on = false };
	inject_ioctl(UFFDIO_COPY, refuse_while_short, &shortage);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	for (size_t page = 0; page < 64 && atomic_load(&shortage.n_refused) == 0; page++) {
		atomic_store(&shortage.is_on, page >= 8);
		const unsigned char value = f.data[page * f.page];
		atomic_store(&shortage.is_on, false);
		ck_assert_uint_eq(value, atomic_load(&shortage.n_refused) ? 0 : page_value(page));
		if (atomic_load(&shortage.n_refused) == 0)
			continue;
		for (size_t other = page + 1; other < 64; other++)
			assert_page_is(&f, other, page_value(other));
	}
	ck_assert_uint_gt(atomic_load(&shortage.n_refused), 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_NO_MEMORY);
	fixture_stop(&f);
}
END_TEST

static int refuse_first(const struct injected_call *call, void *data)
{
	atomic_fetch_add((atomic_uint *)data, 1);
	return call->n_before == 0 ? -ENOMEM : INJECT_CONTINUE;
}

/* Even a page of zeros may need a page table. */
START_TEST(handler_gives_its_own_memory_up_for_a_page_of_zeros)
{
	atomic_uint n_seen = 0;
	inject_ioctl(UFFDIO_ZEROPAGE, refuse_first, &n_seen);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4, .is_sparse = true }));
	assert_page_is(&f, 2, 0);
	ck_assert_uint_ge(atomic_load(&n_seen), 2);
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, f.page));
	fixture_stop(&f);
}
END_TEST

/* ---- In the midst of a fill ---- */

static void *release_after_a_while(void *data)
{
	struct hold *hold = data;
	const struct timespec while_ = { .tv_nsec = 200000000 };
	nanosleep(&while_, NULL);
	sem_post(&hold->may_go);
	return NULL;
}

static void release_soon(struct hold *hold)
{
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, release_after_a_while, hold));
	pthread_detach(thread);
}

START_TEST(fill_under_way_cannot_bring_old_content_back_after_refresh)
{
	struct hold hold;
	struct fixture f;
	struct reader reader;
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	reader_start(&reader, &f.data[0]);
	sem_wait(&hold.is_held); /* the handler has read the old page, and is about to install it */
	file_write_page(f.fd, 0, 99);
	release_soon(&hold);
	assert_ok(uffd_guard_refresh(f.region, 0, f.page));
	assert_page_is(&f, 0, 99);
	reader_finish(&reader);
	fixture_stop(&f);
}
END_TEST

/* A page cut off between look and copy is either of the two, whole. */
START_TEST(file_truncated_between_read_and_copy_is_no_signal)
{
	struct hold hold;
	struct fixture f;
	struct reader reader;
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	reader_start(&reader, &f.data[f.page]);
	sem_wait(&hold.is_held);
	fixture_truncate(&f, 0);
	sem_post(&hold.may_go);
	ck_assert_int_eq(reader_finish(&reader), page_value(1));
	assert_ok(uffd_guard_refresh(f.region, 0, 4 * f.page));
	assert_page_is(&f, 1, 0);
	fixture_stop(&f);
}
END_TEST

struct remapper {
	struct fixture *f;
	int other_fd;
	struct uffd_guard_region *second;
	void *address;
};

static void *unmap_and_map_there(void *data)
{
	struct remapper *r = data;
	uffd_guard_unmap(r->f->region);
	const struct uffd_guard_map_options options = {
		.size = sizeof(options), .flags = UFFD_GUARD_MAP_FIXED_NOREPLACE, .addr = r->address
	};
	assert_ok(uffd_guard_map(r->f->guard, r->other_fd, 4 * r->f->page, &options, &r->second));
	return NULL;
}

static _Thread_local sigjmp_buf after_access;

static void leave_access(int sig)
{
	(void)sig;
	siglongjmp(after_access, 1);
}

/* Woken when the region goes, the reader may come too late for its byte: a SIGSEGV, and rightly. */
static void *read_byte_of_what_goes(void *data)
{
	struct reader *reader = data;
	if (sigsetjmp(after_access, 1) == 0)
		atomic_store(&reader->value, *reader->address);
	return NULL;
}

/* The reader's access is the program's mistake here; another region's bytes in the new one would be
 * ours. */
START_TEST(fill_under_way_cannot_reach_a_region_mapped_where_its_own_was)
{
	struct hold hold;
	struct fixture f;
	struct reader reader;
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	struct remapper remapper = {
		.f = &f, .other_fd = file_create(FILE_MEMFD, 4, true), .address = (void *)f.data
	};
	for (size_t i = 0; i < 4; i++)
		file_write_page(remapper.other_fd, i, 200);
	assert_ok(sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = leave_access }, NULL));
	reader = (struct reader){ .address = &f.data[0], .value = -1 };
	assert_ok(pthread_create(&reader.thread, NULL, read_byte_of_what_goes, &reader));
	sem_wait(&hold.is_held);
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, unmap_and_map_there, &remapper));
	release_soon(&hold);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < 4; i++)
		assert_page_is(&f, i, 200);
	reader_finish(&reader);
	f.region = remapper.second;
	fixture_stop(&f);
}
END_TEST

/* Two threads on one page, one answer held up: both come back. */
START_TEST(two_readers_of_one_page_both_come_back)
{
	struct hold hold;
	struct fixture f;
	struct reader readers[4];
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	for (size_t i = 0; i < 4; i++)
		reader_start(&readers[i], &f.data[i % 2]);
	sem_wait(&hold.is_held);
	release_soon(&hold);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(reader_finish(&readers[i]), page_value(0));
	fixture_stop(&f);
}
END_TEST

START_TEST(populate_passes_a_handler_that_is_held_up)
{
	struct hold hold;
	struct fixture f;
	struct reader reader;
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	reader_start(&reader, &f.data[12 * f.page]);
	sem_wait(&hold.is_held);
	/* The supervisor is busy holding: populate what needs no copy. */
	fixture_truncate(&f, 4);
	assert_ok(uffd_guard_populate(f.region, 4 * f.page, 4 * f.page));
	assert_page_is(&f, 5, 0);
	sem_post(&hold.may_go);
	ck_assert_int_eq(reader_finish(&reader), page_value(12));
	fixture_stop(&f);
}
END_TEST

static void *resize_to_two_pages(void *data)
{
	const struct fixture *f = data;
	assert_ok(uffd_guard_resize(f->region, 2 * f->page));
	return NULL;
}

/* The fill has read as much as the region had before. */
START_TEST(region_that_grows_while_a_page_is_filled_loses_nothing)
{
	struct hold hold;
	struct fixture f;
	struct reader reader;
	pthread_t thread;
	hold_init(&hold);
	inject_syscall(SYS_pread64, 2, 100, inject_hold_first, &hold);
	ck_assert(fixture_start(
		&f, &(struct fixture_options){
			    .n_pages = 2, .length = 100, .reserve = 2 * (size_t)getpagesize() }));
	reader_start(&reader, &f.data[0]);
	sem_wait(&hold.is_held);
	assert_ok(pthread_create(&thread, NULL, resize_to_two_pages, &f));
	while (uffd_guard_region_length(f.region) != 2 * f.page)
		usleep(1000);
	sem_post(&hold.may_go);
	ck_assert_int_eq(reader_finish(&reader), page_value(0));
	pthread_join(thread, NULL);
	assert_losses_eq(&f, 0);
	assert_page_is(&f, 0, page_value(0));
	assert_page_is(&f, 1, page_value(1));
	fixture_stop(&f);
}
END_TEST

static int shrink_file(const struct injected_call *call, void *data)
{
	(void)call;
	assert_ok(ftruncate(*(int *)data, 0));
	return INJECT_CONTINUE;
}

/* Between the look at the size and the store, write_back maps a piece of the file. */
START_TEST(file_shrunk_between_look_and_store_is_not_grown)
{
	static int fd;
	struct stat st;
	struct fixture f;
	inject_syscall(SYS_mmap, 3, MAP_SHARED | MAP_NORESERVE | MAP_POPULATE, shrink_file, &fd);
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 4, .map_flags = UFFD_GUARD_MAP_WRITE }));
	fd = f.fd;
	f.data[0] = 99;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, f.page), 0);
	assert_ok(fstat(f.fd, &st));
	ck_assert_int_eq(st.st_size, 0);
	fixture_stop(&f);
}
END_TEST

static TCase *answers_case(void)
{
	TCase *tcase = tcase_create("answers");
	tcase_add_test(tcase, page_that_is_said_to_exist_wakes_the_reader);
	tcase_add_test(tcase, copy_done_in_part_goes_on_behind_it);
	tcase_add_test(tcase, copy_that_is_to_be_repeated_is_repeated);
	tcase_add_test(tcase, no_memory_ends_in_zeros_and_a_loss);
	tcase_add_test(tcase, without_memory_no_page_is_lost_but_what_is_asked_for);
	tcase_add_test(tcase, handler_gives_its_own_memory_up_for_a_page_of_zeros);
	return tcase;
}

static TCase *midst_case(void)
{
	TCase *tcase = tcase_create("in the midst of a fill");
	tcase_add_test(tcase, fill_under_way_cannot_bring_old_content_back_after_refresh);
	tcase_add_test(tcase, file_truncated_between_read_and_copy_is_no_signal);
	tcase_add_test(tcase, fill_under_way_cannot_reach_a_region_mapped_where_its_own_was);
	tcase_add_test(tcase, two_readers_of_one_page_both_come_back);
	tcase_add_test(tcase, populate_passes_a_handler_that_is_held_up);
	tcase_add_test(tcase, region_that_grows_while_a_page_is_filled_loses_nothing);
	tcase_add_test(tcase, file_shrunk_between_look_and_store_is_not_grown);
	return tcase;
}

RUNNER_MAIN("faults", answers_case, midst_case)

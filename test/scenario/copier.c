/* SPDX-License-Identifier: MIT */
/*
 * Long copies, shared with the guard's copier: the bytes are the same, the thread comes with the
 * first of them and goes with the guard, and nobody is worse off for it.
 */
#include "../support/asleep.h"
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/resource_limits.h"
#include "../support/threads.h"
#include "../support/time_ns.h"
#include "../support/words.h"

#include "base/shared_work.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_PAGES	  2048 /* 8 MiB */
#define COPIER	  "uffd-guard-copy"
#define SOME_TIME ((struct timespec){ .tv_nsec = 100000000 })

static bool skip_one_processor(void)
{
	if (shared_work_has_room())
		return false;
	runner_skip("one processor: there is no copier");
	return true;
}

/* The thread is started by the call, and at work a moment later. */
static pid_t wait_for_copier(void)
{
	pid_t tid = 0;
	for (int i = 0; i < 1000 && !tid; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		tid = find_thread(COPIER);
	}
	ck_assert_int_gt(tid, 0);
	return tid;
}

/* A region whose copier is there. */
static bool start(struct fixture *f, uint32_t guard_flags)
{
	if (skip_one_processor())
		return false;
	ck_assert(fixture_start(
		f, &(struct fixture_options){ .n_pages = N_PAGES, .guard_flags = guard_flags }));
	assert_ok(uffd_guard_populate(f->region, 0, N_PAGES * f->page));
	assert_ok(uffd_guard_refresh(f->region, 0, N_PAGES * f->page));
	wait_for_copier();
	return true;
}

/* ---- The bytes ---- */

START_TEST(every_byte_is_the_files_and_new)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const size_t length = N_PAGES * f.page;
	void *buffer = malloc(length);
	ck_assert_ptr_nonnull(buffer);
	for (uint64_t seed = 1; seed < (IS_SANITIZED ? 4 : 20); seed++) {
		struct uffd_guard_region *fresh;
		write_words(f.fd, length, seed);
		assert_ok(uffd_guard_refresh(f.region, 0, length));
		assert_words((const void *)f.data, length, length, seed);
		ck_assert_int_eq(uffd_guard_read(f.region, 0, buffer, length), (ssize_t)length);
		assert_words(buffer, length, length, seed);
		assert_ok(uffd_guard_map(f.guard, f.fd, length, NULL, &fresh));
		assert_ok(uffd_guard_populate(fresh, 0, length));
		assert_words(uffd_guard_region_data(fresh), length, length, seed);
		uffd_guard_unmap(fresh);
	}
	assert_losses_eq(&f, 0);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_cut_within_a_shared_copy_loses_the_rest_only)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const size_t length = N_PAGES * f.page, end = length / 2 + (size_t)_i * 100003 + 8;
	char *buffer = malloc(length);
	ck_assert_ptr_nonnull(buffer);
	memset(buffer, 99, length);
	write_words(f.fd, length, 5);
	assert_ok(ftruncate(f.fd, (off_t)end));
	ck_assert_int_eq(uffd_guard_read(f.region, 0, buffer, length), (ssize_t)end);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_ok(uffd_guard_refresh(f.region, 0, length));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_words(buffer, end / 8 * 8, end / 8 * 8, 5);
	assert_words((const void *)f.data, end / 8 * 8, end / 8 * 8, 5);
	size_t n_stale = 0;
	for (size_t i = end; i < length; i++)
		n_stale += buffer[i] != 0 || f.data[i] != 0;
	ck_assert_uint_eq(n_stale, 0);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

#define N_ROWS 600

/* Rows of which no two are in one system call. */
static struct uffd_guard_rect far_rows(const struct fixture *f)
{
	return (struct uffd_guard_rect){ 1000, 3 * f->page, 1600, N_ROWS };
}

static struct uffd_guard_rect far_or_close_rows(const struct fixture *f, bool is_close)
{
	struct uffd_guard_rect rect = far_rows(f);
	if (is_close)
		rect.stride = rect.width + 800;
	return rect;
}

START_TEST(rows_that_are_shared_are_new_and_what_is_between_stays)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const size_t length = N_PAGES * f.page;
	write_words(f.fd, length, 1);
	assert_ok(uffd_guard_refresh(f.region, 0, length));
	for (uint64_t seed = 2; seed < 6; seed++) {
		const struct uffd_guard_rect rect = far_or_close_rows(&f, _i);
		const uint64_t *words = (const void *)f.data;
		write_words(f.fd, length, seed);
		assert_ok(uffd_guard_refresh_rects(f.region, &rect, 1));
		for (size_t i = 0; i < length / 8; i++) {
			const size_t at = i * 8,
				     row = at < 1000 ? N_ROWS : (at - 1000) / rect.stride;
			const bool is_new =
				row < N_ROWS && at - 1000 - row * rect.stride < rect.width;
			if (words[i] != word_at(i, is_new ? seed : 1))
				ck_abort_msg("word %zu is another", i);
		}
	}
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_cut_within_shared_rows_loses_the_rest_of_them_only)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const size_t length = N_PAGES * f.page;
	const struct uffd_guard_rect rect = far_or_close_rows(&f, _i / 3);
	const size_t end = 1000 + (size_t)(100 + 150 * (_i % 3)) * rect.stride + 800;
	write_words(f.fd, length, 1);
	assert_ok(uffd_guard_refresh(f.region, 0, length));
	write_words(f.fd, length, 2);
	assert_ok(ftruncate(f.fd, (off_t)end));
	assert_ok(uffd_guard_refresh_rects(f.region, &rect, 1));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	size_t n_wrong = 0;
	for (size_t row = 0; row < N_ROWS; row++) {
		for (size_t at = 1000 + row * rect.stride, i = 0; i < rect.width / 8; i++, at += 8)
			n_wrong += *(const uint64_t *)(const void *)(f.data + at) !=
				   (at < end ? word_at(at / 8, 2) : 0);
	}
	ck_assert_uint_eq(n_wrong, 0);
	fixture_stop(&f);
}
END_TEST

static atomic_int watched_copier;
static atomic_uint n_calls_of_copier;

static int note_who_calls(const struct injected_call *call, void *data)
{
	(void)data;
	if (call->thread == (pid_t)atomic_load(&watched_copier))
		atomic_fetch_add(&n_calls_of_copier, 1);
	return INJECT_CONTINUE;
}

/* Many, few that are long, and such as lie close together. */
START_TEST(copier_reads_rows_that_are_long_or_many)
{
	struct fixture f;
	const struct uffd_guard_rect rects[] = { { 1000, 15360, 400, 400 },
		{ 1000, 15360, 3072, 216 }, { 1000, 8000, 7600, 120 } };
	if (_i == 2)
		inject_syscall(SYS_preadv, 4, 0, note_who_calls, NULL); /* below 4 GiB */
	else
		inject_syscall(SYS_pread64, 2, (uint32_t)rects[_i].width, note_who_calls, NULL);
	if (!start(&f, 0))
		return;
	atomic_store(&watched_copier, wait_for_copier());
	for (int i = 0; i < 1000 && !atomic_load(&n_calls_of_copier); i++)
		assert_ok(uffd_guard_refresh_rects(f.region, &rects[_i], 1));
	ck_assert_uint_gt(atomic_load(&n_calls_of_copier), 0);
	fixture_stop(&f);
}
END_TEST

/* The whole of a region, of which rows were read into it; what is between them is as before. */
static void assert_rows_of_words(const struct uffd_guard_rect *rect, const uint64_t *words,
	size_t length, uint64_t end, uint64_t seed)
{
	for (size_t i = 0; i < length / 8; i++) {
		const size_t at = i * 8, row = at < 1000 ? N_ROWS : (at - 1000) / rect->stride;
		const bool is_read = row < N_ROWS && at - 1000 - row * rect->stride < rect->width;
		const uint64_t now = at < end ? word_at(i, seed) : 0;
		if (words[i] != (is_read ? now : 99))
			ck_abort_msg("word %zu is another", i);
	}
}

START_TEST(rows_that_are_read_by_two_end_where_the_file_does)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const size_t length = N_PAGES * f.page;
	const struct uffd_guard_rect rect = far_or_close_rows(&f, _i / 3);
	const size_t row = (size_t)(300 + 300 * (_i % 3)), end = 1000 + row * rect.stride + 800;
	uint64_t *words = malloc(length);
	ck_assert_ptr_nonnull(words);
	for (size_t i = 0; i < length / 8; i++)
		words[i] = 99;
	write_words(f.fd, length, 3);
	if (row < N_ROWS)
		assert_ok(ftruncate(f.fd, (off_t)end));
	ck_assert_int_eq(uffd_guard_read_rect(f.region, &rect, (char *)words + 1000, rect.stride),
		(ssize_t)(row < N_ROWS ? row * rect.width + 800 : rect.width * N_ROWS));
	assert_losses_eq(&f, row < N_ROWS ? UFFD_GUARD_LOST_TRUNCATED : 0);
	assert_rows_of_words(&rect, words, length, row < N_ROWS ? end : length, 3);
	free(words);
	fixture_stop(&f);
}
END_TEST

START_TEST(copier_reads_rows_into_a_buffer)
{
	struct fixture f;
	inject_syscall(SYS_preadv, 2, 1, note_who_calls, NULL);
	if (!start(&f, 0))
		return;
	const struct uffd_guard_rect rect = { 1000, 15360, 3072, 216 };
	char *buffer = malloc(rect.width * rect.height);
	ck_assert_ptr_nonnull(buffer);
	atomic_store(&watched_copier, wait_for_copier());
	for (int i = 0; i < 1000 && !atomic_load(&n_calls_of_copier); i++)
		ck_assert_int_eq(uffd_guard_read_rect(f.region, &rect, buffer, rect.width),
			(ssize_t)(rect.width * rect.height));
	ck_assert_uint_gt(atomic_load(&n_calls_of_copier), 0);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

START_TEST(bad_buffer_is_refused_by_a_shared_copy_too)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const size_t length = N_PAGES * f.page;
	char *bad = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(bad, MAP_FAILED);
	assert_ok(mprotect(bad, length / 2, PROT_READ | PROT_WRITE));
	ck_assert_int_eq(uffd_guard_read(f.region, 0, bad, length), -EFAULT);
	munmap(bad, length);
	fixture_stop(&f);
}
END_TEST

/* What is measured of a client that changes its file all the time: no page is older than the
 * refresh. */
struct client {
	struct fixture *f;
	_Atomic uint32_t n_written;
	atomic_bool shall_stop;
};

static void *write_numbers(void *data)
{
	struct client *client = data;
	const struct fixture *f = client->f;
	for (uint32_t n = 1; !atomic_load(&client->shall_stop); n++) {
		for (size_t page = 0; page < N_PAGES; page += 64)
			ck_assert_int_eq(
				pwrite(f->fd, &n, sizeof(n), (off_t)(page * f->page)), sizeof(n));
		atomic_store(&client->n_written, n);
	}
	return NULL;
}

START_TEST(no_page_is_older_than_the_refresh_that_was_shared)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	struct client client = { .f = &f };
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, write_numbers, &client));
	for (int i = 0; i < (IS_SANITIZED ? 20 : 200); i++) {
		const uint32_t least = atomic_load(&client.n_written);
		assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
		uint32_t seen[N_PAGES / 64];
		for (size_t page = 0; page < N_PAGES && least > 0; page += 64) {
			seen[page / 64] = *(volatile uint32_t *)(f.data + page * f.page);
			ck_assert_uint_ge(seen[page / 64], least);
		}
		/* And stays as it was read. */
		for (size_t page = 0; page < N_PAGES && least > 0; page += 64)
			ck_assert_uint_eq(
				*(volatile uint32_t *)(f.data + page * f.page), seen[page / 64]);
	}
	atomic_store(&client.shall_stop, true);
	pthread_join(thread, NULL);
	fixture_stop(&f);
}
END_TEST

/* ---- Into the file ---- */

/* So many, for the mapping that is shared is kept after some. */
#define N_STORES 14

static bool start_storing(struct fixture *f)
{
	if (skip_one_processor())
		return false;
	ck_assert(fixture_start(f, &(struct fixture_options){ .n_pages = N_PAGES,
					   .map_flags = UFFD_GUARD_MAP_WRITE }));
	return true;
}

static void assert_file_words(const struct fixture *f, char *scratch, size_t length, uint64_t seed)
{
	ck_assert_int_eq(pread(f->fd, scratch, length, 0), (ssize_t)length);
	assert_words(scratch, length, length, seed);
}

START_TEST(every_byte_that_is_stored_arrives)
{
	struct fixture f;
	if (!start_storing(&f))
		return;
	const size_t length = N_PAGES * f.page;
	char *buffer = malloc(length), *scratch = malloc(length);
	ck_assert(buffer && scratch);
	for (uint64_t seed = 1; seed < (uint64_t)N_STORES; seed++) {
		make_words(buffer, length, seed);
		ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)length);
		assert_file_words(&f, scratch, length, seed);
		make_words((char *)f.data, length, seed + 1000);
		ck_assert_int_eq(uffd_guard_write_back(f.region, 0, length), (ssize_t)length);
		assert_file_words(&f, scratch, length, seed + 1000);
	}
	free(buffer);
	free(scratch);
	fixture_stop(&f);
}
END_TEST

START_TEST(rows_that_are_stored_arrive_and_what_is_between_stays)
{
	struct fixture f;
	if (!start_storing(&f))
		return;
	const size_t length = N_PAGES * f.page;
	char *buffer = malloc(length), *file = malloc(length);
	ck_assert(buffer && file);
	const struct uffd_guard_rect rect = far_rows(&f);
	ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)length);
	wait_for_copier(); /* which that has called for: rows are too few bytes */
	for (uint64_t seed = 2; seed < (uint64_t)N_STORES; seed++) {
		write_words(f.fd, length, 1);
		make_words(buffer, length, seed);
		ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, buffer + 1000, rect.stride),
			(ssize_t)(rect.width * rect.height));
		ck_assert_int_eq(pread(f.fd, file, length, 0), (ssize_t)length);
		for (size_t i = 0; i < length / 8; i++) {
			const size_t at = i * 8,
				     row = at < 1000 ? N_ROWS : (at - 1000) / rect.stride;
			const bool is_new =
				row < N_ROWS && at - 1000 - row * rect.stride < rect.width;
			if (((uint64_t *)(void *)file)[i] != word_at(i, is_new ? seed : 1))
				ck_abort_msg("word %zu is another", i);
		}
	}
	free(buffer);
	free(file);
	fixture_stop(&f);
}
END_TEST

START_TEST(of_rows_that_overlap_the_last_one_stays)
{
	struct fixture f;
	if (!start_storing(&f))
		return;
	const struct uffd_guard_rect rect = { 0, f.page, 8 * f.page, N_ROWS };
	const size_t length = N_PAGES * f.page;
	char *buffer = malloc(length), *file = malloc(length);
	uint64_t *rows = calloc(N_ROWS, rect.width);
	ck_assert(buffer && file && rows);
	for (size_t i = 0; i < N_ROWS * rect.width / 8; i++)
		rows[i] = i / (rect.width / 8);
	for (int i = 0; i < 12; i++) /* so that a mapping is kept */
		ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)length);
	for (int i = 0; i < 20; i++) {
		memset(file, 0, length);
		ck_assert_int_eq(pwrite(f.fd, file, length, 0), (ssize_t)length);
		ck_assert_int_gt(uffd_guard_write_rect(f.region, &rect, rows, rect.width), 0);
		ck_assert_int_eq(pread(f.fd, file, length, 0), (ssize_t)length);
		for (size_t row = 0; row < N_ROWS; row++)
			ck_assert_uint_eq(*(uint64_t *)(void *)(file + row * f.page), row);
	}
	free(rows);
	free(buffer);
	free(file);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_cut_before_a_shared_store_gets_what_it_has_room_for)
{
	struct fixture f;
	struct stat st;
	if (!start_storing(&f))
		return;
	const size_t length = N_PAGES * f.page, end = length / 2 + (size_t)_i * 100003 + 8;
	char *buffer = malloc(length), *scratch = malloc(length);
	ck_assert(buffer && scratch);
	for (uint64_t seed = 1; seed < 12; seed++) {
		make_words(buffer, length, seed);
		ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)length);
	}
	assert_ok(ftruncate(f.fd, (off_t)end));
	make_words(buffer, length, 99);
	ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)end);
	assert_ok(fstat(f.fd, &st));
	ck_assert_int_eq(st.st_size, (off_t)end);
	assert_file_words(&f, scratch, end / 8 * 8, 99);
	/* Behind the end nothing has been left, to come back when the file grows. */
	assert_ok(ftruncate(f.fd, (off_t)length));
	ck_assert_int_eq(pread(f.fd, scratch, length - end, (off_t)end), (ssize_t)(length - end));
	size_t n_left = 0;
	for (size_t i = 0; i < length - end; i++)
		n_left += scratch[i] != 0;
	ck_assert_uint_eq(n_left, 0);
	free(buffer);
	free(scratch);
	fixture_stop(&f);
}
END_TEST

/* Its sandbox lets it. */
START_TEST(copier_stores_a_part)
{
	struct fixture f;
	if (sizeof(void *) < sizeof(uint64_t)) {
		runner_skip("32 bits have no room for mappings that are kept");
		return;
	}
	inject_syscall(SYS_process_vm_readv, 5, 0, note_who_calls, NULL);
	if (!start_storing(&f))
		return;
	const size_t length = N_PAGES * f.page;
	char *buffer = malloc(length);
	ck_assert_ptr_nonnull(buffer);
	make_words(buffer, length, 1);
	ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)length);
	atomic_store(&watched_copier, wait_for_copier());
	for (int i = 0; i < 1000 && !atomic_load(&n_calls_of_copier); i++)
		ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, length), (ssize_t)length);
	ck_assert_uint_gt(atomic_load(&n_calls_of_copier), 0);
	free(buffer);
	fixture_stop(&f);
}
END_TEST

static TCase *stores_case(void)
{
	TCase *tcase = tcase_create("stores");
	tcase_add_test(tcase, every_byte_that_is_stored_arrives);
	tcase_add_test(tcase, rows_that_are_stored_arrive_and_what_is_between_stays);
	tcase_add_test(tcase, of_rows_that_overlap_the_last_one_stays);
	tcase_add_loop_test(tcase, file_cut_before_a_shared_store_gets_what_it_has_room_for, 0, 4);
	tcase_add_test(tcase, copier_stores_a_part);
	return tcase;
}

static TCase *bytes_case(void)
{
	TCase *tcase = tcase_create("bytes");
	tcase_add_loop_test(tcase, rows_that_are_shared_are_new_and_what_is_between_stays, 0, 2);
	tcase_add_loop_test(tcase, file_cut_within_shared_rows_loses_the_rest_of_them_only, 0, 6);
	tcase_add_loop_test(tcase, copier_reads_rows_that_are_long_or_many, 0, 3);
	tcase_add_loop_test(tcase, rows_that_are_read_by_two_end_where_the_file_does, 0, 6);
	tcase_add_test(tcase, copier_reads_rows_into_a_buffer);
	tcase_add_test(tcase, every_byte_is_the_files_and_new);
	tcase_add_loop_test(tcase, file_cut_within_a_shared_copy_loses_the_rest_only, 0, 4);
	tcase_add_test(tcase, bad_buffer_is_refused_by_a_shared_copy_too);
	tcase_add_test(tcase, no_page_is_older_than_the_refresh_that_was_shared);
	return tcase;
}

/* ---- Caller and copier ---- */

struct pair {
	struct shared_work work;
	pthread_t caller;
	sem_t is_inside;
	atomic_bool shall_stop, copier_is_done, caller_has_waited;
	atomic_uint n_by_copier, n_by_caller;
};

static void pair_init(struct pair *pair)
{
	*pair = (struct pair){ .caller = pthread_self() };
	sem_init(&pair->is_inside, 0, 0);
	atomic_store(&pair->work.has_copier, true);
}

static void *help(void *data)
{
	struct pair *pair = data;
	while (!atomic_load(&pair->shall_stop))
		shared_work_help(&pair->work, NULL);
	return NULL;
}

static bool dawdle(void *data, size_t chunk, void *tools)
{
	struct pair *pair = data;
	(void)chunk;
	(void)tools;
	if (pthread_equal(pthread_self(), pair->caller)) {
		atomic_fetch_add(&pair->n_by_caller, 1);
		if (!atomic_exchange(&pair->caller_has_waited, true))
			sem_wait(&pair->is_inside);
		return true;
	}
	atomic_fetch_add(&pair->n_by_copier, 1);
	sem_post(&pair->is_inside);
	nanosleep(&SOME_TIME, NULL);
	atomic_store(&pair->copier_is_done, true);
	return true;
}

START_TEST(call_returns_when_the_copier_has_left_and_no_later_than_a_chunk)
{
	struct pair pair;
	pthread_t copier;
	if (skip_one_processor())
		return;
	pair_init(&pair);
	assert_ok(pthread_create(&copier, NULL, help, &pair));
	const struct chunks chunks = { .work = dawdle, .data = &pair, .n_chunks = 50 };
	ck_assert_uint_eq(shared_work_do(&pair.work, &chunks, NULL), 50);
	ck_assert(atomic_load(&pair.copier_is_done));
	/* The caller has done all the others meanwhile. */
	ck_assert_uint_eq(atomic_load(&pair.n_by_copier), 1);
	ck_assert_uint_eq(atomic_load(&pair.n_by_caller), 49);
	atomic_store(&pair.shall_stop, true);
	pthread_join(copier, NULL);
}
END_TEST

static bool fail_at_seven(void *data, size_t chunk, void *tools)
{
	(void)data;
	(void)tools;
	return chunk < 7;
}

START_TEST(chunk_that_fails_ends_the_sharing_in_front_of_it)
{
	struct pair pair;
	pthread_t copier;
	if (skip_one_processor())
		return;
	pair_init(&pair);
	assert_ok(pthread_create(&copier, NULL, help, &pair));
	const struct chunks chunks = { .work = fail_at_seven, .data = &pair, .n_chunks = 50 };
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(shared_work_do(&pair.work, &chunks, NULL), 7);
	atomic_store(&pair.shall_stop, true);
	pthread_join(copier, NULL);
}
END_TEST

START_TEST(caller_that_is_more_urgent_than_the_copier_goes_on_alone)
{
	struct pair pair;
	const struct chunks chunks = { .work = dawdle, .data = &pair, .n_chunks = 50 };
	const struct sched_param param = { .sched_priority = 3 };
	pair_init(&pair);
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0) {
		ck_assert_int_eq(errno, EPERM);
		runner_skip("may not use real-time scheduling");
		return;
	}
	ck_assert_uint_eq(shared_work_do(&pair.work, &chunks, NULL), 0);
	atomic_store(&pair.work.copier_rank, 2);
	ck_assert_uint_eq(shared_work_do(&pair.work, &chunks, NULL), 0);
	ck_assert_uint_eq(atomic_load(&pair.n_by_caller), 0);
}
END_TEST

static TCase *sharing_case(void)
{
	TCase *tcase = tcase_create("sharing");
	tcase_add_test(tcase, call_returns_when_the_copier_has_left_and_no_later_than_a_chunk);
	tcase_add_test(tcase, chunk_that_fails_ends_the_sharing_in_front_of_it);
	tcase_add_test(tcase, caller_that_is_more_urgent_than_the_copier_goes_on_alone);
	return tcase;
}

/* ---- Its thread ---- */

START_TEST(copier_comes_with_the_first_long_copy_and_ends_with_the_guard)
{
	struct fixture f;
	if (skip_one_processor())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	char *buffer = malloc(N_PAGES * f.page);
	ck_assert_ptr_nonnull(buffer);
	assert_ok(uffd_guard_refresh(f.region, 0, (1 << 20) - 1));
	ck_assert_int_gt(uffd_guard_read(f.region, 0, buffer, (1 << 20) - 1), 0);
	nanosleep(&SOME_TIME, NULL);
	ck_assert_int_eq(find_thread(COPIER), 0);
	ck_assert_int_gt(uffd_guard_read(f.region, 0, buffer, 1 << 20), 0);
	wait_for_copier();
	free(buffer);
	fixture_stop(&f);
	ck_assert_int_eq(find_thread(COPIER), 0);
}
END_TEST

/* Not for a moment only, between two looks for work. */
START_TEST(copier_sleeps_as_long_as_there_is_nothing_to_do)
{
	struct fixture f;
	unsigned n_asleep = 0;
	if (!start(&f, 0))
		return;
	const pid_t tid = wait_for_copier();
	for (unsigned i = 0; i < 5000 && n_asleep < 50; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		n_asleep = thread_is_asleep(tid) ? n_asleep + 1 : 0;
	}
	ck_assert_uint_eq(n_asleep, 50);
	fixture_stop(&f);
}
END_TEST

static void *copy_much(void *data)
{
	struct fixture *f = data;
	for (int i = 0; i < 10; i++) {
		assert_ok(uffd_guard_refresh(f->region, 0, N_PAGES * f->page));
		assert_ok(uffd_guard_populate(f->region, 0, N_PAGES * f->page));
	}
	return NULL;
}

START_TEST(callers_at_once_start_one_copier)
{
	struct fixture f;
	pthread_t threads[4];
	if (skip_one_processor())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	const size_t n_before = count_threads();
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, copy_much, &f));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	wait_for_copier();
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_threads(), n_before + 1);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(copier_is_not_started_where_it_is_not_wanted_or_of_no_use)
{
	struct fixture f;
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (_i)
		assert_ok(sched_setaffinity(0, sizeof(one), &one));
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .guard_flags = _i ? 0 : UFFD_GUARD_NO_COPIERS }));
	copy_much(&f);
	nanosleep(&SOME_TIME, NULL);
	ck_assert_int_eq(find_thread(COPIER), 0);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(copier_that_cannot_be_started_is_done_without)
{
	struct fixture f;
	atomic_bool is_on = false;
	inject_syscall(SYS_clone3, 1, 88, inject_while_on, &is_on);
	if (skip_one_processor())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	atomic_store(&is_on, true);
	copy_much(&f);
	atomic_store(&is_on, false);
	ck_assert_int_eq(find_thread(COPIER), 0);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

/* A number of its status, in hexadecimal digits. */
static unsigned long long status_of(pid_t tid, const char *name)
{
	char path[64], line[256];
	unsigned long long value = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name), NULL, 16);
	}
	fclose(f);
	return value;
}

/* It confines itself once it runs. */
START_TEST(copier_blocks_all_signals_and_is_confined_as_the_handler)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const pid_t copier = find_thread(COPIER), handler = find_handler();
	const unsigned long long blocked = status_of(copier, "SigBlk:");
	for (int sig = 1; sig < 32; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			ck_assert_msg(blocked >> (sig - 1) & 1, "signal %d is not blocked", sig);
	}
	for (int i = 0; i < 5000 && status_of(copier, "Seccomp:") != status_of(handler, "Seccomp:");
		i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	ck_assert_uint_eq(status_of(copier, "Seccomp:"), status_of(handler, "Seccomp:"));
	ck_assert_uint_eq(status_of(copier, "NoNewPrivs:"), status_of(handler, "NoNewPrivs:"));
	fixture_stop(&f);
}
END_TEST

START_TEST(copier_takes_over_the_policy_of_the_guards_creator)
{
	struct fixture f;
	struct sched_param param = { .sched_priority = 3 };
	const struct sched_param ordinary = { .sched_priority = 0 };
	if (skip_one_processor())
		return;
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) < 0) {
		ck_assert_int_eq(errno, EPERM);
		runner_skip("may not use real-time scheduling");
		return;
	}
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	if (_i) /* started by an ordinary thread */
		assert_ok(sched_setscheduler(0, SCHED_OTHER, &ordinary));
	copy_much(&f);
	const pid_t copier = wait_for_copier();
	for (int i = 0; i < 5000 && sched_getscheduler(copier) != SCHED_FIFO; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	ck_assert_int_eq(sched_getscheduler(copier) & ~SCHED_RESET_ON_FORK, SCHED_FIFO);
	assert_ok(sched_getparam(copier, &param));
	ck_assert_int_eq(param.sched_priority, 3);
	fixture_stop(&f);
}
END_TEST

START_TEST(privileges_are_dropped_by_the_copier_too)
{
	struct fixture f;
	if (!start(&f, _i ? UFFD_GUARD_NO_SANDBOX : 0))
		return;
	if (runner_is_root()) {
		assert_ok(setgroups(0, NULL));
		assert_ok(setresgid(65534, 65534, 65534));
		assert_ok(setresuid(65534, 65534, 65534));
	} else {
		assert_ok(setresuid(getuid(), getuid(), getuid()));
	}
	ck_assert_uint_ne(status_of(find_thread(COPIER), "Uid:"), 0);
	copy_much(&f);
	fixture_stop(&f);
}
END_TEST

START_TEST(forked_child_is_told_and_ends_without_the_copier)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	const pid_t child = fork();
	if (child == 0) {
		const bool is_told = uffd_guard_refresh(f.region, 0, N_PAGES * f.page) == -ECHILD;
		uffd_guard_unmap(f.region);
		uffd_guard_destroy(f.guard);
		_exit(is_told ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	copy_much(&f);
	fixture_stop(&f);
}
END_TEST

/* In no order that a program must keep: the last region ends it all. */
START_TEST(guard_that_is_destroyed_copies_on_for_its_last_region)
{
	struct fixture f;
	if (!start(&f, 0))
		return;
	uffd_guard_destroy(f.guard);
	copy_much(&f);
	ck_assert_int_gt(find_thread(COPIER), 0);
	uffd_guard_unmap(f.region);
	ck_assert_int_eq(find_thread(COPIER), 0);
	close(f.fd);
}
END_TEST

/* ---- Several who are the first to want it ---- */

#define N_FIRST	 3
#define N_GUARDS 60

struct first {
	struct fixture *f; /* of this round */
	pthread_barrier_t *barrier;
	pthread_t thread;
};

static void *populate_in_each_guard(void *data)
{
	const struct first *it = data;
	for (int i = 0; i < N_GUARDS; i++) {
		pthread_barrier_wait(it->barrier);
		assert_ok(uffd_guard_populate(it->f->region, 0, N_PAGES * it->f->page));
		pthread_barrier_wait(it->barrier);
	}
	return NULL;
}

static bool copier_goes(void)
{
	for (int i = 0; i < 2000 && find_thread(COPIER); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return !find_thread(COPIER);
}

/* One that was started besides would stay when the guard has gone. */
START_TEST(callers_that_want_it_at_once_start_one)
{
	struct fixture f;
	struct first them[N_FIRST];
	pthread_barrier_t barrier;
	if (skip_one_processor())
		return;
	pthread_barrier_init(&barrier, NULL, N_FIRST + 1);
	for (size_t i = 0; i < N_FIRST; i++) {
		them[i] = (struct first){ .f = &f, .barrier = &barrier };
		assert_ok(pthread_create(&them[i].thread, NULL, populate_in_each_guard, &them[i]));
	}
	for (int i = 0; i < N_GUARDS; i++) {
		ck_assert(fixture_start(
			&f, &(struct fixture_options){ .n_pages = N_PAGES,
				    .is_sparse = true,
				    .guard_flags = IS_SANITIZED ? UFFD_GUARD_NO_SANDBOX : 0 }));
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		fixture_stop(&f);
		ck_assert_msg(copier_goes(), "guard %d leaves one behind", i);
	}
	for (size_t i = 0; i < N_FIRST; i++)
		assert_ok(pthread_join(them[i].thread, NULL));
	pthread_barrier_destroy(&barrier);
}
END_TEST

static TCase *thread_case(void)
{
	TCase *tcase = tcase_create("thread");
	tcase_add_test(tcase, copier_comes_with_the_first_long_copy_and_ends_with_the_guard);
	tcase_add_test(tcase, copier_sleeps_as_long_as_there_is_nothing_to_do);
	tcase_add_test(tcase, callers_at_once_start_one_copier);
	tcase_add_loop_test(tcase, copier_is_not_started_where_it_is_not_wanted_or_of_no_use, 0, 2);
	tcase_add_test(tcase, copier_that_cannot_be_started_is_done_without);
	tcase_add_test(tcase, copier_blocks_all_signals_and_is_confined_as_the_handler);
	tcase_add_loop_test(tcase, copier_takes_over_the_policy_of_the_guards_creator, 0, 2);
	tcase_add_loop_test(tcase, privileges_are_dropped_by_the_copier_too, 0, 2);
	tcase_add_test(tcase, forked_child_is_told_and_ends_without_the_copier);
	tcase_add_test(tcase, guard_that_is_destroyed_copies_on_for_its_last_region);
	tcase_add_test(tcase, callers_that_want_it_at_once_start_one);
	return tcase;
}

RUNNER_MAIN("copier", bytes_case, stores_case, sharing_case, thread_case)

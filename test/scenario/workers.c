/* SPDX-License-Identifier: MIT */
/*
 * With io_uring, a worker of the kernel reads a file on a tmpfs for the handler as long as it is
 * not known that no scanner of files is asked: if one does not answer, no thread of the program
 * waits for it, and what every thread has to take part in goes on.
 */
#include "../support/fixture.h"
#include "../support/fuse_file.h"
#include "../support/inject.h"
#include "../support/scanner.h"
#include "../support/threads.h"
#include "../support/time_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON	(15 * NS_PER_S)	 /* also on a busy machine */
#define HELD_UP (50 * NS_PER_MS) /* later the worker waits for the scanner */
#define N_PAGES 8
#define N_FILES 20 /* more than are read at a time */

struct scanned {
	struct fixture f; /* of a file that is scanned */
	int scanner;
	struct reader reader;
};

static void map_file(const struct scanned *s, int fd, struct uffd_guard_region **region,
	volatile unsigned char **data)
{
	assert_ok(uffd_guard_map(s->f.guard, fd, N_PAGES * s->f.page, NULL, region));
	*data = uffd_guard_region_data(*region);
}

/* False after runner_skip(), or where there is no ring. */
static bool start_by(struct scanned *s, uint32_t deadline_ms)
{
	*s = (struct scanned){ .f.page = (size_t)sysconf(_SC_PAGESIZE), .scanner = -1 };
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags(),
		.read_deadline_ms = deadline_ms };
	if (runner_skip_eager())
		return false;
	if (runner_guard_flags() & UFFD_GUARD_NO_IO_URING)
		return false;
	s->scanner = scanner_start();
	if (s->scanner < 0)
		return false;
	s->f.fd = scanner_create_file("/tmp/file", N_PAGES);
	assert_ok(uffd_guard_create(&options, &s->f.guard));
	map_file(s, s->f.fd, &s->f.region, &s->f.data);
	return true;
}

static bool start(struct scanned *s)
{
	return start_by(s, 0);
}

static void stop(struct scanned *s)
{
	scanner_end(&s->scanner);
	fixture_stop(&s->f);
}

static void touch(struct scanned *s, size_t page)
{
	reader_start(&s->reader, &s->f.data[page * s->f.page]);
	clock_sleep(HELD_UP);
}

/* ---- What all threads take part in ---- */

struct call {
	void (*make)(struct scanned *s);
	struct scanned *s;
	pthread_t thread;
	atomic_bool has_ended;
};

static void *run(void *data)
{
	struct call *call = data;
	call->make(call->s);
	atomic_store(&call->has_ended, true);
	return NULL;
}

static void call_start(struct call *call, struct scanned *s, void (*make)(struct scanned *s))
{
	*call = (struct call){ .make = make, .s = s };
	assert_ok(pthread_create(&call->thread, NULL, run, call));
}

/* While the scanner is there; it goes if that is in vain. */
static bool call_ends_within(struct call *call, uint64_t ns)
{
	const uint64_t limit = clock_ns() + ns;
	while (!atomic_load(&call->has_ended) && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	const bool has_ended = atomic_load(&call->has_ended);
	if (!has_ended)
		scanner_end(&call->s->scanner);
	pthread_join(call->thread, NULL);
	return has_ended;
}

static void change_identity(struct scanned *s)
{
	(void)s;
	assert_ok(setresgid(getgid(), getegid(), getegid()));
	assert_ok(setresuid(getuid(), geteuid(), geteuid()));
}

static bool identity_changes(struct scanned *s)
{
	struct call call;
	call_start(&call, s, change_identity);
	return call_ends_within(&call, SOON);
}

static void update(struct scanned *s)
{
	assert_ok(uffd_guard_update(s->f.region, 0, N_PAGES * s->f.page));
}

/* 0: while a fault waits; 1: a call; 2: nobody any more. */
START_TEST(setuid_waits_for_no_scanner)
{
	struct scanned s;
	struct call call;
	if (!start_by(&s, _i == 2 ? 0 : 60000))
		return;
	if (_i == 1)
		call_start(&call, &s, update);
	else
		touch(&s, 3);
	clock_sleep(_i == 2 ? NS_PER_S / 2 : HELD_UP);
	ck_assert_msg(identity_changes(&s), "setresuid() waits for the scanner");
	scanner_end(&s.scanner);
	if (_i == 1)
		ck_assert(call_ends_within(&call, SOON));
	else
		ck_assert_int_eq(reader_finish(&s.reader), _i == 2 ? 0 : page_value(3));
	stop(&s);
}
END_TEST

/* A scanner that has answered is asked by workers as well, though it was asked a moment ago. */
START_TEST(setuid_waits_for_no_scanner_that_had_answered_before)
{
	struct scanned s;
	struct scanner_answers answers;
	if (!start_by(&s, 60000))
		return;
	scanner_start_answering(&answers, s.scanner);
	for (size_t i = N_PAGES - 1; i >= 3; i -= 2) /* backwards: nothing is read ahead */
		ck_assert_uint_eq(s.f.data[i * s.f.page], page_value(i));
	clock_sleep(20 * NS_PER_MS);
	scanner_stop_answering(&answers);
	touch(&s, 1);
	ck_assert_msg(identity_changes(&s), "setresuid() waits for the scanner");
	scanner_end(&s.scanner);
	ck_assert_int_eq(reader_finish(&s.reader), page_value(1));
	assert_losses_eq(&s.f, 0);
	stop(&s);
}
END_TEST

/* ---- Faults ---- */

START_TEST(scanner_that_answers_late_loses_nothing)
{
	struct scanned s;
	struct scanner_answers answers;
	if (!start_by(&s, 10000))
		return;
	touch(&s, 3);
	scanner_start_answering(&answers, s.scanner);
	ck_assert_int_eq(reader_finish(&s.reader), page_value(3));
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&s.f, i, page_value(i));
	assert_losses_eq(&s.f, 0);
	scanner_stop_answering(&answers);
	stop(&s);
}
END_TEST

START_TEST(page_is_zeros_when_the_scanner_does_not_answer_and_calls_read_past_it)
{
	struct scanned s;
	struct call call;
	if (!start(&s))
		return;
	const uint64_t before = clock_ns();
	touch(&s, 3);
	ck_assert_int_eq(reader_finish(&s.reader), 0);
	ck_assert_uint_ge(clock_ns() - before, 190 * NS_PER_MS);
	assert_losses_eq(&s.f, UFFD_GUARD_LOST_TIMED_OUT);
	call_start(&call, &s, update);
	ck_assert_msg(call_ends_within(&call, SOON), "it waits for the scanner");
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&s.f, i, page_value(i));
	assert_losses_eq(&s.f, 0);
	stop(&s);
}
END_TEST

/* All pages at once: one read is made for the region, and the rest is left until that returns. */
START_TEST(faults_beside_one_that_waits_are_answered_with_it)
{
	struct reader readers[N_PAGES];
	struct scanned s;
	struct scanner_answers answers;
	if (!start_by(&s, 60000))
		return;
	for (size_t i = 0; i < N_PAGES; i++)
		reader_start(&readers[i], &s.f.data[i * s.f.page]);
	clock_sleep(HELD_UP);
	scanner_start_answering(&answers, s.scanner);
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_int_eq(reader_finish(&readers[i]), page_value(i));
	assert_losses_eq(&s.f, 0);
	scanner_stop_answering(&answers);
	stop(&s);
}
END_TEST

/* ---- Others ---- */

/* However many of its pages are waited for. */
START_TEST(file_that_is_held_up_delays_its_own_region_only)
{
	enum { N_WAITING = 16 };
	struct reader readers[N_WAITING];
	struct scanned s;
	struct uffd_guard_region *region, *free_region;
	volatile unsigned char *data, *free_data;
	if (!start_by(&s, 60000))
		return;
	const int fd = file_create(FILE_MEMFD, N_PAGES, false),
		  free_fd = scanner_create_file("/tmp/free", N_PAGES);
	scanner_ignore(s.scanner, "/tmp/free");
	map_file(&s, fd, &region, &data);
	map_file(&s, free_fd, &free_region, &free_data);
	for (size_t i = 0; i < N_WAITING; i++)
		reader_start(&readers[i], &s.f.data[i % N_PAGES * s.f.page]);
	clock_sleep(HELD_UP);
	for (size_t i = 0; i < N_PAGES; i++) {
		ck_assert_uint_eq(data[i * s.f.page], page_value(i));
		ck_assert_uint_eq(free_data[i * s.f.page], page_value(i));
	}
	for (size_t i = 0; i < N_WAITING; i++)
		ck_assert_int_eq(atomic_load(&readers[i].value), -1);
	scanner_end(&s.scanner);
	for (size_t i = 0; i < N_WAITING; i++)
		ck_assert_int_eq(reader_finish(&readers[i]), page_value(i % N_PAGES));
	uffd_guard_unmap(region);
	uffd_guard_unmap(free_region);
	close(fd);
	close(free_fd);
	stop(&s);
}
END_TEST

static void touch_all(struct uffd_guard_region *regions[N_FILES], size_t page, int value)
{
	static struct reader readers[N_FILES];
	for (int i = 0; i < N_FILES; i++)
		reader_start(&readers[i],
			(volatile unsigned char *)uffd_guard_region_data(regions[i]) + 3 * page);
	for (int i = 0; i < N_FILES; i++)
		ck_assert_int_eq(reader_finish(&readers[i]), value);
}

/* And take none of the workers that read files that may block. */
START_TEST(more_files_than_are_read_at_a_time_wait_no_longer_than_one)
{
	static const struct uffd_guard_map_options any_file = { .size = sizeof(any_file),
		.flags = UFFD_GUARD_MAP_ANY_FILE };
	struct uffd_guard_region *regions[N_FILES], *fuse_region;
	struct scanned s;
	struct fuse_file *file = fuse_file_start(N_PAGES, true);
	if (!file)
		return;
	if (!start(&s)) {
		fuse_file_stop(file);
		return;
	}
	for (int i = 0; i < N_FILES; i++)
		assert_ok(uffd_guard_map(s.f.guard, s.f.fd, N_PAGES * s.f.page, NULL, &regions[i]));
	assert_ok(uffd_guard_map(
		s.f.guard, fuse_file_fd(file), N_PAGES * s.f.page, &any_file, &fuse_region));
	touch_all(regions, s.f.page, 0);
	for (int i = 0; i < N_FILES; i++)
		ck_assert_uint_eq(
			uffd_guard_region_take_losses(regions[i]), UFFD_GUARD_LOST_TIMED_OUT);
	ck_assert_uint_eq(
		((volatile unsigned char *)uffd_guard_region_data(fuse_region))[2 * s.f.page],
		page_value(2));
	ck_assert_uint_eq(uffd_guard_region_take_losses(fuse_region), 0);
	scanner_end(&s.scanner);
	uffd_guard_unmap(fuse_region);
	for (int i = 0; i < N_FILES; i++)
		uffd_guard_unmap(regions[i]);
	stop(&s);
	fuse_file_stop(file);
}
END_TEST

START_TEST(calls_about_many_files_are_answered_in_turn)
{
	static struct scanned each[N_FILES];
	static struct call calls[N_FILES];
	struct scanned s;
	struct scanner_answers answers;
	if (!start_by(&s, 60000))
		return;
	for (int i = 0; i < N_FILES; i++) {
		each[i] = s;
		map_file(&s, s.f.fd, &each[i].f.region, &each[i].f.data);
		call_start(&calls[i], &each[i], update);
	}
	clock_sleep(HELD_UP);
	scanner_start_answering(&answers, s.scanner);
	bool all = true;
	for (int i = 0; i < N_FILES; i++)
		all = call_ends_within(&calls[i], SOON) && all;
	ck_assert_msg(all, "a call was not answered");
	scanner_stop_answering(&answers);
	for (int i = 0; i < N_FILES; i++)
		uffd_guard_unmap(each[i].f.region);
	stop(&s);
}
END_TEST

static void update_each(struct scanned *s)
{
	struct uffd_guard_region *regions[N_FILES];
	for (int i = 0; i < N_FILES; i++) {
		assert_ok(uffd_guard_map(
			s->f.guard, s->f.fd, N_PAGES * s->f.page, NULL, &regions[i]));
		assert_ok(uffd_guard_update(regions[i], 0, N_PAGES * s->f.page));
	}
	for (int i = 0; i < N_FILES; i++)
		uffd_guard_unmap(regions[i]);
}

/* ---- Ends ---- */

static void end_all(struct scanned *s)
{
	uffd_guard_unmap(s->f.region);
	uffd_guard_destroy(s->f.guard);
	s->f.region = NULL;
	s->f.guard = NULL;
}

/* 0: a fault waits; 1: it has gone on; 2: after the calls of many. */
START_TEST(guard_ends_while_a_worker_is_held_up)
{
	struct scanned s;
	struct call call;
	if (!start(&s))
		return;
	if (_i == 2) {
		call_start(&call, &s, update_each);
		ck_assert(call_ends_within(&call, SOON));
	} else {
		touch(&s, 3);
	}
	if (_i != 0)
		clock_sleep(NS_PER_S / 2);
	if (_i != 2)
		reader_finish(&s.reader);
	call_start(&call, &s, end_all);
	ck_assert_msg(call_ends_within(&call, SOON), "the end waits for the scanner");
	scanner_end(&s.scanner);
	const uint64_t limit = clock_ns() + SOON;
	while (find_thread("uffd-guard") && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	ck_assert_int_eq(find_thread("uffd-guard"), 0);
	stop(&s);
}
END_TEST

static bool has_value_soon(const struct reader *reader)
{
	const uint64_t limit = clock_ns() + 2 * NS_PER_S;
	while (atomic_load(&reader->value) < 0 && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	return atomic_load(&reader->value) >= 0;
}

/* The handler gives up, and its ring stays for the worker. */
START_TEST(program_that_closes_all_descriptors_while_a_worker_is_held_up_wakes_all)
{
	struct scanned s;
	if (!start_by(&s, 60000))
		return;
	touch(&s, 3);
	for (int fd = 3; fd < 64; fd++) {
		if (fd != s.scanner && fd != s.f.fd)
			syscall(SYS_close, fd); /* as daemons do */
	}
	const bool goes_on = has_value_soon(&s.reader);
	scanner_end(&s.scanner);
	reader_finish(&s.reader);
	ck_assert_msg(goes_on, "a reader waits for the scanner");
	ck_assert_uint_eq(uffd_guard_region_take_losses(s.f.region) & UFFD_GUARD_LOST_HANDLER,
		UFFD_GUARD_LOST_HANDLER);
	stop(&s);
}
END_TEST

static void fault_and_exit(struct scanned *s)
{
	touch(s, 3);
	_exit(0);
}

START_TEST(process_ends_while_a_worker_is_held_up)
{
	struct scanned s;
	int status = 0;
	const pid_t child = fork();
	if (child == 0) {
		if (start_by(&s, 60000))
			fault_and_exit(&s);
		_exit(0);
	}
	const uint64_t limit = clock_ns() + SOON;
	pid_t ended;
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	ck_assert_int_eq(ended, child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/* ---- What it reads, without a scanner ---- */

/* The first fault of each. */
START_TEST(first_fault_reads_what_the_file_has)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	if (!fixture_start(&f,
		    &(struct fixture_options){
			    .kind = FILE_TMPFS, .n_pages = N_PAGES, .length = 2 * N_PAGES * 4096 }))
		return;
	assert_ok(ftruncate(f.fd, (off_t)(3 * f.page + 100)));
	if (_i == 0) {
		assert_bytes_are(&f, 3 * f.page, 3 * f.page + 100, page_value(3));
		assert_bytes_are(&f, 3 * f.page + 100, 4 * f.page, 0);
	} else {
		assert_page_is(&f, 5, 0);
	}
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_page_is(&f, 1, page_value(1));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(first_fault_fills_a_hole_with_zeros)
{
	struct fixture f;
	if (!fixture_start(&f, &(struct fixture_options){
				       .kind = FILE_TMPFS, .n_pages = N_PAGES, .is_sparse = true }))
		return;
	assert_page_is(&f, 3, 0);
	assert_losses_eq(&f, 0);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), 0);
	fixture_stop(&f);
}
END_TEST

/* ---- What it costs ---- */

static bool start_on_tmpfs(struct fixture *f, size_t n_pages)
{
	return !runner_skip_eager() &&
	       fixture_start(
		       f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = n_pages });
}

static int count_call(const struct injected_call *call, void *data)
{
	(void)call;
	atomic_fetch_add((atomic_int *)data, 1);
	return INJECT_CONTINUE;
}

/* By pread(2), a page at a time as it is read backwards. On a busy machine a second may pass
 * between two faults. */
START_TEST(handler_reads_the_file_itself_once_it_knows_that_nobody_is_asked)
{
	enum { N = 100 };
	static atomic_int n_preads;
	struct fixture f;
	inject_syscall(SYS_pread64, 2, (uint32_t)sysconf(_SC_PAGESIZE), count_call, &n_preads);
	if (!start_on_tmpfs(&f, 4 * N))
		return;
	for (size_t i = N; i-- > 0;)
		ck_assert_uint_eq(f.data[4 * i * f.page], page_value(4 * i));
	ck_assert_int_gt(atomic_load(&n_preads), N / 2);
	fixture_stop(&f);
}
END_TEST

/* Then the handler would read 2 MiB at a time. */
START_TEST(worker_reads_a_page_and_no_more)
{
	enum { N = 2048 };
	struct fixture f;
	if (!start_on_tmpfs(&f, N))
		return;
	for (size_t i = 0; i < N / 2; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	clock_sleep(1200 * NS_PER_MS);
	assert_ok(uffd_guard_discard(f.region, (N / 2) * f.page, (N / 2) * f.page));
	clock_sleep(1200 * NS_PER_MS);
	for (size_t i = N / 2; i < N; i++)
		assert_page_is(&f, i, page_value(i));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

static TCase *workers_case(void)
{
	TCase *tcase = tcase_create("workers");
	tcase_add_loop_test(tcase, setuid_waits_for_no_scanner, 0, 3);
	tcase_add_test(tcase, setuid_waits_for_no_scanner_that_had_answered_before);
	tcase_add_test(tcase, scanner_that_answers_late_loses_nothing);
	tcase_add_test(
		tcase, page_is_zeros_when_the_scanner_does_not_answer_and_calls_read_past_it);
	tcase_add_test(tcase, faults_beside_one_that_waits_are_answered_with_it);
	tcase_add_test(tcase, file_that_is_held_up_delays_its_own_region_only);
	tcase_add_test(tcase, more_files_than_are_read_at_a_time_wait_no_longer_than_one);
	tcase_add_test(tcase, calls_about_many_files_are_answered_in_turn);
	tcase_add_loop_test(tcase, guard_ends_while_a_worker_is_held_up, 0, 3);
	tcase_add_test(
		tcase, program_that_closes_all_descriptors_while_a_worker_is_held_up_wakes_all);
	tcase_add_test(tcase, process_ends_while_a_worker_is_held_up);
	tcase_add_loop_test(tcase, first_fault_reads_what_the_file_has, 0, 2);
	tcase_add_test(tcase, first_fault_fills_a_hole_with_zeros);
	tcase_add_test(tcase, handler_reads_the_file_itself_once_it_knows_that_nobody_is_asked);
	tcase_add_test(tcase, worker_reads_a_page_and_no_more);
	return tcase;
}

RUNNER_MAIN("workers", workers_case)

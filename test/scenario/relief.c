/* SPDX-License-Identifier: MIT */
/*
 * A scanner of files holds the handler up, as nobody has asked beforehand that files be read past
 * it. A second thread stands in: the regions of others go on, and no call waits for the scanner.
 *
 * With io_uring, the handler itself reads a file only when nobody was asked about it a moment ago.
 * So here the scanner comes in between. (Where it was there before: workers.c.)
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
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON	(15 * NS_PER_S) /* also on a busy machine; the handler is relieved after a second */
#define N_PAGES 8

struct held {
	struct fixture f; /* of the file that is scanned */
	int scanner;
	struct uffd_guard_region *beside; /* of a memfd, which no scanner can watch by its mount */
	volatile unsigned char *beside_data;
	int beside_fd;
	struct reader reader;
};

/* On a busy machine, too, it has to be found out in time that nobody is asked. */
static bool start_guard(struct held *h)
{
	const struct uffd_guard_options options = {
		.size = sizeof(options), .flags = runner_guard_flags(), .read_deadline_ms = 800
	};
	*h = (struct held){ .f.page = (size_t)sysconf(_SC_PAGESIZE), .scanner = -1 };
	if (runner_skip_eager())
		return false;
	h->scanner = scanner_start();
	if (h->scanner < 0)
		return false;
	h->f.fd = scanner_create_file("/tmp/file", N_PAGES);
	assert_ok(uffd_guard_create(&options, &h->f.guard));
	h->beside_fd = file_create(FILE_MEMFD, N_PAGES, false);
	assert_ok(uffd_guard_map(h->f.guard, h->beside_fd, N_PAGES * h->f.page, NULL, &h->beside));
	h->beside_data = uffd_guard_region_data(h->beside);
	return true;
}

static void map_scanned(struct held *h)
{
	assert_ok(uffd_guard_map(h->f.guard, h->f.fd, N_PAGES * h->f.page, NULL, &h->f.region));
	h->f.data = uffd_guard_region_data(h->f.region);
}

static bool start(struct held *h)
{
	if (!start_guard(h))
		return false;
	map_scanned(h);
	scanner_ignore(h->scanner, "/tmp/file");
	assert_ok(uffd_guard_update(h->f.region, 0, N_PAGES * h->f.page));
	assert_ok(uffd_guard_discard(h->f.region, 0, N_PAGES * h->f.page));
	scanner_watch(h->scanner, "/tmp/file");
	return true;
}

/* The handler asks the scanner for a page that a thread waits for. */
static bool start_held_up(struct held *h)
{
	if (!start(h))
		return false;
	reader_start(&h->reader, &h->f.data[3 * h->f.page]);
	clock_sleep(50 * NS_PER_MS);
	return true;
}

static void unmap_all(struct held *h)
{
	uffd_guard_unmap(h->beside);
	uffd_guard_unmap(h->f.region);
	h->beside = h->f.region = NULL;
}

static void stop(struct held *h)
{
	scanner_end(&h->scanner);
	unmap_all(h);
	uffd_guard_destroy(h->f.guard);
	close(h->beside_fd);
	close(h->f.fd);
}

static bool is_soon(bool (*is_true)(const void *data), const void *data)
{
	const uint64_t limit = clock_ns() + SOON;
	while (!is_true(data) && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	return is_true(data);
}

static bool are_gone(const void *threads_of_guards)
{
	(void)threads_of_guards;
	return !find_thread("uffd-guard") && !find_thread("uffd-guard-aid");
}

static bool has_value(const void *reader)
{
	return atomic_load(&((struct reader *)reader)->value) >= 0;
}

/* A byte that is read while nobody lets the scanner's victims go; or -1. */
static int read_soon(struct held *h, volatile unsigned char *address)
{
	struct reader reader;
	reader_start(&reader, address);
	if (!is_soon(has_value, &reader))
		scanner_end(&h->scanner);
	else
		return reader_finish(&reader);
	reader_finish(&reader);
	return -1;
}

START_TEST(readers_go_on_though_a_scanner_holds_the_handler_up)
{
	struct held h;
	if (!start_held_up(&h))
		return;
	ck_assert_int_eq(read_soon(&h, &h.beside_data[3 * h.f.page]), page_value(3));
	ck_assert_msg(is_soon(has_value, &h.reader), "the page that was read for has no answer");
	ck_assert_int_eq(reader_finish(&h.reader), 0);
	assert_losses_eq(&h.f, UFFD_GUARD_LOST_TIMED_OUT);
	ck_assert_int_eq(read_soon(&h, &h.f.data[5 * h.f.page]), 0);
	assert_losses_eq(&h.f, UFFD_GUARD_LOST_TIMED_OUT);
	stop(&h);
}
END_TEST

/* More than one read of the userfaultfd can take, and some in each. Which it takes together is
 * chance, so more than once. */
START_TEST(faults_that_the_handler_had_taken_are_answered)
{
	enum { N = 100 };
	static struct reader readers[N];
	struct held h;
	if (!start(&h))
		return;
	struct uffd_guard_region *large;
	const int fd = file_create(FILE_MEMFD, N, false);
	assert_ok(uffd_guard_map(h.f.guard, fd, N * h.f.page, NULL, &large));
	volatile unsigned char *data = uffd_guard_region_data(large);
	const pid_t handler = find_handler();
	ck_assert_int_gt(handler, 0);
	for (int i = 0; i < N; i++)
		reader_start(&readers[i],
			i % 10 != 9 ? &data[(size_t)i * h.f.page]
				    : &h.f.data[(size_t)(i / 10 % N_PAGES) * h.f.page]);
	bool all = true;
	for (int i = 0; i < N; i++)
		all = all && is_soon(has_value, &readers[i]);
	scanner_end(&h.scanner);
	ck_assert_msg(all, "a reader was forgotten");
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(
			reader_finish(&readers[i]), i % 10 != 9 ? page_value((size_t)i) : 0);
	uffd_guard_unmap(large);
	close(fd);
	stop(&h);
}
END_TEST

struct caller {
	struct held *h;
	atomic_bool has_ended;
};

static bool has_ended(const void *caller)
{
	return atomic_load(&((struct caller *)caller)->has_ended);
}

static bool ends_soon(struct held *h, void *(*make_calls)(void *data))
{
	struct caller caller = { .h = h };
	pthread_t thread;
	pthread_create(&thread, NULL, make_calls, &caller);
	const bool ends = is_soon(has_ended, &caller);
	scanner_end(ends ? &(int){ -1 } : &h->scanner);
	pthread_join(thread, NULL);
	return ends;
}

static void *read_past_scanner(void *data)
{
	struct caller *caller = data;
	struct fixture *f = &caller->h->f;
	struct uffd_guard_region *fresh;
	assert_ok(uffd_guard_update(f->region, 0, N_PAGES * f->page));
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(f, i, page_value(i));
	assert_ok(uffd_guard_discard(f->region, 0, N_PAGES * f->page));
	assert_page_is(f, 6, page_value(6));
	assert_ok(uffd_guard_map(f->guard, f->fd, N_PAGES * f->page, NULL, &fresh));
	ck_assert_uint_eq(
		((unsigned char *)uffd_guard_region_data(fresh))[2 * f->page], page_value(2));
	uffd_guard_unmap(fresh);
	atomic_store(&caller->has_ended, true);
	return NULL;
}

START_TEST(calls_read_past_a_scanner_that_was_met)
{
	struct held h;
	if (!start_held_up(&h))
		return;
	ck_assert_int_eq(reader_finish(&h.reader), 0);
	assert_losses_eq(&h.f, UFFD_GUARD_LOST_TIMED_OUT);
	ck_assert_msg(ends_soon(&h, read_past_scanner), "a call waited for the scanner");
	assert_losses_eq(&h.f, 0);
	stop(&h);
}
END_TEST

START_TEST(handler_goes_on_when_the_scanner_lets_it_go)
{
	struct held h;
	if (!start_held_up(&h))
		return;
	ck_assert_int_eq(reader_finish(&h.reader), 0);
	scanner_end(&h.scanner);
	for (size_t i = 0; i < N_PAGES; i++) {
		ck_assert_int_eq(read_soon(&h, &h.beside_data[i * h.f.page]), page_value(i));
		clock_sleep(5 * NS_PER_MS);
	}
	assert_ok(uffd_guard_update(h.f.region, 0, N_PAGES * h.f.page));
	assert_page_is(&h.f, 3, page_value(3));
	stop(&h);
	ck_assert(are_gone(NULL));
}
END_TEST

static void *unmap_and_destroy(void *data)
{
	struct caller *caller = data;
	unmap_all(caller->h);
	uffd_guard_destroy(caller->h->f.guard);
	caller->h->f.guard = NULL;
	atomic_store(&caller->has_ended, true);
	return NULL;
}

static void assert_ends_without_handler(struct held *h)
{
	ck_assert_msg(ends_soon(h, unmap_and_destroy), "the end waited for the scanner");
	scanner_end(&h->scanner);
	ck_assert_msg(is_soon(are_gone, NULL), "the handler's thread does not end");
	stop(h);
}

START_TEST(guard_ends_while_its_handler_is_held_up)
{
	struct held h;
	if (!start_held_up(&h))
		return;
	ck_assert_int_eq(reader_finish(&h.reader), 0);
	assert_ends_without_handler(&h);
}
END_TEST

/* It may come to it only when the region has gone, which is an error then and no signal. */
static void *populate_page(void *page)
{
	madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_POPULATE_READ);
	return NULL;
}

/* Unmap waits until the region's fills have ended, and so for the second thread. */
START_TEST(guard_ends_though_nobody_has_noticed_that_its_handler_is_held_up)
{
	struct held h;
	pthread_t thread;
	if (!start(&h))
		return;
	assert_ok(pthread_create(&thread, NULL, populate_page, (char *)h.f.data + 3 * h.f.page));
	clock_sleep(50 * NS_PER_MS);
	assert_ends_without_handler(&h);
	pthread_join(thread, NULL);
}
END_TEST

/* Not with a ring, which only the handler can have let go of the userfaultfd. */
START_TEST(handler_that_gives_up_in_anothers_place_wakes_all)
{
	struct held h;
	struct reader beside;
	if (!start(&h))
		return;
	if (uffd_guard_features(h.f.guard) & UFFD_GUARD_FEATURE_IO_URING) {
		stop(&h);
		return;
	}
	reader_start(&h.reader, &h.f.data[3 * h.f.page]);
	ck_assert_int_eq(reader_finish(&h.reader), 0);
	for (int fd = 3; fd < 64; fd++) {
		if (fd != h.scanner && fd != h.beside_fd && fd != h.f.fd)
			syscall(SYS_close, fd); /* as daemons do */
	}
	reader_start(&beside, &h.beside_data[h.f.page]);
	const bool goes_on = is_soon(has_value, &beside);
	scanner_end(&h.scanner);
	ck_assert_msg(goes_on, "a reader waits for ever");
	reader_finish(&beside);
	ck_assert_uint_eq(uffd_guard_region_take_losses(h.beside) & UFFD_GUARD_LOST_HANDLER,
		UFFD_GUARD_LOST_HANDLER);
	stop(&h);
}
END_TEST

/* ---- Files that may block ---- */

struct mixed {
	struct held h;
	struct fuse_file *file;
	struct uffd_guard_region *region;
	volatile unsigned char *data;
};

static const struct uffd_guard_map_options any_file = { .size = sizeof(any_file),
	.flags = UFFD_GUARD_MAP_ANY_FILE };

/* False after runner_skip(). */
static bool start_mixed(struct mixed *m)
{
	if (runner_skip_eager())
		return false;
	m->file = fuse_file_start(N_PAGES, true);
	if (!m->file)
		return false;
	if (!start(&m->h)) {
		fuse_file_stop(m->file);
		return false;
	}
	const int err = uffd_guard_map(
		m->h.f.guard, fuse_file_fd(m->file), N_PAGES * m->h.f.page, &any_file, &m->region);
	if (err == -EOPNOTSUPP) {
		runner_skip("files that may block need io_uring");
		stop(&m->h);
		fuse_file_stop(m->file);
		return false;
	}
	assert_ok(err);
	m->data = uffd_guard_region_data(m->region);
	return true;
}

static void *unmap_blocking(void *data)
{
	struct caller *caller = data;
	struct mixed *m = (struct mixed *)caller->h;
	uffd_guard_unmap(m->region);
	m->region = NULL;
	atomic_store(&caller->has_ended, true);
	return NULL;
}

START_TEST(file_that_may_block_counts_as_stalled_while_the_handler_is_held_up)
{
	struct mixed m;
	struct uffd_guard_region *again;
	if (!start_mixed(&m))
		return;
	reader_start(&m.h.reader, &m.h.f.data[3 * m.h.f.page]);
	ck_assert_int_eq(reader_finish(&m.h.reader), 0);
	ck_assert_int_eq(read_soon(&m.h, &m.data[m.h.f.page]), 0);
	ck_assert_uint_eq(uffd_guard_region_take_losses(m.region), UFFD_GUARD_LOST_TIMED_OUT);
	ck_assert_msg(ends_soon(&m.h, unmap_blocking), "unmap waited for the scanner");
	scanner_end(&m.h.scanner);

	assert_ok(uffd_guard_map(
		m.h.f.guard, fuse_file_fd(m.file), N_PAGES * m.h.f.page, &any_file, &again));
	clock_sleep(100 * NS_PER_MS);
	ck_assert_int_eq(((volatile unsigned char *)uffd_guard_region_data(again))[m.h.f.page],
		page_value(1));
	uffd_guard_unmap(again);
	stop(&m.h);
	fuse_file_stop(m.file);
}
END_TEST

START_TEST(file_that_may_block_and_was_waited_for_is_closed_though_the_guard_has_ended)
{
	struct mixed m;
	struct reader blocked;
	if (!start_mixed(&m))
		return;
	fuse_file_behave(m.file, FUSE_STALLS);
	reader_start(&blocked, &m.data[m.h.f.page]);
	clock_sleep(20 * NS_PER_MS);
	reader_start(&m.h.reader, &m.h.f.data[3 * m.h.f.page]);
	ck_assert_int_eq(reader_finish(&blocked), 0);
	ck_assert_int_eq(reader_finish(&m.h.reader), 0);
	ck_assert_msg(ends_soon(&m.h, unmap_blocking), "unmap waited for the scanner");
	ck_assert_msg(ends_soon(&m.h, unmap_and_destroy), "the end waited for the scanner");
	scanner_end(&m.h.scanner);
	fuse_file_behave(m.file, FUSE_ANSWERS);
	stop(&m.h);
	fuse_file_stop(m.file);
	ck_assert_msg(is_soon(are_gone, NULL), "the handler's thread does not end");
}
END_TEST

/* ---- What it costs, and what is no alarm ---- */

START_TEST(second_thread_is_there_for_files_on_a_mount_only)
{
	if (runner_skip_eager())
		return;
	struct fixture f;
	if (!fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }))
		return;
	ck_assert_int_eq(find_thread("uffd-guard-aid"), 0);
	const int fd = file_create(FILE_TMPFS, N_PAGES, false);
	struct uffd_guard_region *regions[2];
	if (fd >= 0) {
		for (int i = 0; i < 2; i++)
			assert_ok(uffd_guard_map(f.guard, fd, N_PAGES * f.page, NULL, &regions[i]));
		ck_assert_int_gt(find_thread("uffd-guard-aid"), 0);
		for (int i = 0; i < 2; i++)
			uffd_guard_unmap(regions[i]);
		close(fd);
	}
	fixture_stop(&f);
	ck_assert(are_gone(NULL));
}
END_TEST

/* It can be started again after that. */
static bool start_without_second_thread(struct held *h)
{
	static atomic_bool is_on;
	inject_syscall(SYS_clone3, 1, 88, inject_while_on, &is_on);
	if (!start_guard(h))
		return false;
	atomic_store(&is_on, true);
	map_scanned(h);
	atomic_store(&is_on, false);
	return true;
}

START_TEST(where_no_second_thread_can_be_started_no_scanner_is_asked)
{
	struct held h;
	if (!start_without_second_thread(&h))
		return;
	ck_assert_int_eq(find_thread("uffd-guard-aid"), 0);
	for (size_t i = 0; i < N_PAGES; i += 3)
		ck_assert_int_eq(read_soon(&h, &h.f.data[i * h.f.page]), page_value(i));
	stop(&h);
}
END_TEST

/* A mapping of a client's file can be held up by the client. */
START_TEST(second_thread_that_could_not_be_started_is_started_later_and_no_file_is_mapped_then)
{
	struct held h;
	struct uffd_guard_region *later;
	if (!start_without_second_thread(&h))
		return;
	const int fd = file_create(FILE_TMPFS, 1, false);
	assert_ok(uffd_guard_map(h.f.guard, fd, h.f.page, NULL, &later));
	ck_assert_int_ne(find_thread("uffd-guard-aid"), 0);
	ck_assert_uint_eq(file_count_mappings(fd), 0);
	uffd_guard_unmap(later);
	close(fd);
	stop(&h);
}
END_TEST

/* Reads of a file on a tmpfs without end. Answers whether anything was lost. */
static int read_for(uint64_t ns)
{
	struct fixture f;
	const uint64_t limit = clock_ns() + ns;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = FILE_TMPFS, .n_pages = 512 }))
		return 0;
	while (clock_ns() < limit) {
		assert_ok(uffd_guard_discard(f.region, 0, 512 * f.page));
		for (size_t i = 0; i < 512; i += 7)
			ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	}
	const uint32_t losses = uffd_guard_region_take_losses(f.region);
	fixture_stop(&f);
	return losses ? 1 : 0;
}

/* With a debugger, a suspended machine: all threads stand still, and the clock does not. */
START_TEST(process_that_was_stopped_takes_its_handler_for_held_up_in_no_case)
{
	if (runner_skip_eager())
		return;
	int status;
	const pid_t child = fork();
	if (child == 0)
		_exit(read_for(2 * NS_PER_S));
	for (int i = 0; i < 5; i++) {
		clock_sleep(100 * NS_PER_MS);
		kill(child, SIGSTOP);
		clock_sleep(300 * NS_PER_MS);
		kill(child, SIGCONT);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static TCase *relief_case(void)
{
	TCase *tcase = tcase_create("relief");
	tcase_add_test(tcase, readers_go_on_though_a_scanner_holds_the_handler_up);
	tcase_add_loop_test(tcase, faults_that_the_handler_had_taken_are_answered, 0, 4);
	tcase_add_test(tcase, calls_read_past_a_scanner_that_was_met);
	tcase_add_test(tcase, handler_goes_on_when_the_scanner_lets_it_go);
	tcase_add_test(tcase, guard_ends_while_its_handler_is_held_up);
	tcase_add_test(tcase, guard_ends_though_nobody_has_noticed_that_its_handler_is_held_up);
	tcase_add_test(tcase, handler_that_gives_up_in_anothers_place_wakes_all);
	tcase_add_test(tcase, file_that_may_block_counts_as_stalled_while_the_handler_is_held_up);
	tcase_add_test(
		tcase, file_that_may_block_and_was_waited_for_is_closed_though_the_guard_has_ended);
	tcase_add_test(tcase, second_thread_is_there_for_files_on_a_mount_only);
	tcase_add_test(tcase, where_no_second_thread_can_be_started_no_scanner_is_asked);
	tcase_add_test(tcase,
		second_thread_that_could_not_be_started_is_started_later_and_no_file_is_mapped_then);
	tcase_add_test(tcase, process_that_was_stopped_takes_its_handler_for_held_up_in_no_case);
	return tcase;
}

RUNNER_MAIN("relief", relief_case)

/* SPDX-License-Identifier: MIT */
/*
 * Callers read files on a tmpfs, as nobody has asked beforehand that they be read past scanners of
 * files. Whether there is a scanner, the handler finds out, or in EAGER a child process: a call
 * waits for none beyond its deadline.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/scanner.h"
#include "../support/threads.h"
#include "../support/time_ns.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOON	(15 * NS_PER_S) /* also on a busy machine */
#define N_PAGES 8

struct asked {
	struct fixture f; /* of a file that is scanned */
	int scanner;
};

static const struct uffd_guard_map_options to_write = { .size = sizeof(to_write),
	.flags = UFFD_GUARD_MAP_WRITE };

static void map_scanned(struct asked *a)
{
	assert_ok(
		uffd_guard_map(a->f.guard, a->f.fd, N_PAGES * a->f.page, &to_write, &a->f.region));
	a->f.data = uffd_guard_region_data(a->f.region);
}

static bool start_by(struct asked *a, uint32_t deadline_ms)
{
	*a = (struct asked){ .f.page = (size_t)sysconf(_SC_PAGESIZE), .scanner = -1 };
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags(),
		.read_deadline_ms = deadline_ms };
	a->scanner = scanner_start();
	if (a->scanner < 0)
		return false;
	a->f.fd = scanner_create_file("/tmp/file", N_PAGES);
	assert_ok(uffd_guard_create(&options, &a->f.guard));
	scanner_ignore(a->scanner, "/tmp/file");
	map_scanned(a);
	scanner_watch(a->scanner, "/tmp/file");
	if (runner_is_eager()) /* map has read it, and its answer counts for a second */
		clock_sleep(1100 * NS_PER_MS);
	return true;
}

static bool start(struct asked *a)
{
	return start_by(a, 0);
}

static void stop(struct asked *a)
{
	scanner_end(&a->scanner);
	fixture_stop(&a->f);
}

/* ---- A thread that makes a call ---- */

typedef void call_fn(struct fixture *f, size_t length);

struct caller {
	struct fixture *f;
	call_fn *call;
	pthread_t thread;
	atomic_bool has_ended;
};

static void *run(void *data)
{
	struct caller *caller = data;
	caller->call(caller->f, N_PAGES * caller->f->page);
	atomic_store(&caller->has_ended, true);
	return NULL;
}

static void caller_start(struct caller *caller, struct fixture *f, call_fn *call)
{
	*caller = (struct caller){ .f = f, .call = call };
	assert_ok(pthread_create(&caller->thread, NULL, run, caller));
}

/* While the scanner is there; it goes if that is in vain. */
static bool caller_ends_soon(struct caller *caller, int *scanner)
{
	const uint64_t limit = clock_ns() + SOON;
	while (!atomic_load(&caller->has_ended) && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	const bool has_ended = atomic_load(&caller->has_ended);
	if (!has_ended)
		scanner_end(scanner);
	pthread_join(caller->thread, NULL);
	return has_ended;
}

static bool ends_soon(struct asked *a, call_fn *call)
{
	struct caller caller;
	caller_start(&caller, &a->f, call);
	return caller_ends_soon(&caller, &a->scanner);
}

/* ---- Calls ---- */

static void call_refresh(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_refresh(f->region, 0, length));
}

static void call_update(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_update(f->region, 0, length));
}

static void call_populate(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_populate(f->region, 0, length));
}

static void call_ensure(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_ensure(f->region, 0, length));
}

static void call_read(struct fixture *f, size_t length)
{
	unsigned char *buffer = malloc(length);
	ck_assert_int_eq(uffd_guard_read(f->region, 0, buffer, length), (ssize_t)length);
	ck_assert_uint_eq(buffer[3 * f->page], page_value(3));
	free(buffer);
}

static void call_read_rect(struct fixture *f, size_t length)
{
	const struct uffd_guard_rect rect = { 0, f->page, 100, length / f->page };
	char *buffer = malloc(length);
	ck_assert_int_eq(uffd_guard_read_rect(f->region, &rect, buffer, 100), 100 * N_PAGES);
	free(buffer);
}

static void call_discard(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_discard(f->region, 100, length - 200));
}

static void call_resize(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_resize(f->region, length - f->page / 2));
	assert_ok(uffd_guard_resize(f->region, length));
}

static void call_write_back(struct fixture *f, size_t length)
{
	ck_assert_int_eq(uffd_guard_write_back(f->region, 0, length), (ssize_t)length);
}

static void call_map(struct fixture *f, size_t length)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_POPULATE };
	struct uffd_guard_region *region;
	assert_ok(uffd_guard_map(f->guard, f->fd, length, &options, &region));
	ck_assert_uint_eq(
		((unsigned char *)uffd_guard_region_data(region))[f->page], page_value(1));
	uffd_guard_unmap(region);
}

static const struct {
	const char *name;
	call_fn *call;
} calls[] = {
	{ "refresh", call_refresh },
	{ "update", call_update },
	{ "populate", call_populate },
	{ "ensure", call_ensure },
	{ "read", call_read },
	{ "read_rect", call_read_rect },
	{ "discard", call_discard },
	{ "resize", call_resize },
	{ "map with POPULATE", call_map },
};
#define N_CALLS ((int)(sizeof(calls) / sizeof(calls[0])))

START_TEST(no_call_waits_for_a_scanner_that_nobody_has_met)
{
	struct asked a;
	if (skip_no_cachestat() || !start(&a))
		return;
	ck_assert_msg(ends_soon(&a, calls[_i].call), "waited for the scanner: %s", calls[_i].name);
	assert_ok(uffd_guard_update(a.f.region, 0, N_PAGES * a.f.page));
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&a.f, i, page_value(i));
	assert_losses_eq(&a.f, 0);
	stop(&a);
}
END_TEST

/* And not until the handler is relieved, which is a quarter of that later. */
START_TEST(call_goes_on_when_its_deadline_has_passed)
{
	struct asked a;
	if (!start_by(&a, 3200))
		return;
	const uint64_t before = clock_ns();
	ck_assert_msg(ends_soon(&a, call_update), "waited for the scanner");
	const uint64_t took = clock_ns() - before;
	ck_assert_msg(took < 3900 * NS_PER_MS, "%.3f s", (double)took / NS_PER_S);
	stop(&a);
}
END_TEST

/* It is left at that. */
START_TEST(scanner_is_asked_once_though_it_does_not_answer)
{
	struct asked a;
	if (skip_no_cachestat() || !start_by(&a, 3200))
		return;
	ck_assert_msg(ends_soon(&a, call_update), "waited for the scanner");
	clock_sleep(1100 * NS_PER_MS);
	const uint64_t before = clock_ns();
	ck_assert_msg(ends_soon(&a, call_update), "waited for the scanner");
	ck_assert_msg(ends_soon(&a, call_map), "waited for the scanner"); /* another region */
	ck_assert_msg(clock_ns() - before < 1600 * NS_PER_MS, "asked it again");
	stop(&a);
}
END_TEST

START_TEST(question_that_nobody_holds_up_is_answered_at_once)
{
	const struct uffd_guard_options options = {
		.size = sizeof(options), .flags = runner_guard_flags(), .read_deadline_ms = 20000
	};
	struct fixture f = { .page = (size_t)sysconf(_SC_PAGESIZE) };
	assert_ok(uffd_guard_create(&options, &f.guard));
	f.fd = file_create(FILE_TMPFS, N_PAGES, false);
	const uint64_t before = clock_ns();
	assert_ok(uffd_guard_map(f.guard, f.fd, N_PAGES * f.page, NULL, &f.region));
	assert_ok(uffd_guard_update(f.region, 0, N_PAGES * f.page));
	ck_assert_msg(clock_ns() - before < 10 * NS_PER_S, "waited until the deadline");
	fixture_stop(&f);
}
END_TEST

START_TEST(file_is_read_where_nobody_can_be_sent_to_ask)
{
	struct fixture f = { .page = (size_t)sysconf(_SC_PAGESIZE) };
	atomic_bool is_on = false;
	inject_syscall(SYS_clone3, 1, 88, inject_while_on, &is_on);
	f.guard = guard_start(0);
	f.fd = file_create(FILE_TMPFS, N_PAGES, false);
	atomic_store(&is_on, true); /* no thread can be started */
	assert_ok(uffd_guard_map(f.guard, f.fd, N_PAGES * f.page, NULL, &f.region));
	assert_ok(uffd_guard_update(f.region, 0, N_PAGES * f.page));
	atomic_store(&is_on, false);
	f.data = uffd_guard_region_data(f.region);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(begin_asks_no_scanner)
{
	enum { N = 64 };
	struct asked a;
	struct uffd_guard_region *large;
	if (!start_by(&a, 6400))
		return;
	const struct uffd_guard_rect all = { 0, N * a.f.page, N * a.f.page, 1 };
	const int fd = scanner_create_file("/tmp/large", N);
	assert_ok(uffd_guard_map(a.f.guard, fd, N * a.f.page, NULL, &large));
	const uint64_t before = clock_ns();
	assert_ok(uffd_guard_mark_rects(large, &all, 1));
	assert_ok(uffd_guard_begin(large));
	ck_assert_msg(clock_ns() - before < 3200 * NS_PER_MS, "it waited for one");
	uffd_guard_unmap(large);
	close(fd);
	stop(&a);
}
END_TEST

/* ---- Scanners that answer ---- */

START_TEST(scanner_that_has_answered_may_stop_answering)
{
	struct asked a;
	struct scanner_answers answers;
	struct reader reader;
	if (skip_no_cachestat() || !start_by(&a, 6400))
		return;
	scanner_start_answering(&answers, a.scanner);
	assert_ok(uffd_guard_update(a.f.region, 0, N_PAGES * a.f.page));
	scanner_stop_answering(&answers);

	const uint64_t before = clock_ns();
	ck_assert_msg(ends_soon(&a, call_update), "waited for the scanner");
	ck_assert_msg(clock_ns() - before < 3200 * NS_PER_MS, "asked it again");
	if (!runner_is_eager()) /* where it takes a call to read again */
		assert_ok(uffd_guard_discard(a.f.region, 0, N_PAGES * a.f.page));
	reader_start(&reader, &a.f.data[3 * a.f.page]);
	ck_assert_int_eq(reader_finish(&reader), page_value(3));
	assert_losses_eq(&a.f, 0);
	stop(&a);
}
END_TEST

START_TEST(scanner_that_comes_later_is_noticed_after_a_second)
{
	struct asked a;
	if (skip_no_cachestat() || !start(&a))
		return;
	scanner_ignore(a.scanner, "/tmp/file");
	assert_ok(uffd_guard_update(a.f.region, 0, N_PAGES * a.f.page));
	scanner_watch(a.scanner, "/tmp/file");
	clock_sleep(1100 * NS_PER_MS);
	ck_assert_msg(ends_soon(&a, call_update), "waited for the scanner");
	assert_page_is(&a.f, 2, page_value(2));
	assert_losses_eq(&a.f, 0);
	stop(&a);
}
END_TEST

/* Of pages that were filled with zeros, it looks whether they are holes. */
START_TEST(write_back_waits_for_no_scanner_that_has_come_later)
{
	struct asked a;
	if (skip_no_cachestat() || !start(&a))
		return;
	scanner_ignore(a.scanner, "/tmp/file");
	file_punch(a.f.fd, 2, 3);
	assert_ok(uffd_guard_update(a.f.region, 0, N_PAGES * a.f.page));
	scanner_watch(a.scanner, "/tmp/file");
	clock_sleep(1100 * NS_PER_MS);
	ck_assert_msg(ends_soon(&a, call_write_back), "waited for the scanner");
	ck_assert_uint_eq(file_allocated_bytes(a.f.fd), (N_PAGES - 3) * a.f.page);
	stop(&a);
}
END_TEST

/* ---- Ends ---- */

static bool are_gone(void)
{
	const uint64_t limit = clock_ns() + SOON;
	while ((find_thread("uffd-guard") || find_thread("uffd-guard-aid")) && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	return !find_thread("uffd-guard") && !find_thread("uffd-guard-aid");
}

static void call_the_end(struct fixture *f, size_t length)
{
	call_update(f, length);
	uffd_guard_unmap(f->region);
	uffd_guard_destroy(f->guard);
	f->region = NULL;
	f->guard = NULL;
}

START_TEST(guard_ends_while_its_handler_asks_a_scanner)
{
	struct asked a;
	if (!start(&a))
		return;
	ck_assert_msg(ends_soon(&a, call_the_end), "the end waited for the scanner");
	scanner_end(&a.scanner);
	ck_assert_msg(are_gone(), "the handler's thread does not end");
	stop(&a);
}
END_TEST

static void call_setresuid(struct fixture *f, size_t length)
{
	call_update(f, length);
	assert_ok(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
}

/* It is done by all threads of the program: none of them may wait for the scanner. */
START_TEST(credentials_change_while_a_child_asks_a_scanner)
{
	struct asked a;
	if (IS_SANITIZED) {
		runner_skip("a sanitizer knows no child that shares memory");
		return;
	}
	if (!runner_is_eager() || !start(&a))
		return;
	ck_assert_msg(ends_soon(&a, call_setresuid), "setresuid waited for the scanner");
	stop(&a);
}
END_TEST

/* Memory that was freed is soon another's. */
START_TEST(nothing_of_a_region_is_touched_after_unmap)
{
	enum { LEAST = 128, MOST = 4096, STEP = 16, N = 4 };
	static unsigned char *blocks[N * MOST / STEP];
	struct asked a;
	if (!start(&a))
		return;
	ck_assert_msg(ends_soon(&a, call_update), "waited for the scanner");
	uffd_guard_unmap(a.f.region);
	for (size_t i = 0; i < N * MOST / STEP; i++) {
		blocks[i] = malloc(LEAST + i / N * STEP);
		memset(blocks[i], 0x5a, LEAST + i / N * STEP);
	}
	clock_sleep(600 * NS_PER_MS); /* the handler is relieved */
	size_t n_touched = 0;
	for (size_t i = 0; i < N * MOST / STEP; i++) {
		for (size_t at = 0; at < LEAST + i / N * STEP; at++)
			n_touched += blocks[i][at] != 0x5a;
		free(blocks[i]);
	}
	ck_assert_uint_eq(n_touched, 0);
	a.f.region = NULL;
	stop(&a);
}
END_TEST

/* Its first: it silences the bell that callers have rung. */
static int hold_handler(const struct injected_call *call, void *data)
{
	static bool was_held;
	struct injected_call first = *call;
	if (inject_look_at(call->args[3]) != 0 || was_held) /* struct epoll_event.events */
		return INJECT_CONTINUE;
	was_held = true;
	first.n_before = 0;
	return inject_hold_first(&first, data);
}

/* The handler takes all of them in one go, and is held up by the first. */
START_TEST(regions_that_are_asked_about_together_can_be_unmapped)
{
	enum { N = 20 };
	static struct fixture others[N];
	static struct caller callers[N];
	struct asked a;
	struct hold hold;
	if (runner_skip_eager())
		return;
	hold_init(&hold);
	inject_syscall(SYS_epoll_ctl, 1, EPOLL_CTL_MOD, hold_handler, &hold);
	if (!start(&a))
		return;
	for (int i = 0; i < N; i++) {
		others[i] = a.f;
		assert_ok(uffd_guard_map(
			a.f.guard, a.f.fd, N_PAGES * a.f.page, NULL, &others[i].region));
		caller_start(&callers[i], &others[i], call_update);
	}
	sem_wait(&hold.is_held);
	clock_sleep(20 * NS_PER_MS);
	sem_post(&hold.may_go);
	bool all = true;
	for (int i = 0; i < N; i++)
		all = caller_ends_soon(&callers[i], &a.scanner) && all;
	ck_assert_msg(all, "a call waited for the scanner");
	for (int i = 0; i < N; i++)
		uffd_guard_unmap(others[i].region);
	ck_assert_msg(ends_soon(&a, call_the_end), "the end waited for the scanner");
	stop(&a);
}
END_TEST

static void close_all_but(const int *kept, int n_kept)
{
	for (int fd = 3; fd < 64; fd++) {
		bool is_kept = false;
		for (int i = 0; i < n_kept; i++)
			is_kept = is_kept || fd == kept[i];
		if (!is_kept)
			syscall(SYS_close, fd); /* as daemons do */
	}
}

static void call_update_in_vain(struct fixture *f, size_t length)
{
	uffd_guard_update(f->region, 0, length);
	uffd_guard_unmap(f->region);
	f->region = NULL;
}

START_TEST(handler_that_gives_up_leaves_no_call_and_no_unmap_waiting)
{
	struct asked a;
	struct caller caller;
	if (runner_skip_eager() || !start_by(&a, 10000))
		return;
	caller_start(&caller, &a.f, call_update_in_vain);
	clock_sleep(50 * NS_PER_MS);
	close_all_but((int[]){ a.scanner, a.f.fd }, 2);
	ck_assert_msg(caller_ends_soon(&caller, &a.scanner), "it waits for ever");
	stop(&a);
}
END_TEST

/* ---- Where it cannot be read past scanners ---- */

static void call_update_and_look(struct fixture *f, size_t length)
{
	assert_ok(uffd_guard_update(f->region, 0, length));
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(f, i, 0);
	assert_losses_eq(f, UFFD_GUARD_LOST_TIMED_OUT);
	unsigned char *buffer = malloc(length);
	memset(buffer, 0xff, length);
	ck_assert_int_eq(uffd_guard_read(f->region, 0, buffer, length), 0);
	ck_assert_uint_eq(buffer[f->page], 0);
	assert_losses_eq(f, UFFD_GUARD_LOST_TIMED_OUT);
	free(buffer);
}

static int deny(const struct injected_call *call, void *data)
{
	(void)call;
	(void)data;
	return -EPERM;
}

static void deny_views(void)
{
	inject_syscall(SYS_process_vm_readv, 0, (uint32_t)getpid(), deny, NULL);
}

START_TEST(call_that_has_no_other_way_ends_with_zeros)
{
	struct asked a;
	deny_views();
	if (!start(&a))
		return;
	ck_assert_msg(ends_soon(&a, call_update_and_look), "waited for the scanner");
	stop(&a);
}
END_TEST

START_TEST(call_that_has_no_other_way_waits_for_a_scanner_that_answers)
{
	struct asked a;
	struct scanner_answers answers;
	deny_views();
	if (!start_by(&a, 10000)) /* time to answer on a busy machine, too */
		return;
	scanner_start_answering(&answers, a.scanner);
	for (int i = 0; i < 3; i++) {
		assert_ok(uffd_guard_update(a.f.region, 0, N_PAGES * a.f.page));
		assert_page_is(&a.f, 3, page_value(3));
	}
	assert_losses_eq(&a.f, 0);
	scanner_stop_answering(&answers);
	stop(&a);
}
END_TEST

/* ---- What it costs ---- */

static uint64_t count_wakeups(const struct fixture *f)
{
	return fixture_stats(f).wakeups;
}

static void update_often(const struct fixture *f)
{
	const uint64_t limit = clock_ns() + NS_PER_S / 2;
	while (clock_ns() < limit)
		assert_ok(uffd_guard_update(f->region, 0, N_PAGES * f->page));
}

START_TEST(handler_is_asked_once_about_a_file_on_a_tmpfs_and_not_about_a_memfd)
{
	static const enum file_kind kinds[] = { FILE_MEMFD, FILE_TMPFS };
	struct fixture f;
	if (runner_skip_eager())
		return;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = kinds[_i], .n_pages = N_PAGES }))
		return;
	clock_sleep(50 * NS_PER_MS);
	const uint64_t before = count_wakeups(&f);
	update_often(&f);
	const uint64_t n_wakeups = count_wakeups(&f) - before;
	/* By poll it also looks now and then whether its descriptors are there. */
	ck_assert_uint_le(n_wakeups, kinds[_i] == FILE_MEMFD ? 2 : 8);
	fixture_stop(&f);
}
END_TEST

static TCase *inquiry_case(void)
{
	TCase *tcase = tcase_create("inquiry");
	tcase_add_loop_test(tcase, no_call_waits_for_a_scanner_that_nobody_has_met, 0, N_CALLS);
	tcase_add_test(tcase, call_goes_on_when_its_deadline_has_passed);
	tcase_add_test(tcase, scanner_is_asked_once_though_it_does_not_answer);
	tcase_add_test(tcase, question_that_nobody_holds_up_is_answered_at_once);
	tcase_add_test(tcase, file_is_read_where_nobody_can_be_sent_to_ask);
	tcase_add_test(tcase, begin_asks_no_scanner);
	tcase_add_test(tcase, scanner_that_has_answered_may_stop_answering);
	tcase_add_test(tcase, scanner_that_comes_later_is_noticed_after_a_second);
	tcase_add_test(tcase, write_back_waits_for_no_scanner_that_has_come_later);
	tcase_add_test(tcase, guard_ends_while_its_handler_asks_a_scanner);
	tcase_add_test(tcase, credentials_change_while_a_child_asks_a_scanner);
	tcase_add_test(tcase, nothing_of_a_region_is_touched_after_unmap);
	tcase_add_test(tcase, regions_that_are_asked_about_together_can_be_unmapped);
	tcase_add_test(tcase, handler_that_gives_up_leaves_no_call_and_no_unmap_waiting);
	tcase_add_test(tcase, call_that_has_no_other_way_ends_with_zeros);
	tcase_add_test(tcase, call_that_has_no_other_way_waits_for_a_scanner_that_answers);
	tcase_add_loop_test(
		tcase, handler_is_asked_once_about_a_file_on_a_tmpfs_and_not_about_a_memfd, 0, 2);
	return tcase;
}

RUNNER_MAIN("inquiry", inquiry_case)

/* SPDX-License-Identifier: MIT */
/*
 * The process stays its own: what a program and its libraries could do without a guard they can do
 * with one. Who it is, whom it cancels, which descriptors it closes, in which order it ends.
 *
 * What would harm the test itself (its descriptors closed, epoll_ctl(2) denied) is done in a child,
 * which answers 0, or a number that says what was wrong.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_PAGES 64
#define NOBODY	65534

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* A new fault, wherever the file is read when it is touched. */
static void assert_handler_answers(struct fixture *f)
{
	assert_ok(uffd_guard_discard(f->region, 0, N_PAGES * f->page));
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_uint_eq(f->data[i * f->page], page_value(i));
}

/* ---- Who the process is ---- */

/* What a daemon does when it no longer needs root; a user may do the like to itself. */
static void drop_privileges(void)
{
	if (runner_is_root()) {
		assert_ok(setgroups(0, NULL));
		assert_ok(setresgid(NOBODY, NOBODY, NOBODY));
		assert_ok(setresuid(NOBODY, NOBODY, NOBODY));
		return;
	}
	ck_assert_int_eq(setgroups(0, NULL), -1);
	ck_assert_int_eq(errno, EPERM);
	assert_ok(setresgid(getgid(), getgid(), getgid()));
	assert_ok(setresuid(getuid(), getuid(), getuid()));
	assert_ok(setegid(getgid()));
	assert_ok(setreuid(getuid(), getuid()));
	assert_ok(setregid(getgid(), getgid()));
	assert_ok(setuid(getuid()));
	assert_ok(setgid(getgid()));
}

/* 0, 1: before, after the first fault; 2, 3: the same without a sandbox. */
START_TEST(privileges_are_dropped_by_every_thread)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .guard_flags = _i & 2 ? UFFD_GUARD_NO_SANDBOX : 0 }));
	if (_i & 1)
		assert_page_is(&f, 0, page_value(0));
	drop_privileges();
	ck_assert_uint_ne(getuid(), 0);
	assert_handler_answers(&f);
	fixture_stop(&f);
}
END_TEST

struct toucher {
	struct fixture *f;
	atomic_bool shall_stop;
};

static void *touch_and_discard(void *data)
{
	struct toucher *toucher = data;
	while (!atomic_load(&toucher->shall_stop))
		assert_handler_answers(toucher->f);
	return NULL;
}

START_TEST(privileges_are_dropped_while_faults_are_served)
{
	struct fixture f;
	pthread_t thread;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	struct toucher toucher = { .f = &f };
	assert_ok(pthread_create(&thread, NULL, touch_and_discard, &toucher));
	for (int i = 0; i < 500; i++) {
		assert_ok(setresgid(getgid(), getegid(), getegid()));
		assert_ok(setresuid(getuid(), geteuid(), geteuid()));
	}
	drop_privileges();
	atomic_store(&toucher.shall_stop, true);
	pthread_join(thread, NULL);
	assert_handler_answers(&f);
	fixture_stop(&f);
}
END_TEST

/* A filter for all threads is refused where one of them has a filter of its own. */
START_TEST(program_without_sandbox_confines_all_its_threads)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .guard_flags = UFFD_GUARD_NO_SANDBOX }));
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	assert_ok(seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1));
	assert_ok(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kexec_load), 0));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
	assert_handler_answers(&f);
	fixture_stop(&f);
}
END_TEST

static TCase *user_case(void)
{
	TCase *tcase = tcase_create("user");
	tcase_add_loop_test(tcase, privileges_are_dropped_by_every_thread, 0, 4);
	tcase_add_test(tcase, privileges_are_dropped_while_faults_are_served);
	tcase_add_test(tcase, program_without_sandbox_confines_all_its_threads);
	return tcase;
}

/* ---- Cancelling threads ---- */

/* What libcheck asserts is a cancellation point, so these answer whether all was well. */
struct call {
	const char *name;
	bool (*run)(struct fixture *f);
};

static void ignore_event(const struct uffd_guard_event *event, void *data)
{
	(void)event;
	(void)data;
}

static bool call_create(struct fixture *f)
{
	struct uffd_guard *guard;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	(void)f;
	if (uffd_guard_create(&options, &guard))
		return false;
	uffd_guard_destroy(guard);
	return true;
}

static bool call_map(struct fixture *f)
{
	struct uffd_guard_region *region;
	if (uffd_guard_map(f->guard, f->fd, N_PAGES * f->page, NULL, &region))
		return false;
	uffd_guard_unmap(region);
	return true;
}

static bool call_refresh(struct fixture *f)
{
	return uffd_guard_refresh(f->region, 0, N_PAGES * f->page) == 0;
}

static bool call_refresh_spans(struct fixture *f)
{
	const struct uffd_guard_span spans[] = { { 0, 1 }, { 5000, 100 }, { 9 * f->page, 1 } };
	return uffd_guard_refresh_spans(f->region, spans, 3) == 0;
}

static bool call_populate(struct fixture *f)
{
	return uffd_guard_populate(f->region, 0, N_PAGES * f->page) == 0;
}

static bool call_discard(struct fixture *f)
{
	return uffd_guard_discard(f->region, 10, N_PAGES * f->page - 20) == 0;
}

static bool call_read(struct fixture *f)
{
	char bytes[100];
	return uffd_guard_read(f->region, 0, bytes, sizeof(bytes)) == sizeof(bytes);
}

static bool call_write_back(struct fixture *f)
{
	return uffd_guard_write_back(f->region, 0, f->page) == (ssize_t)f->page;
}

static bool call_resize(struct fixture *f)
{
	return uffd_guard_resize(f->region, 3 * f->page + 7) == 0 &&
	       uffd_guard_resize(f->region, N_PAGES * f->page) == 0;
}

static bool call_update(struct fixture *f)
{
	return uffd_guard_update(f->region, 0, N_PAGES * f->page) == 0;
}

static bool call_mark_and_ensure(struct fixture *f)
{
	const struct uffd_guard_rect rect = { .stride = f->page, .width = 100, .height = 8 };
	return uffd_guard_mark_rects(f->region, &rect, 1) == 0 &&
	       uffd_guard_ensure(f->region, 0, N_PAGES * f->page) == 0;
}

static bool call_refresh_rects(struct fixture *f)
{
	const struct uffd_guard_rect rect = { .stride = f->page, .width = 100, .height = 8 };
	return uffd_guard_refresh_rects(f->region, &rect, 1) == 0;
}

static bool call_read_rect(struct fixture *f)
{
	const struct uffd_guard_rect rect = { .stride = f->page, .width = 10, .height = 8 };
	char bytes[80];
	return uffd_guard_read_rect(f->region, &rect, bytes, 10) == sizeof(bytes);
}

static bool call_write(struct fixture *f)
{
	return uffd_guard_write(f->region, 10, "bytes", 5) == 5;
}

static bool call_make_direct(struct fixture *f)
{
	return uffd_guard_region_make_direct(f->region, 0) == 0;
}

static bool call_dispatch(struct fixture *f)
{
	return uffd_guard_dispatch(f->guard, ignore_event, NULL) >= 0;
}

static const struct call calls[] = {
	{ "create and destroy", call_create },
	{ "map and unmap", call_map },
	{ "refresh", call_refresh },
	{ "refresh_spans", call_refresh_spans },
	{ "populate", call_populate },
	{ "discard", call_discard },
	{ "read", call_read },
	{ "write_back", call_write_back },
	{ "resize", call_resize },
	{ "update", call_update },
	{ "mark_rects and ensure", call_mark_and_ensure },
	{ "refresh_rects", call_refresh_rects },
	{ "read_rect", call_read_rect },
	{ "write", call_write },
	{ "make_direct", call_make_direct },
	{ "dispatch", call_dispatch },
};

struct cancelled {
	struct fixture *f;
	const struct call *call;
	atomic_bool has_returned;
};

static void *call_once_cancelled(void *data)
{
	struct cancelled *cancelled = data;
	pthread_cancel(pthread_self());
	atomic_store(&cancelled->has_returned, cancelled->call->run(cancelled->f));
	pthread_testcancel();
	return NULL;
}

static bool start_for_calls(struct fixture *f)
{
	return fixture_start(f,
		&(struct fixture_options){ .n_pages = N_PAGES, .map_flags = UFFD_GUARD_MAP_WRITE });
}

START_TEST(thread_cancelled_before_a_call_does_not_begin_it)
{
	struct fixture f;
	pthread_t thread;
	void *result;
	ck_assert(start_for_calls(&f));
	for (size_t i = 0; i < N_PAGES; i++)
		f.data[i * f.page] = 1;
	fixture_truncate(&f, 32);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page)); /* events to dispatch */
	f.data[0] = 1;
	struct cancelled cancelled = { .f = &f, .call = &calls[_i] };
	assert_ok(pthread_create(&thread, NULL, call_once_cancelled, &cancelled));
	assert_ok(pthread_join(thread, &result));
	ck_assert_msg(!atomic_load(&cancelled.has_returned), "%s was made", calls[_i].name);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert(calls[_i].run(&f)); /* nothing is locked */
	fixture_stop(&f);
}
END_TEST

static void *call_for_ever(void *data)
{
	struct cancelled *cancelled = data;
	for (;;)
		cancelled->call->run(cancelled->f);
	return NULL;
}

START_TEST(thread_cancelled_at_any_moment_leaves_nothing_locked)
{
	struct fixture f;
	pthread_t thread;
	ck_assert(start_for_calls(&f));
	struct cancelled cancelled = { .f = &f, .call = &calls[_i] };
	for (int round = 0; round < 20; round++) {
		const struct timespec moment = { .tv_nsec = 100000 + round * 97777 };
		assert_ok(pthread_create(&thread, NULL, call_for_ever, &cancelled));
		nanosleep(&moment, NULL);
		assert_ok(pthread_cancel(thread));
		assert_ok(pthread_join(thread, NULL));
		ck_assert(calls[_i].run(&f));
	}
	fixture_stop(&f);
}
END_TEST

static TCase *cancel_case(void)
{
	TCase *tcase = tcase_create("cancel");
	tcase_add_loop_test(
		tcase, thread_cancelled_before_a_call_does_not_begin_it, 0, N_ELEMENTS(calls));
	tcase_add_loop_test(tcase, thread_cancelled_at_any_moment_leaves_nothing_locked, 1,
		N_ELEMENTS(calls)); /* whose guard is cancelled between create and destroy leaks */
	return tcase;
}

/* ---- In a child ---- */

typedef int child_fn(void *data);

static void assert_child_answers_0(child_fn *fn, void *data)
{
	int status;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		signal(SIGALRM, SIG_DFL); /* libcheck's handler would kill the test too */
		alarm(20);
		_exit(fn(data));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, "the child hung");
	ck_assert_msg(WIFEXITED(status), "the child was killed by %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static bool skip_sanitized(void)
{
	if (IS_SANITIZED)
		runner_skip("a sanitizer starts no thread in a child");
	return IS_SANITIZED;
}

/* ---- Limits ---- */

static void limit_file_size(rlim_t size)
{
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* Refresh of what the file has lost needs zeros from somewhere. */
static int live_where_no_file_may_grow(void *data)
{
	const int fd = *(int *)data;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_WRITE };
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	limit_file_size(0);
	if (uffd_guard_create(&options, &guard))
		return 1;
	if (uffd_guard_map(guard, fd, N_PAGES * page, &map, &region))
		return 2;
	volatile unsigned char *bytes = uffd_guard_region_data(region);
	bytes[0] = 7;
	if (uffd_guard_write_back(region, 0, page) != (ssize_t)page)
		return 3;
	for (size_t i = 1; i < N_PAGES; i++) {
		if (bytes[i * page] != page_value(i))
			return 4;
	}
	limit_file_size(RLIM_INFINITY); /* as the client, which has a limit of its own */
	if (ftruncate(fd, (off_t)(4 * page + 100)))
		return 5;
	limit_file_size(0);
	if (uffd_guard_refresh(region, 0, N_PAGES * page))
		return 7;
	for (size_t i = 4 * page + 100; i < N_PAGES * page; i++) {
		if (bytes[i])
			return 6;
	}
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	return 0;
}

START_TEST(guard_works_where_no_file_may_grow)
{
	int fd = file_create(FILE_MEMFD, N_PAGES, false);
	if (skip_sanitized())
		return;
	if (_i)
		setenv("UFFD_GUARD_STATS", "1", 1);
	assert_child_answers_0(live_where_no_file_may_grow, &fd);
	close(fd);
}
END_TEST

static TCase *limits_case(void)
{
	TCase *tcase = tcase_create("limits");
	tcase_add_loop_test(tcase, guard_works_where_no_file_may_grow, 0, 2);
	return tcase;
}

/* ---- Standard descriptors that are closed ---- */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

struct closing {
	int which; /* of 0, 1, 2: a bit for each */
	bool is_between_create_and_map;
};

static void close_standard(const struct closing *closing)
{
	for (int fd = 0; fd < 3; fd++) {
		if (closing->which & 1 << fd)
			close(fd);
	}
}

static int leave_standard_descriptors_closed(void *data)
{
	const struct closing *closing = data;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	int fd = fcntl(file_create(FILE_MEMFD, N_PAGES, false), F_DUPFD_CLOEXEC, 50);
	if (!closing->is_between_create_and_map)
		close_standard(closing);
	if (uffd_guard_create(&options, &guard))
		return 1;
	if (closing->is_between_create_and_map)
		close_standard(closing);
	if (uffd_guard_map(guard, fd, N_PAGES * page, NULL, &region))
		return 2;
	volatile unsigned char *bytes = uffd_guard_region_data(region);
	for (size_t i = 0; i < N_PAGES; i++) {
		if (bytes[i * page] != page_value(i))
			return 3;
	}
	for (int i = 0; i < 3; i++) {
		if (closing->which & 1 << i && is_open(i))
			return 10 + i;
	}
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	return 0;
}

START_TEST(no_descriptor_of_the_guard_is_a_standard_one)
{
	struct closing closing = { .which = _i & 7, .is_between_create_and_map = _i & 8 };
	if (skip_sanitized())
		return;
	setenv("UFFD_GUARD_STATS", "1", 1);
	assert_child_answers_0(leave_standard_descriptors_closed, &closing);
}
END_TEST

static TCase *standard_case(void)
{
	TCase *tcase = tcase_create("standard");
	tcase_add_loop_test(tcase, no_descriptor_of_the_guard_is_a_standard_one, 1, 16);
	return tcase;
}

/* ---- Descriptors that the program closes ---- */

/* What it opens in their place: each would show if it were read, written to or closed. */
#define N_STRANGERS   96
#define N_KINDS	      8
#define STRANGER_BYTE 'S'

static bool stranger_open(int i)
{
	char bytes[64];
	int ends[2];
	memset(bytes, STRANGER_BYTE, sizeof(bytes));
	switch (i % 4) {
	case 0:
		return eventfd(i % 8 ? 7 : 0, EFD_CLOEXEC | EFD_NONBLOCK) >= 0;
	case 1:
		return pipe2(ends, O_CLOEXEC) == 0 &&
		       write(ends[1], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes);
	case 2:
		return epoll_create1(EPOLL_CLOEXEC) >= 0;
	default:
		ends[0] = memfd_create("stranger", MFD_CLOEXEC);
		return ends[0] >= 0 &&
		       pwrite(ends[0], bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes);
	}
}

/* From the kind @first on, so that each kind comes to the number of each descriptor of the guard.
 */
static void strangers_move_in(int first)
{
	syscall(SYS_close_range, 3, ~0u, 0);
	for (int i = first; i < N_STRANGERS; i++) {
		if (!stranger_open(i))
			_exit(90);
	}
}

/* In the order they were opened, they have the numbers from 3 on. */
static bool stranger_is_untouched(int i, int *fd)
{
	const int first = *fd;
	eventfd_t count;
	int n_bytes = 0;
	char bytes[65];
	*fd += i % 4 == 1 ? 2 : 1;
	switch (i % 4) {
	case 0:
		if (i % 8 == 0) /* there is nothing to read */
			return eventfd_write(first, 1) == 0 && eventfd_read(first, &count) == 0 &&
			       count == 1;
		return eventfd_read(first, &count) == 0 && count == 7;
	case 1:
		return ioctl(first, FIONREAD, &n_bytes) == 0 && n_bytes == 64 && is_open(first + 1);
	case 2:
		return is_open(first);
	default:
		return pread(first, bytes, sizeof(bytes), 0) == 64 && bytes[0] == STRANGER_BYTE &&
		       bytes[63] == STRANGER_BYTE;
	}
}

static int count_touched_strangers(int first)
{
	int fd = 3, n = 0;
	for (int i = first; i < N_STRANGERS; i++)
		n += !stranger_is_untouched(i, &fd);
	return n;
}

/* What the program does between its descriptors' end and its own. */
enum afterwards { ENDS, FAULTS, CALLS, IS_FAULTING, N_AFTERWARDS };

struct life {
	struct uffd_guard *guard;
	struct uffd_guard_region *regions[2];
	enum afterwards afterwards;
	atomic_bool shall_stop;
	atomic_int wrong;
};

static size_t life_length(void)
{
	return N_PAGES * (size_t)sysconf(_SC_PAGESIZE);
}

static bool life_start(struct life *life)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_WRITE };
	if (uffd_guard_create(&options, &life->guard))
		return false;
	for (int i = 0; i < 2; i++) {
		int fd = file_create(FILE_MEMFD, N_PAGES, false);
		if (uffd_guard_map(life->guard, fd, life_length(), &map, &life->regions[i]))
			return false;
		*(volatile char *)uffd_guard_region_data(life->regions[i]) = 1;
	}
	return true;
}

/* Each byte is the file's, or a zero that was reported; never a stranger's. */
static void *fault_all(void *data)
{
	struct life *life = data;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile unsigned char *bytes = uffd_guard_region_data(life->regions[1]);
	do {
		for (size_t i = 1; i < N_PAGES; i++) {
			const unsigned char value = bytes[i * page];
			if (value != 0 && value != page_value(i))
				atomic_store(&life->wrong, 20);
		}
		if (life->afterwards == IS_FAULTING)
			uffd_guard_discard(life->regions[1], 0, life_length());
	} while (life->afterwards == IS_FAULTING && !atomic_load(&life->shall_stop));
	return NULL;
}

static bool is_loss_told(struct life *life)
{
	for (int i = 0; i < 5000; i++) {
		if (uffd_guard_region_take_losses(life->regions[0]) & UFFD_GUARD_LOST_HANDLER)
			return true;
		usleep(1000);
	}
	return false;
}

/* None brings over, or stores to, what is now another's. */
static int call_all(struct life *life)
{
	struct uffd_guard_region *region = life->regions[0], *third;
	const struct uffd_guard_rect all = { 0, life_length(), life_length(), 1 };
	char byte;
	if (uffd_guard_refresh(region, 0, life_length()) != -EIO)
		return 30;
	if (uffd_guard_write_back(region, 0, life_length()) != -EIO)
		return 31;
	if (uffd_guard_read(region, 0, &byte, 1) != -EIO)
		return 32;
	if (uffd_guard_discard(region, 1, life_length() - 1) != -EIO)
		return 33;
	if (uffd_guard_resize(region, 100) != -EIO)
		return 34;
	if (uffd_guard_map(life->guard, 6, 64, NULL, &third) != -EIO)
		return 35;
	uffd_guard_mark_rects(region, &all, 1); /* which touches no descriptor */
	if (uffd_guard_ensure(region, 0, life_length()) != -EIO)
		return 37;
	if (uffd_guard_dispatch(life->guard, ignore_event, NULL) < 0)
		return 36;
	return 0;
}

static int go_on_without_descriptors(struct life *life)
{
	pthread_t thread;
	if (life->afterwards == CALLS)
		return call_all(life);
	if (life->afterwards == FAULTS) {
		if (pthread_create(&thread, NULL, fault_all, life) || pthread_join(thread, NULL))
			return 21;
		if (!runner_is_eager() && !is_loss_told(life))
			return 22;
	}
	return 0;
}

static int lose_all_descriptors(void *data)
{
	const int *turn = data;
	const int first = *turn / N_AFTERWARDS;
	struct life life = { .afterwards = (enum afterwards)(*turn % N_AFTERWARDS) };
	pthread_t threads[3];
	if (!life_start(&life))
		return 1;
	for (size_t i = 0; life.afterwards == IS_FAULTING && i < 3; i++)
		pthread_create(&threads[i], NULL, fault_all, &life);
	usleep(10000);
	strangers_move_in(first);
	int wrong = go_on_without_descriptors(&life);
	usleep(10000);
	atomic_store(&life.shall_stop, true);
	for (size_t i = 0; life.afterwards == IS_FAULTING && i < 3; i++)
		pthread_join(threads[i], NULL);
	uffd_guard_unmap(life.regions[0]);
	uffd_guard_unmap(life.regions[1]);
	uffd_guard_destroy(life.guard);
	if (!wrong)
		wrong = atomic_load(&life.wrong);
	return wrong ? wrong : 100 * (count_touched_strangers(first) > 0);
}

START_TEST(program_that_closes_all_descriptors_is_not_hung_and_its_new_ones_not_touched)
{
	if (skip_sanitized())
		return;
	assert_child_answers_0(lose_all_descriptors, &_i);
}
END_TEST

/* Our first descriptor of that kind, from @fd on; or -1. */
static int find_descriptor(const char *kind, int fd)
{
	char path[32], name[64];
	for (; fd < FD_SETSIZE; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		const ssize_t n = readlink(path, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = 0;
		if (strcmp(name, kind) == 0)
			return fd;
	}
	return -1;
}

/* The handler has looked whose number it is, and is about to ask for the next fault. */
START_TEST(what_takes_the_number_of_the_userfaultfd_at_the_last_moment_is_not_read)
{
	struct fixture f;
	struct hold hold;
	eventfd_t count = 0;
	if (runner_skip_eager() || runner_guard_flags() & UFFD_GUARD_NO_IO_URING)
		return;
	hold_init(&hold);
	inject_syscall(SYS_io_uring_enter, 1, 1, inject_hold_first, &hold); /* it asks for one */
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	ck_assert_uint_eq(f.data[f.page], page_value(1));
	sem_wait(&hold.is_held);
	const int number = find_descriptor("anon_inode:[userfaultfd]", 3);
	ck_assert_int_ge(number, 3);
	const int stranger = eventfd(7, EFD_NONBLOCK | EFD_CLOEXEC);
	ck_assert_int_eq(dup3(stranger, number, O_CLOEXEC), number); /* closes ours */
	sem_post(&hold.may_go);

	const unsigned char value = f.data[9 * f.page];
	ck_assert(value == page_value(9) || value == 0);
	ck_assert_uint_eq(uffd_guard_region_take_losses(f.region) & UFFD_GUARD_LOST_HANDLER,
		UFFD_GUARD_LOST_HANDLER);
	assert_ok(eventfd_read(number, &count));
	ck_assert_uint_eq(count, 7);
	fixture_stop(&f);
	ck_assert(is_open(number));
}
END_TEST

/* ---- At the last moment ---- */

/* Each would show if it were written to, read from or closed. */
enum kind { COUNTER, MEMORY, PIPE, OTHER_EPOLL, N_LAST_KINDS };

struct newcomer {
	enum kind kind;
	int fd;
};

static struct newcomer newcomer_open(enum kind kind)
{
	int ends[2];
	struct newcomer it = { .kind = kind };
	struct epoll_event event = { .events = EPOLLIN };
	switch (kind) {
	case COUNTER:
		it.fd = eventfd(7, EFD_NONBLOCK | EFD_CLOEXEC);
		break;
	case MEMORY:
		it.fd = memfd_create("newcomer", MFD_CLOEXEC);
		ck_assert_int_eq(write(it.fd, "newcomer", 8), 8);
		break;
	case PIPE:
		assert_ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
		it.fd = ends[1];
		break;
	default:
		it.fd = epoll_create1(EPOLL_CLOEXEC);
		assert_ok(epoll_ctl(it.fd, EPOLL_CTL_ADD, eventfd(0, EFD_CLOEXEC), &event));
	}
	ck_assert_int_ge(it.fd, 3);
	return it;
}

static void assert_untouched(const struct newcomer *it)
{
	eventfd_t count = 0;
	int n_bytes = 0;
	struct pollfd poll_fd = { .fd = it->fd, .events = POLLIN };
	switch (it->kind) {
	case COUNTER:
		assert_ok(eventfd_read(it->fd, &count));
		ck_assert_uint_eq(count, 7);
		break;
	case MEMORY:
		ck_assert_int_eq(lseek(it->fd, 0, SEEK_CUR), 8);
		ck_assert_int_eq(lseek(it->fd, 0, SEEK_END), 8);
		break;
	case PIPE:
		assert_ok(ioctl(it->fd, FIONREAD, &n_bytes));
		ck_assert_int_eq(n_bytes, 0);
		break;
	default:
		ck_assert_int_eq(poll(&poll_fd, 1, 0), 0);
	}
}

/* Descriptors of that kind. Answers how many. */
static int find_descriptors(const char *kind, int found[8])
{
	int n = 0;
	for (int fd = find_descriptor(kind, 3); fd >= 0 && n < 8;
		fd = find_descriptor(kind, fd + 1))
		found[n++] = fd;
	return n;
}

static void *read_byte_behind_the_end(void *data)
{
	const struct fixture *f = data;
	return (void *)(uintptr_t)f->data[N_PAGES * f->page];
}

static void *destroy_guard(void *data)
{
	uffd_guard_destroy(data);
	return NULL;
}

/* The first ring: by the handler for a loss, or by the thread that destroys the guard. */
static int hold_ring(const struct injected_call *call, void *data)
{
	static unsigned n_rings;
	struct injected_call ring = *call;
	if (inject_look_at(call->args[3]) != EPOLLOUT) /* struct epoll_event.events */
		return INJECT_CONTINUE;
	ring.n_before = n_rings++;
	return inject_hold_first(&ring, data);
}

/* A thread has looked whose number it is, and is about to ring. */
struct ringing {
	struct fixture f;
	struct hold hold;
	bool is_loss;
	pthread_t thread;
	bool was_open[FD_SETSIZE]; /* before there was a guard */
};

static void ringing_begin(struct ringing *it, bool is_loss)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	it->is_loss = is_loss;
	hold_init(&it->hold);
	inject_syscall(SYS_epoll_ctl, 1, EPOLL_CTL_MOD, hold_ring, &it->hold);
	for (int fd = 0; fd < FD_SETSIZE; fd++)
		it->was_open[fd] = is_open(fd);
	ck_assert(fixture_start(&it->f,
		&(struct fixture_options){ .n_pages = N_PAGES, .length = (N_PAGES + 1) * page }));
	if (!is_loss)
		uffd_guard_unmap(it->f.region);
	assert_ok(pthread_create(&it->thread, NULL,
		is_loss ? read_byte_behind_the_end : destroy_guard,
		is_loss ? (void *)&it->f : (void *)it->f.guard));
	sem_wait(&it->hold.is_held);
}

static void ringing_end(struct ringing *it)
{
	sem_post(&it->hold.may_go);
	assert_ok(pthread_join(it->thread, NULL));
	if (it->is_loss) {
		uffd_guard_unmap(it->f.region);
		uffd_guard_destroy(it->f.guard);
	}
	close(it->f.fd);
}

START_TEST(what_takes_the_numbers_of_a_bell_at_the_last_moment_is_not_touched)
{
	static struct ringing ringing;
	int places[16];
	if (runner_skip_eager())
		return;
	ringing_begin(&ringing, _i % 2);
	int n = find_descriptors("anon_inode:[eventpoll]", places);
	n += find_descriptors("anon_inode:[eventfd]", places + n);
	ck_assert_int_eq(n, 3);
	const struct newcomer it = newcomer_open((enum kind)(_i / 2));
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(dup3(it.fd, places[i], O_CLOEXEC), places[i]);
	ringing_end(&ringing);
	assert_untouched(&it);
	for (int i = 0; i < n; i++)
		ck_assert(is_open(places[i]));
}
END_TEST

#define N_LOOPS 12

/* It closes all, and is about to wait for events of files that it has opened in their place: each
 * epoll has all eventfds in it. */
START_TEST(event_loop_that_is_made_at_the_last_moment_is_not_touched)
{
	static struct ringing ringing;
	int counters[N_LOOPS], loops[N_LOOPS];
	struct epoll_event event = { .events = EPOLLIN };
	if (IS_SANITIZED) {
		runner_skip("a sanitizer reports descriptors that are closed while they are used");
		return;
	}
	if (runner_skip_eager())
		return;
	ringing_begin(&ringing, _i % 2);
	for (int fd = 3; fd < FD_SETSIZE; fd++) {
		if (!ringing.was_open[fd] && fd != ringing.f.fd)
			close(fd);
	}
	for (int i = 0; i < N_LOOPS; i++) {
		counters[i] = eventfd(0, EFD_CLOEXEC);
		loops[i] = epoll_create1(EPOLL_CLOEXEC);
	}
	for (int i = 0; i < N_LOOPS * N_LOOPS; i++)
		assert_ok(epoll_ctl(
			loops[i / N_LOOPS], EPOLL_CTL_ADD, counters[i % N_LOOPS], &event));
	ringing_end(&ringing);
	for (int i = 0; i < N_LOOPS; i++)
		ck_assert_int_eq(epoll_wait(loops[i], &event, 1, 0), 0);
}
END_TEST

#define N_STORES 12 /* of which the later go through a mapping that is kept */

struct storing {
	struct fixture *f;
	ssize_t result;
};

/* Until one fails. */
static void *store_some_times(void *data)
{
	struct storing *it = data;
	for (int i = 0; i < N_STORES && it->result >= 0; i++) {
		it->f->data[9] = 'x';
		it->result = uffd_guard_write_back(it->f->region, 0, 64);
	}
	return NULL;
}

static void *grow_to_all(void *data)
{
	struct storing *it = data;
	it->result = uffd_guard_resize(it->f->region, N_PAGES * it->f->page);
	return NULL;
}

static const struct {
	uint32_t mmap_flags, map_flags;
	void *(*call)(void *data);
} last_mappings[] = {
	{ MAP_SHARED | MAP_NORESERVE | MAP_POPULATE, UFFD_GUARD_MAP_WRITE, store_some_times },
	{ MAP_SHARED | MAP_NORESERVE, UFFD_GUARD_MAP_WRITE, store_some_times },
	{ MAP_PRIVATE | MAP_NORESERVE, UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL, grow_to_all },
};

/* A call has looked whose number it is, and is about to map the file to store to it, or to show it.
 */
START_TEST(what_takes_the_number_of_a_file_at_the_last_moment_is_not_mapped)
{
	struct fixture f;
	struct hold hold;
	struct storing storing = { .f = &f };
	pthread_t thread;
	char bytes[64];
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (last_mappings[_i].call == grow_to_all && runner_skip_eager())
		return;
	hold_init(&hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .map_flags = last_mappings[_i].map_flags,
					    .length = N_PAGES / 2 * page,
					    .reserve = N_PAGES * page }));
	const int stranger = memfd_create("stranger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_ok(ftruncate(stranger, (off_t)(N_PAGES * page)));
	const int number = uffd_guard_region_get_fd(f.region);
	ck_assert_int_ge(number, 3);
	inject_syscall(SYS_mmap, 3, last_mappings[_i].mmap_flags, inject_hold_first, &hold);
	assert_ok(pthread_create(&thread, NULL, last_mappings[_i].call, &storing));
	sem_wait(&hold.is_held);
	ck_assert_int_eq(dup3(stranger, number, O_CLOEXEC), number);
	sem_post(&hold.may_go);
	assert_ok(pthread_join(thread, NULL));
	if (last_mappings[_i].call == store_some_times) {
		ck_assert_int_eq(storing.result, -EIO);
		ck_assert_int_eq(pread(stranger, bytes, sizeof(bytes), 0), sizeof(bytes));
		ck_assert_int_eq(bytes[9], 0);
	}
	assert_ok(ftruncate(stranger, 0)); /* a load would be a signal */
	ck_assert_uint_eq(f.data[(N_PAGES - 1) * page], 0);
	ck_assert_uint_eq(f.data[8], page_value(0));
	fixture_stop(&f);
	ck_assert(is_open(number));
}
END_TEST

/* By epoll_ctl(2) the handler cannot be told to stop. */
static int end_without_ringing(void *data)
{
	struct life life = { .afterwards = ENDS };
	(void)data;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!life_start(&life) || !filter)
		return 1;
	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(epoll_ctl), 0) ||
		seccomp_load(filter))
		return 2;
	uffd_guard_unmap(life.regions[0]);
	uffd_guard_unmap(life.regions[1]);
	uffd_guard_destroy(life.guard);
	return 0;
}

START_TEST(guard_is_destroyed_where_epoll_ctl_is_denied)
{
	if (skip_sanitized())
		return;
	assert_child_answers_0(end_without_ringing, NULL);
}
END_TEST

static TCase *strangers_case(void)
{
	TCase *tcase = tcase_create("strangers");
	tcase_add_loop_test(tcase,
		program_that_closes_all_descriptors_is_not_hung_and_its_new_ones_not_touched, 0,
		N_AFTERWARDS * N_KINDS);
	tcase_add_test(
		tcase, what_takes_the_number_of_the_userfaultfd_at_the_last_moment_is_not_read);
	tcase_add_loop_test(tcase,
		what_takes_the_numbers_of_a_bell_at_the_last_moment_is_not_touched, 0,
		2 * N_LAST_KINDS);
	tcase_add_loop_test(tcase, event_loop_that_is_made_at_the_last_moment_is_not_touched, 0, 2);
	tcase_add_loop_test(tcase, what_takes_the_number_of_a_file_at_the_last_moment_is_not_mapped,
		0, N_ELEMENTS(last_mappings));
	tcase_add_test(tcase, guard_is_destroyed_where_epoll_ctl_is_denied);
	return tcase;
}

/* ---- Errors are those of the header ---- */

static int create_error(uint32_t flags)
{
	struct uffd_guard *guard = NULL;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() | flags };
	int err = uffd_guard_create(&options, &guard);
	uffd_guard_destroy(guard);
	return err;
}

START_TEST(namespace_that_bears_no_threads_is_told_as_no_more_threads)
{
	if (unshare(runner_is_root() ? CLONE_NEWPID : CLONE_NEWPID | CLONE_NEWUSER) < 0) {
		runner_skip("may not make a namespace");
		return;
	}
	ck_assert_int_eq(create_error(0), -EAGAIN);
}
END_TEST

/* As a security module denies: with EACCES. */
START_TEST(userfaultfd_denied_by_a_security_module_is_told_as_denied)
{
	if (runner_skip_eager())
		return;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	assert_ok(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(userfaultfd), 0));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
	ck_assert_int_eq(create_error(UFFD_GUARD_USER_FAULTS_ONLY), -EPERM);
}
END_TEST

#define NOEXEC_SEAL 8u /* MFD_NOEXEC_SEAL, newer than Debian 12's headers */

/* As with vm.memfd_noexec=2. */
START_TEST(memfd_that_may_be_executed_is_not_asked_for)
{
	int fd = memfd_create("probe", NOEXEC_SEAL);
	if (fd < 0) {
		runner_skip("no MFD_NOEXEC_SEAL in this kernel");
		return;
	}
	close(fd);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	assert_ok(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(memfd_create), 1,
		SCMP_A1(SCMP_CMP_MASKED_EQ, NOEXEC_SEAL, 0)));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
	ck_assert_int_eq(create_error(0), 0);
}
END_TEST

static TCase *errors_case(void)
{
	TCase *tcase = tcase_create("errors");
	tcase_add_test(tcase, namespace_that_bears_no_threads_is_told_as_no_more_threads);
	tcase_add_test(tcase, userfaultfd_denied_by_a_security_module_is_told_as_denied);
	tcase_add_test(tcase, memfd_that_may_be_executed_is_not_asked_for);
	return tcase;
}

/* ---- The order of ending ---- */

START_TEST(regions_are_guarded_after_destroy_until_the_last_is_unmapped)
{
	struct fixture f;
	struct uffd_guard_region *second;
	const size_t fds = count_fds();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	assert_ok(uffd_guard_map(f.guard, f.fd, N_PAGES * f.page, NULL, &second));
	volatile unsigned char *bytes = uffd_guard_region_data(second);

	uffd_guard_destroy(f.guard);
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	fixture_truncate(&f, 2);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	assert_page_is(&f, 2, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	uffd_guard_unmap(f.region);
	ck_assert_uint_eq(bytes[f.page], page_value(1));
	find_handler();
	uffd_guard_unmap(second);
	close(f.fd);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

START_TEST(guard_is_destroyed_while_its_regions_are_read)
{
	struct fixture f;
	pthread_t threads[2];
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	struct toucher toucher = { .f = &f };
	for (size_t i = 0; i < 2; i++)
		assert_ok(pthread_create(&threads[i], NULL, touch_and_discard, &toucher));
	usleep(2000);
	uffd_guard_destroy(f.guard);
	usleep(2000);
	atomic_store(&toucher.shall_stop, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	uffd_guard_unmap(f.region);
	close(f.fd);
}
END_TEST

struct ending {
	struct fixture *f;
	bool unmaps, unmaps_first;
	int n_events;
};

static void end_all(const struct uffd_guard_event *event, void *data)
{
	struct ending *ending = data;
	(void)event;
	ending->n_events++;
	if (ending->unmaps && ending->unmaps_first)
		uffd_guard_unmap(ending->f->region);
	uffd_guard_destroy(ending->f->guard);
	if (ending->unmaps && !ending->unmaps_first)
		uffd_guard_unmap(ending->f->region);
}

/* Several losses wait; after the first there is no guard any more. */
START_TEST(guard_is_destroyed_from_within_on_event)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	fixture_truncate(&f, 0);
	for (size_t i = 0; i < N_PAGES; i += 2)
		uffd_guard_refresh(f.region, i * f.page, f.page);
	for (size_t i = N_PAGES; i-- > 0;)
		ck_assert_uint_eq(f.data[i * f.page], runner_is_eager() ? f.data[i * f.page] : 0);
	struct ending ending = { .f = &f, .unmaps = _i > 0, .unmaps_first = _i == 1 };
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, end_all, &ending), 1);
	ck_assert_int_eq(ending.n_events, 1);
	if (!ending.unmaps) {
		ck_assert_uint_eq(f.data[0], runner_is_eager() ? f.data[0] : 0);
		uffd_guard_unmap(f.region);
	}
	close(f.fd);
}
END_TEST

static TCase *order_case(void)
{
	TCase *tcase = tcase_create("order");
	tcase_add_test(tcase, regions_are_guarded_after_destroy_until_the_last_is_unmapped);
	tcase_add_test(tcase, guard_is_destroyed_while_its_regions_are_read);
	tcase_add_loop_test(tcase, guard_is_destroyed_from_within_on_event, 0, 3);
	return tcase;
}

RUNNER_MAIN("own_process", user_case, cancel_case, limits_case, standard_case, strangers_case,
	errors_case, order_case)

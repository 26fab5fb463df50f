/* SPDX-License-Identifier: MIT */
/*
 * The process stays its own: what a program and its libraries could do without a guard they can do
 * with one. Who it is, whom it cancels, which descriptors it closes, in which order it ends.
 *
 * What would harm the test itself (its descriptors closed, write(2) denied) is done in a child,
 * which answers 0, or a number that says what was wrong.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
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

START_TEST(call_in_a_cancelled_thread_returns_before_the_thread_ends)
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
	ck_assert_msg(atomic_load(&cancelled.has_returned), "cancelled within %s", calls[_i].name);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert(calls[_i].run(&f)); /* nothing is locked */
	fixture_stop(&f);
}
END_TEST

static void *call_for_ever(void *data)
{
	struct cancelled *cancelled = data;
	for (;;) {
		cancelled->call->run(cancelled->f);
		pthread_testcancel();
	}
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
	tcase_add_loop_test(tcase, call_in_a_cancelled_thread_returns_before_the_thread_ends, 0,
		N_ELEMENTS(calls));
	tcase_add_loop_test(tcase, thread_cancelled_at_any_moment_leaves_nothing_locked, 1,
		N_ELEMENTS(calls)); /* whose guard is cancelled between create and destroy leaks */
	return tcase;
}

RUNNER_MAIN("own_process", user_case, cancel_case)

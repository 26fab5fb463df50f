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

RUNNER_MAIN("own_process", user_case)

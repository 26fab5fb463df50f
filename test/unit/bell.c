/* SPDX-License-Identifier: MIT */
/* A bell is rung and silenced, also where one of its two descriptors has become another's. */
#include "kernel/bell.h"

#include "../support/inject.h"
#include "kernel/descriptor.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct stage {
	struct bell bell;
	int mark, source;
};

static void start(struct stage *stage)
{
	stage->mark = descriptor_new_mark();
	stage->source = descriptor_adopt(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), stage->mark);
	assert_ok(bell_open(&stage->bell, stage->source, stage->mark));
}

static void stop(struct stage *stage)
{
	bell_close(&stage->bell);
	close(stage->source);
}

static bool is_rung(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	return poll(&poll_fd, 1, 0) == 1;
}

START_TEST(bell_can_be_read_from_when_it_is_rung_until_it_is_silenced)
{
	struct stage stage;
	start(&stage);
	ck_assert(!is_rung(stage.bell.fd));
	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < 1000; n++)
			ck_assert(bell_ring(&stage.bell));
		ck_assert(is_rung(stage.bell.fd));
		ck_assert(is_rung(stage.bell.fd));
		ck_assert(bell_silence(&stage.bell));
		ck_assert(!is_rung(stage.bell.fd));
		ck_assert(bell_silence(&stage.bell));
	}
	stop(&stage);
}
END_TEST

/* As an event loop does. */
START_TEST(who_waits_by_an_epoll_of_his_own_hears_it_each_time)
{
	struct stage stage;
	start(&stage);
	const int loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN | (_i ? EPOLLET : 0) };
	assert_ok(epoll_ctl(loop, EPOLL_CTL_ADD, stage.bell.fd, &event));
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(epoll_wait(loop, &event, 1, 0), 0);
		ck_assert(bell_ring(&stage.bell));
		ck_assert_int_eq(epoll_wait(loop, &event, 1, 0), 1);
		ck_assert(bell_silence(&stage.bell));
	}
	close(loop);
	stop(&stage);
}
END_TEST

static void *silence(void *data)
{
	bell_silence(data);
	return NULL;
}

/* The thread that silences it has not looked yet. */
START_TEST(bell_that_is_rung_as_it_is_silenced_rings_the_next_time)
{
	struct stage stage;
	struct hold hold;
	pthread_t thread;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	hold_init(&hold);
	inject_syscall(SYS_poll, 1, 1, inject_hold_first, &hold);
	start(&stage);
	const int loop = epoll_create1(EPOLL_CLOEXEC);
	assert_ok(epoll_ctl(loop, EPOLL_CTL_ADD, stage.bell.fd, &event));
	ck_assert(bell_ring(&stage.bell));
	ck_assert_int_eq(epoll_wait(loop, &event, 1, 0), 1);
	assert_ok(pthread_create(&thread, NULL, silence, &stage.bell));
	for (int i = 0; i < 10000 && sem_trywait(&hold.is_held) < 0; i++)
		usleep(1000);
	ck_assert(bell_ring(&stage.bell));
	sem_post(&hold.may_go);
	assert_ok(pthread_join(thread, NULL));
	epoll_wait(loop, &event, 1, 0);
	ck_assert(bell_ring(&stage.bell));
	ck_assert_int_eq(epoll_wait(loop, &event, 1, 0), 1);
	close(loop);
	stop(&stage);
}
END_TEST

START_TEST(bell_of_a_file_that_is_gone_does_not_ring)
{
	struct stage stage;
	start(&stage);
	close(_i ? stage.source : stage.bell.fd);
	ck_assert(!bell_ring(&stage.bell));
	ck_assert(!bell_silence(&stage.bell));
	stop(&stage);
}
END_TEST

/* It may even have our mark: then it is as if the number had changed hands after the look. */
static int stranger_of(const struct stage *stage, int kind)
{
	struct epoll_event event = { .events = EPOLLIN };
	const int own = kind ? eventfd(7, EFD_NONBLOCK) : epoll_create1(0);
	assert_ok(fcntl(own, F_SETSIG, stage->mark));
	if (kind == 0)
		assert_ok(epoll_ctl(own, EPOLL_CTL_ADD, eventfd(0, 0), &event));
	return own;
}

START_TEST(file_that_has_taken_its_place_is_not_touched)
{
	struct stage stage;
	eventfd_t count = 0;
	start(&stage);
	const int own = stranger_of(&stage, _i / 2);
	const int place = _i % 2 ? stage.source : stage.bell.fd;
	ck_assert_int_eq(dup2(own, place), place);
	ck_assert(!bell_ring(&stage.bell));
	ck_assert(!bell_silence(&stage.bell));
	ck_assert(!is_rung(own) || _i / 2);
	if (_i / 2) {
		assert_ok(eventfd_read(own, &count));
		ck_assert_uint_eq(count, 7);
	}
	close(own);
	stop(&stage);
}
END_TEST

START_TEST(bell_without_a_descriptor_for_it_is_none)
{
	struct stage stage;
	struct bell other;
	start(&stage);
	struct rlimit before;
	assert_ok(getrlimit(RLIMIT_NOFILE, &before));
	const struct rlimit few = { (rlim_t)stage.bell.fd + 1, before.rlim_max };
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	ck_assert_int_eq(bell_open(&other, stage.source, stage.mark), -EMFILE);
	ck_assert_int_eq(other.fd, -1);
	ck_assert(!bell_ring(&other));
	bell_close(&other);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before)); /* a sanitizer opens files at the end */
	stop(&stage);
}
END_TEST

/* What cannot be waited for: a regular file. */
START_TEST(bell_that_cannot_be_made_leaves_no_descriptor)
{
	struct bell bell;
	const int mark = descriptor_new_mark(), file = memfd_create("bell", MFD_CLOEXEC);
	ck_assert_int_eq(bell_open(&bell, file, mark), -EPERM);
	ck_assert_int_eq(bell.fd, -1);
	const int next = dup(file);
	ck_assert_int_eq(next, file + 1);
	close(next);
	close(file);
}
END_TEST

static TCase *bell_case(void)
{
	TCase *tcase = tcase_create("bell");
	tcase_add_test(tcase, bell_can_be_read_from_when_it_is_rung_until_it_is_silenced);
	tcase_add_loop_test(tcase, who_waits_by_an_epoll_of_his_own_hears_it_each_time, 0, 2);
	tcase_add_test(tcase, bell_that_is_rung_as_it_is_silenced_rings_the_next_time);
	tcase_add_loop_test(tcase, bell_of_a_file_that_is_gone_does_not_ring, 0, 2);
	tcase_add_loop_test(tcase, file_that_has_taken_its_place_is_not_touched, 0, 4);
	tcase_add_test(tcase, bell_without_a_descriptor_for_it_is_none);
	tcase_add_test(tcase, bell_that_cannot_be_made_leaves_no_descriptor);
	return tcase;
}

UNIT_MAIN("bell", bell_case)

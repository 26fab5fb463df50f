/* SPDX-License-Identifier: MIT */
/* Waiting for faults, in each way: by the ring, by a ring that cannot read a userfaultfd and polls
 * it, as older kernels' do, and without one. */
#include "daemon/loop.h"

#include "base/clock.h"
#include "base/page.h"
#include "kernel/descriptor.h"
#include "kernel/uffd.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

struct stage {
	struct uffd uffd;
	struct loop loop;
	volatile char *data; /* a page that is not there */
};

static const struct {
	const char *name;
	const struct loop_ops *ops;
	int polls;
} ways[] = {
	{ "ring", &loop_uring, 0 },
	{ "ring that polls", &loop_uring, 1 },
	{ "poll", &loop_poll, 0 },
};

/* False after unit_skip(). */
static bool stage_start(struct stage *stage, int way)
{
	const int mark = descriptor_new_mark();
	*stage = (struct stage){ .loop.ops = ways[way].ops, .uffd.mark = mark };
	if (uffd_open(&stage->uffd, UFFD_WANT_USER_FAULTS_ONLY) != 0) {
		unit_skip("userfaultfd is denied");
		return false;
	}
	stage->loop.uffd = &stage->uffd;
	assert_ok(wake_open(&stage->loop.wake, eventfd(0, EFD_CLOEXEC), mark));
	if (stage->loop.ops->start(&stage->loop) != 0) {
		unit_skip("io_uring is denied");
		wake_close(&stage->loop.wake);
		uffd_close(&stage->uffd);
		return false;
	}
	stage->loop.polls = ways[way].polls;
	stage->data =
		mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne((void *)stage->data, MAP_FAILED);
	assert_ok(uffd_register(&stage->uffd, (uintptr_t)stage->data, page_size(), false));
	return true;
}

static void stage_stop(struct stage *stage)
{
	stage->loop.ops->abandon(&stage->loop);
	stage->loop.ops->finish(&stage->loop);
	wake_close(&stage->loop.wake);
	munmap((void *)stage->data, page_size());
	uffd_close(&stage->uffd);
}

static int wait_for_some(struct stage *stage, struct uffd_msg *messages)
{
	int n = 0;
	while (n == 0)
		n = stage->loop.ops->wait(&stage->loop, messages, true);
	return n;
}

static void *read_byte(void *data)
{
	const struct stage *stage = data;
	ck_assert_int_eq(*stage->data, 0);
	return NULL;
}

START_TEST(fault_is_told_of)
{
	struct stage stage;
	struct uffd_msg messages[LOOP_MESSAGES];
	pthread_t reader;
	size_t done;
	if (!stage_start(&stage, _i))
		return;
	assert_ok(pthread_create(&reader, NULL, read_byte, &stage));
	ck_assert_int_eq(wait_for_some(&stage, messages), 1);
	ck_assert_uint_eq(messages[0].event, UFFD_EVENT_PAGEFAULT);
	ck_assert_uint_eq(page_floor(messages[0].arg.pagefault.address), (uintptr_t)stage.data);
	assert_ok(uffd_zero(&stage.uffd, (uintptr_t)stage.data, page_size(), &done));
	assert_ok(pthread_join(reader, NULL));
	stage_stop(&stage);
}
END_TEST

START_TEST(wait_ends_when_it_is_called_away)
{
	struct stage stage;
	struct uffd_msg messages[LOOP_MESSAGES];
	if (!stage_start(&stage, _i))
		return;
	wake_send(&stage.loop.wake);
	ck_assert_int_eq(stage.loop.ops->wait(&stage.loop, messages, true), 0);
	stage_stop(&stage);
}
END_TEST

/* The ring's only. */
START_TEST(wait_ends_at_a_time_that_has_passed_already)
{
	struct stage stage;
	struct uffd_msg messages[LOOP_MESSAGES];
	if (!stage_start(&stage, _i))
		return;
	stage.loop.wake_at = now_ns();
	ck_assert_int_eq(stage.loop.ops->wait(&stage.loop, messages, true), 0);
	stage_stop(&stage);
}
END_TEST

/* From which nothing may be taken. */
START_TEST(other_file_that_the_program_has_put_in_its_place_is_an_error)
{
	struct stage stage;
	struct uffd_msg messages[LOOP_MESSAGES];
	uint64_t value = 0;
	if (!stage_start(&stage, _i))
		return;
	const int other = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(dup2(other, stage.uffd.fd), stage.uffd.fd);
	ck_assert_int_eq(stage.loop.ops->wait(&stage.loop, messages, true), -EBADF);
	ck_assert_int_eq(read(other, &value, sizeof(value)), sizeof(value));
	ck_assert_uint_eq(value, 3);
	close(other);
	close(stage.uffd.fd);
	stage_stop(&stage);
}
END_TEST

/* It has asked the kernel already when that happens. */
START_TEST(end_that_nobody_can_send_to_any_more_is_an_error)
{
	struct stage stage;
	struct uffd_msg messages[LOOP_MESSAGES];
	if (!stage_start(&stage, _i))
		return;
	ck_assert_int_eq(stage.loop.ops->wait(&stage.loop, messages, false), 0);
	close(atomic_load(&stage.loop.wake.write_fd));
	ck_assert_int_eq(wait_for_some(&stage, messages), -EBADF);
	ck_assert(stage.loop.is_deaf);
	atomic_store(&stage.loop.wake.write_fd, -1);
	stage_stop(&stage);
}
END_TEST

/* Both requests of the ring end then. */
START_TEST(that_nobody_can_send_is_told_once)
{
	struct stage stage;
	struct uffd_msg messages[LOOP_MESSAGES];
	if (!stage_start(&stage, _i))
		return;
	ck_assert_int_eq(stage.loop.ops->wait(&stage.loop, messages, false), 0);
	wake_send(&stage.loop.wake);
	close(stage.loop.wake.bell.fd);
	close(stage.loop.wake.read_fd);
	close(atomic_load(&stage.loop.wake.write_fd));
	ck_assert_int_eq(wait_for_some(&stage, messages), -EBADF);
	for (int i = 0; i < 20 && stage.loop.ops == &loop_uring; i++) {
		usleep(1000);
		ck_assert_int_eq(stage.loop.ops->wait(&stage.loop, messages, false), 0);
	}
	wake_init_closed(&stage.loop.wake);
	stage_stop(&stage);
}
END_TEST

static TCase *loop_case(void)
{
	TCase *tcase = tcase_create("loop");
	tcase_add_loop_test(tcase, fault_is_told_of, 0, n_elements(ways));
	tcase_add_loop_test(tcase, that_nobody_can_send_is_told_once, 0, n_elements(ways));
	tcase_add_loop_test(tcase, wait_ends_when_it_is_called_away, 0, n_elements(ways));
	tcase_add_loop_test(tcase, wait_ends_at_a_time_that_has_passed_already, 0, 2);
	tcase_add_loop_test(tcase, other_file_that_the_program_has_put_in_its_place_is_an_error, 0,
		n_elements(ways));
	tcase_add_loop_test(
		tcase, end_that_nobody_can_send_to_any_more_is_an_error, 0, n_elements(ways));
	return tcase;
}

UNIT_MAIN("loop", loop_case)

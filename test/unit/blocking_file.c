/* SPDX-License-Identifier: MIT */
/* Files that may block: where the handler has ended, callers finish their requests themselves; and
 * what many callers ask at once. */
#include "file/blocking_file.h"

#include "../support/self.h"
#include "base/epoch.h"
#include "base/lock.h"
#include "daemon/blocking_reads.h"
#include "daemon/loop.h"
#include "kernel/wake.h"
#include "unit.h"
#include "waits.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct stage {
	struct inbox inbox;
	struct epoch fills;
	struct blocking_file *file;
	int fd;
};

/* A region that only has to be there. */
static struct uffd_guard_region *const some_region = (struct uffd_guard_region *)&some_region;

static void stage_start(struct stage *stage)
{
	struct descriptor_file identity;
	*stage = (struct stage){ .fd = memfd_create("blocking_file", MFD_CLOEXEC) };
	ck_assert_int_ge(stage->fd, 0);
	assert_ok(descriptor_find_file(stage->fd, false, &identity));
	stage->file = blocking_file_create(&stage->inbox, 1000, some_region, &stage->fills);
	ck_assert_ptr_nonnull(stage->file);
	blocking_file_adopt_fd(stage->file, stage->fd, &identity, false);
	inbox_close(&stage->inbox);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(call_after_the_handler_has_ended_fails_at_once)
{
	struct stage stage;
	char buffer[16];
	size_t got;
	stage_start(&stage);
	blocking_file_begin_call(stage.file);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			blocking_file_read(stage.file, 0, buffer, sizeof(buffer), &got), -EIO);
	blocking_file_end_call(stage.file);
	blocking_file_destroy(stage.file);
	close(stage.fd);
}
END_TEST

START_TEST(release_after_the_handler_has_ended_closes_the_file_and_leaves_no_fill)
{
	struct stage stage;
	stage_start(&stage);
	blocking_file_release(stage.file);
	epoch_synchronize(&stage.fills); /* a hang if release is still inside */
	ck_assert(!is_open(stage.fd));
}
END_TEST

/* A handler that outlives its guard closes it again when the last read is answered. */
START_TEST(file_that_is_released_with_a_read_in_flight_is_closed_once)
{
	struct stage stage;
	stage_start(&stage);
	stage.file->n_in_flight = 1;
	blocking_file_release(stage.file);
	ck_assert(!is_open(stage.fd));
	ck_assert_ptr_null(stage.file->region);
	ck_assert_int_lt(stage.file->fd, 0);
	blocking_file_destroy(stage.file);
}
END_TEST

/* And no later: those that come then would wait for their deadline. */
START_TEST(handler_that_ends_refuses_what_callers_ask_for_from_then_on)
{
	struct loop loop = { .ops = &loop_poll };
	struct blocking_reads reads;
	struct wake wake;
	struct stage stage;
	char byte;
	size_t got;
	stage_start(&stage);
	assert_ok(wake_open(&wake, eventfd(0, EFD_CLOEXEC), 0));
	blocking_reads_init(&reads, &loop);
	reads.inbox.wake = &wake;
	blocking_reads_close(&reads);
	stage.file->inbox = &reads.inbox;
	blocking_file_begin_call(stage.file);
	ck_assert_int_eq(blocking_file_read(stage.file, 0, &byte, 1, &got), -EIO);
	blocking_file_end_call(stage.file);
	blocking_file_destroy(stage.file);
	wake_close(&wake);
	close(stage.fd);
}
END_TEST

static void call_it(void *file)
{
	blocking_file_begin_call(file);
	blocking_file_end_call(file);
}

/* They have one buffer. */
START_TEST(calls_of_one_file_come_one_at_a_time)
{
	struct stage stage;
	stage_start(&stage);
	ck_assert(waits_for(&stage.file->lock, call_it, stage.file));
	blocking_file_destroy(stage.file);
	close(stage.fd);
}
END_TEST

/* ---- Many callers ---- */

#define N_CALLERS      3
#define N_FILES	       4000 /* of each: all of them may be inside at once */
#define N_ROUNDS       2000
#define MOST_OF_SERVER 64

struct crowd {
	struct wake wake;
	struct inbox inbox;
	struct epoch fills;
	struct descriptor_file identity;
	atomic_uint n_left; /* callers that have not ended */
};

static void crowd_start(struct crowd *crowd)
{
	const int fd = memfd_create("blocking_file", MFD_CLOEXEC);
	*crowd = (struct crowd){ .n_left = N_CALLERS };
	assert_ok(descriptor_find_file(fd, false, &crowd->identity));
	close(fd);
	assert_ok(wake_open(&crowd->wake, eventfd(0, EFD_CLOEXEC), 0));
	crowd->inbox.wake = &crowd->wake;
}

static struct blocking_file *make_file(struct crowd *crowd)
{
	struct blocking_file *file =
		blocking_file_create(&crowd->inbox, 1, some_region, &crowd->fills);
	ck_assert_ptr_nonnull(file);
	blocking_file_adopt_fd(file, -1, &crowd->identity, false);
	return file;
}

static void *release_files(void *data)
{
	struct crowd *crowd = data;
	for (unsigned i = 0; i < N_FILES; i++)
		blocking_file_release(make_file(crowd));
	atomic_fetch_sub(&crowd->n_left, 1);
	return NULL;
}

/* Stands where a file has its region: is the file with the handler? */
struct owner {
	atomic_bool is_waiting;
};

static void give_back(struct blocking_file *file)
{
	struct owner *owner = (struct owner *)file->region;
	atomic_store(&owner->is_waiting, false);
}

static void *release_one_again_and_again(void *data)
{
	struct crowd *crowd = data;
	struct owner owner = { .is_waiting = false };
	struct blocking_file *file = make_file(crowd);
	file->region = (struct uffd_guard_region *)&owner;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		atomic_store(&owner.is_waiting, true);
		blocking_file_release(file);
		while (atomic_load(&owner.is_waiting)) /* for ever, if the request was lost */
			sched_yield();
	}
	atomic_fetch_sub(&crowd->n_left, 1);
	blocking_file_destroy(file);
	return NULL;
}

/* As the handler does that has found nothing in flight. */
static void take_released(struct crowd *crowd, void (*use)(struct blocking_file *file))
{
	struct request *request = inbox_take(&crowd->inbox), *next;
	for (; request; request = next) {
		struct blocking_file *file = (struct blocking_file *)request;
		next = request->next;
		ck_assert_int_eq(request->kind, REQUEST_RELEASE);
		epoch_leave(&crowd->fills, file->ticket);
		use(file);
	}
}

static void run_crowd(
	struct crowd *crowd, void *(*caller)(void *data), void (*use)(struct blocking_file *file))
{
	pthread_t callers[N_CALLERS];
	for (size_t i = 0; i < N_CALLERS; i++)
		assert_ok(pthread_create(&callers[i], NULL, caller, crowd));
	while (atomic_load(&crowd->n_left) > 0)
		take_released(crowd, use);
	for (size_t i = 0; i < N_CALLERS; i++)
		assert_ok(pthread_join(callers[i], NULL));
	take_released(crowd, use);
	ck_assert(!epoch_is_entered(&crowd->fills));
}

START_TEST(no_request_of_many_callers_is_lost)
{
	struct crowd crowd;
	crowd_start(&crowd);
	run_crowd(&crowd, release_one_again_and_again, give_back);
	wake_close(&crowd.wake);
}
END_TEST

/* How many more can be released before there are too many. */
static unsigned count_room(struct crowd *crowd)
{
	unsigned n = 0;
	for (; n <= MOST_OF_SERVER && blocking_file_may_be_had(&crowd->identity, true); n++)
		blocking_file_release(make_file(crowd));
	take_released(crowd, blocking_file_destroy);
	return n;
}

/* By the limit of one server, and of a process that may have few descriptors. */
static void assert_none_is_counted(struct crowd *crowd)
{
	const struct rlimit few = { .rlim_cur = MOST_OF_SERVER, .rlim_max = MOST_OF_SERVER };
	ck_assert_uint_eq(count_room(crowd), MOST_OF_SERVER);
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	ck_assert_uint_eq(count_room(crowd), MOST_OF_SERVER / 8 + 1);
}

START_TEST(files_that_many_callers_release_are_counted_exactly)
{
	struct crowd crowd;
	crowd_start(&crowd);
	run_crowd(&crowd, release_files, blocking_file_destroy);
	assert_none_is_counted(&crowd);
	wake_close(&crowd.wake);
}
END_TEST

START_TEST(many_callers_finish_each_request_once_after_the_handler_has_ended)
{
	struct crowd crowd;
	crowd_start(&crowd);
	inbox_close(&crowd.inbox);
	run_crowd(&crowd, release_files, blocking_file_destroy);
	atomic_store(&crowd.inbox.is_closed, false);
	assert_none_is_counted(&crowd);
	wake_close(&crowd.wake);
}
END_TEST

/* ---- Answers at the deadline ---- */

#define SHORT_NS 20000 /* at first; then it follows what an answer takes */
#define N_LATE	 (IS_SANITIZED ? 2000 : 60000)

struct late {
	struct crowd crowd;
	atomic_bool is_answering, is_over;
};

static void *answer_reads(void *data)
{
	struct late *late = data;
	while (!atomic_load(&late->is_over)) {
		atomic_store(&late->is_answering, true);
		struct request *request = inbox_take(&late->crowd.inbox);
		if (request)
			blocking_call_finish((struct blocking_read *)request);
		atomic_store(&late->is_answering, false);
		sched_yield();
	}
	return NULL;
}

static void read_at_the_deadline(struct late *late, struct blocking_file *file)
{
	char buffer[16];
	size_t got;
	blocking_file_begin_call(file);
	const int err = blocking_file_read(file, 0, buffer, sizeof(buffer), &got);
	if (err)
		ck_assert_int_eq(err, -ETIMEDOUT);
	blocking_file_end_call(file);
	file->deadline_ns += err ? file->deadline_ns / 16 : -(file->deadline_ns / 16);
	while (atomic_load(&late->crowd.inbox.latest) || atomic_load(&late->is_answering))
		sched_yield();
	if (atomic_load(&file->call.wait_state) != WAIT_IDLE)
		ck_abort_msg("the read is free for nobody");
}

/* Both the caller and the handler believe to be the last: then nobody frees the read for the next
 * call. */
START_TEST(read_that_is_answered_at_its_deadline_leaves_the_file_free_for_the_next)
{
	struct late late = { .is_over = false };
	pthread_t handler;
	crowd_start(&late.crowd);
	struct blocking_file *file = make_file(&late.crowd);
	file->deadline_ns = SHORT_NS;
	assert_ok(pthread_create(&handler, NULL, answer_reads, &late));
	for (unsigned i = 0; i < N_LATE; i++)
		read_at_the_deadline(&late, file);
	atomic_store(&late.is_over, true);
	assert_ok(pthread_join(handler, NULL));
	blocking_file_destroy(file);
	wake_close(&late.crowd.wake);
}
END_TEST

static TCase *crowd_case(void)
{
	TCase *tcase = tcase_create("crowd");
	tcase_add_test(tcase, no_request_of_many_callers_is_lost);
	tcase_add_test(tcase, files_that_many_callers_release_are_counted_exactly);
	tcase_add_test(
		tcase, read_that_is_answered_at_its_deadline_leaves_the_file_free_for_the_next);
	tcase_add_test(tcase, many_callers_finish_each_request_once_after_the_handler_has_ended);
	return tcase;
}

static TCase *ended_case(void)
{
	TCase *tcase = tcase_create("ended");
	tcase_add_test(tcase, call_after_the_handler_has_ended_fails_at_once);
	tcase_add_test(
		tcase, release_after_the_handler_has_ended_closes_the_file_and_leaves_no_fill);
	tcase_add_test(tcase, file_that_is_released_with_a_read_in_flight_is_closed_once);
	tcase_add_test(tcase, handler_that_ends_refuses_what_callers_ask_for_from_then_on);
	tcase_add_test(tcase, calls_of_one_file_come_one_at_a_time);
	return tcase;
}

UNIT_MAIN("blocking_file", ended_case, crowd_case)

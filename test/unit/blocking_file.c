/* SPDX-License-Identifier: MIT */
/* Files that may block, where the handler has ended: callers finish their requests themselves. */
#include "file/blocking_file.h"

#include "base/epoch.h"
#include "base/lock.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct stage {
	struct blocking_inbox inbox;
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
	blocking_inbox_close(&stage->inbox);
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

static TCase *ended_case(void)
{
	TCase *tcase = tcase_create("ended");
	tcase_add_test(tcase, call_after_the_handler_has_ended_fails_at_once);
	tcase_add_test(
		tcase, release_after_the_handler_has_ended_closes_the_file_and_leaves_no_fill);
	tcase_add_test(tcase, file_that_is_released_with_a_read_in_flight_is_closed_once);
	return tcase;
}

UNIT_MAIN("blocking_file", ended_case)

/* SPDX-License-Identifier: MIT */
/* Waking the handler, also where one of the descriptors is gone or has become another's. */
#include "kernel/wake.h"

#include "kernel/descriptor.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static void start(struct wake *wake)
{
	assert_ok(wake_open(wake, eventfd(0, EFD_CLOEXEC), descriptor_new_mark()));
}

static bool polls(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & events;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(what_is_sent_is_taken_however_often)
{
	struct wake wake;
	start(&wake);
	ck_assert(wake_take(&wake)); /* nothing was: it does not block */
	for (int i = 0; i < 100000; i++)
		wake_send(&wake);
	ck_assert(polls(wake.bell.fd, POLLIN));
	ck_assert(wake_take(&wake));
	ck_assert(!polls(wake.bell.fd, POLLIN) && !polls(wake.read_fd, POLLHUP));
	ck_assert_int_ge(atomic_load(&wake.write_fd), 0);
	wake_close(&wake);
}
END_TEST

START_TEST(bell_cannot_be_rung_so_the_writing_end_is_closed)
{
	struct wake wake;
	start(&wake);
	const int write_fd = atomic_load(&wake.write_fd);
	close(wake.bell.fd);
	wake_send(&wake);
	ck_assert(polls(wake.read_fd, POLLHUP));
	ck_assert_int_eq(atomic_load(&wake.write_fd), -1);
	ck_assert(!is_open(write_fd));
	wake_send(&wake);
	wake_close(&wake);
}
END_TEST

START_TEST(nobody_can_send_any_more_so_the_handler_is_told)
{
	struct wake wake;
	start(&wake);
	close(atomic_load(&wake.write_fd));
	ck_assert(polls(wake.read_fd, POLLHUP));
	wake_close(&wake);
}
END_TEST

/* The program has closed the descriptors and opened a file of its own in their place. */
START_TEST(files_of_the_program_are_neither_written_nor_read_nor_closed)
{
	struct wake wake;
	char byte;
	start(&wake);
	const int read_fd = wake.read_fd, write_fd = atomic_load(&wake.write_fd),
		  bell_fd = wake.bell.fd;
	const int own = memfd_create("wake", 0);
	ck_assert_int_eq(pwrite(own, "a", 1, 0), 1);
	ck_assert_int_eq(dup2(own, read_fd), read_fd);
	ck_assert_int_eq(dup2(own, write_fd), write_fd);
	ck_assert_int_eq(dup2(own, bell_fd), bell_fd);
	wake_send(&wake);
	ck_assert(!wake_take(&wake));
	wake_close(&wake);
	ck_assert(is_open(read_fd) && is_open(write_fd) && is_open(bell_fd));
	ck_assert_int_eq(lseek(own, 0, SEEK_CUR), 0);
	ck_assert_int_eq(pread(own, &byte, 1, 0), 1);
	ck_assert_int_eq(byte, 'a');
	close(own);
	close(read_fd);
	close(write_fd);
	close(bell_fd);
}
END_TEST

/* There are that many for it: of three. */
START_TEST(wake_without_descriptors_is_none_and_leaves_none)
{
	struct wake wake;
	struct rlimit before;
	const int source = eventfd(0, EFD_CLOEXEC), next = source + 1;
	assert_ok(getrlimit(RLIMIT_NOFILE, &before));
	const struct rlimit few = { (rlim_t)(next + _i), before.rlim_max };
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	ck_assert_int_eq(wake_open(&wake, source, descriptor_new_mark()), -EMFILE);
	ck_assert_int_eq(wake.bell.fd, -1);
	ck_assert_int_eq(wake.read_fd, -1);
	ck_assert_int_eq(atomic_load(&wake.write_fd), -1);
	for (int fd = next; fd < next + 3; fd++)
		ck_assert(!is_open(fd));
	wake_send(&wake);
	ck_assert(!wake_take(&wake));
	wake_close(&wake);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before)); /* a sanitizer opens files at the end */
}
END_TEST

static TCase *wake_case(void)
{
	TCase *tcase = tcase_create("wake");
	tcase_add_test(tcase, what_is_sent_is_taken_however_often);
	tcase_add_test(tcase, bell_cannot_be_rung_so_the_writing_end_is_closed);
	tcase_add_test(tcase, nobody_can_send_any_more_so_the_handler_is_told);
	tcase_add_loop_test(tcase, wake_without_descriptors_is_none_and_leaves_none, 0, 3);
	tcase_add_test(tcase, files_of_the_program_are_neither_written_nor_read_nor_closed);
	return tcase;
}

UNIT_MAIN("wake", wake_case)

/* SPDX-License-Identifier: MIT */
/* What is put behind a number is there at once, whatever was there before. */
#include "base/exchange.h"
#include "../support/fixture.h"
#include "../support/fuse_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 40 };
enum { ONE, ANOTHER }; /* owners */

static void await_fds(size_t expected)
{
	for (unsigned i = 0; i < 500 && count_fds() != expected; i++)
		usleep(10000);
	ck_assert_uint_eq(count_fds(), expected);
}

static bool is_same_file(int a, int b)
{
	struct stat of_a, of_b;
	ck_assert_int_eq(fstat(a, &of_a), 0);
	ck_assert_int_eq(fstat(b, &of_b), 0);
	return of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* How many can be exchanged, of a file that does not answer. What is left is closed later. */
static unsigned count_exchanged(struct fuse_file *file, int by, int fds[N])
{
	char path[64];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse_file_fd(file));
	for (unsigned i = 0; i < N; i++)
		ck_assert_int_ge(fds[i] = open(path, O_RDONLY | O_CLOEXEC), 0);
	fuse_file_behave(file, FUSE_STALLS);
	while (n < N && exchange_descriptor(fds[n], by, ONE) == 0) {
		ck_assert(is_same_file(fds[n], by));
		n++;
	}
	return n;
}

START_TEST(files_that_stall_leave_room_for_those_of_another_owner)
{
	struct fuse_file *file = fuse_file_start(1, false);
	if (!file)
		return;
	const int by = file_create(FILE_MEMFD, 1, false);
	int fds[N];
	const size_t n_fds = count_fds();
	const unsigned n = count_exchanged(file, by, fds);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_lt(n, N); /* each has a thread */
	const int disk = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(exchange_descriptor(disk, by, ANOTHER), 0);
	ck_assert(is_same_file(disk, by));
	close(disk);
	fuse_file_behave(file, FUSE_ANSWERS);
	for (unsigned i = 0; i < N; i++)
		close(fds[i]);
	await_fds(n_fds);
	fuse_file_stop(file);
	close(by);
}
END_TEST

START_TEST(memory_is_exchanged_by_the_caller)
{
	const int fd = file_create(FILE_MEMFD, 1, false), by = file_create(FILE_MEMFD, 1, false);
	const size_t n_fds = count_fds();
	ck_assert(!is_same_file(fd, by));
	ck_assert_int_eq(exchange_descriptor(fd, by, ONE), 0);
	ck_assert(is_same_file(fd, by));
	ck_assert_uint_eq(count_fds(), n_fds);
	close(fd);
	close(by);
}
END_TEST

static TCase *exchange_case(void)
{
	TCase *tcase = tcase_create("exchange");
	tcase_add_test(tcase, files_that_stall_leave_room_for_those_of_another_owner);
	tcase_add_test(tcase, memory_is_exchanged_by_the_caller);
	return tcase;
}

RUNNER_MAIN("exchange", exchange_case)

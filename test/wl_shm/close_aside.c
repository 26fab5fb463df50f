/* SPDX-License-Identifier: MIT */
/* Descriptors of a file that does not answer are closed by somebody else, however many there are.
 */
#include "base/close_aside.h"
#include "../support/fixture.h"
#include "../support/fuse_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { N = 300 };

static void await_fds(size_t expected)
{
	for (unsigned i = 0; i < 500 && count_fds() != expected; i++)
		usleep(10000);
	ck_assert_uint_eq(count_fds(), expected);
}

START_TEST(no_number_of_files_that_stall_is_waited_for)
{
	char path[64];
	int fds[N];
	struct fuse_file *file = fuse_file_start(1, false);
	if (!file)
		return;
	const size_t n_fds = count_fds();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse_file_fd(file));
	for (unsigned i = 0; i < N; i++)
		ck_assert_int_ge(fds[i] = open(path, O_RDONLY | O_CLOEXEC), 0);
	fuse_file_behave(file, FUSE_STALLS);
	for (unsigned i = 0; i < N; i++)
		ck_assert(close_aside(fds[i]) || i > 200); /* and from some number on it is told */
	ck_assert_uint_ge(count_fds(), n_fds + N - 1);	   /* somebody waits for one */
	fuse_file_behave(file, FUSE_ANSWERS);
	await_fds(n_fds);
	fuse_file_stop(file);
}
END_TEST

START_TEST(memory_is_closed_at_once)
{
	const size_t n_fds = count_fds();
	ck_assert(close_aside(file_create(FILE_MEMFD, 1, false)));
	ck_assert_uint_eq(count_fds(), n_fds);
}
END_TEST

static TCase *close_aside_case(void)
{
	TCase *tcase = tcase_create("close_aside");
	tcase_add_test(tcase, no_number_of_files_that_stall_is_waited_for);
	tcase_add_test(tcase, memory_is_closed_at_once);
	return tcase;
}

RUNNER_MAIN("close_aside", close_aside_case)

/* SPDX-License-Identifier: MIT */
/* Descriptors of a file that does not answer are closed by somebody else, however many there are.
 */
#include "base/close_aside.h"
#include "../support/fixture.h"
#include "../support/fuse_file.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N = 300 };
enum { ONE, ANOTHER }; /* owners */

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
		ck_assert(close_aside(fds[i], ONE) ||
			  i > 50);		       /* and from some number on it is told */
	ck_assert_uint_ge(count_fds(), n_fds + N - 1); /* somebody waits for one */
	fuse_file_behave(file, FUSE_ANSWERS);
	await_fds(n_fds);
	fuse_file_stop(file);
}
END_TEST

static int file_on_a_disk(void)
{
	const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Those of one client; a file of another's is closed meanwhile, and is none too many. */
START_TEST(files_that_stall_hold_up_none_of_another_owner)
{
	char path[64];
	struct fuse_file *file = fuse_file_start(1, false);
	if (!file)
		return;
	const size_t n_fds = count_fds();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuse_file_fd(file));
	fuse_file_behave(file, FUSE_ANSWERS);
	int fds[N];
	for (unsigned i = 0; i < N; i++)
		ck_assert_int_ge(fds[i] = open(path, O_RDONLY | O_CLOEXEC), 0);
	fuse_file_behave(file, FUSE_STALLS);
	for (unsigned i = 0; i < N; i++)
		(void)close_aside(fds[i], ONE);
	for (unsigned i = 0; i < N; i++)
		ck_assert(close_aside(file_on_a_disk(), ANOTHER) || i > 50);
	await_fds(n_fds + N - 1); /* somebody waits for one */
	fuse_file_behave(file, FUSE_ANSWERS);
	await_fds(n_fds);
	fuse_file_stop(file);
}
END_TEST

START_TEST(memory_is_closed_at_once)
{
	const size_t n_fds = count_fds();
	ck_assert(close_aside(file_create(FILE_MEMFD, 1, false), ONE));
	ck_assert_uint_eq(count_fds(), n_fds);
}
END_TEST

/* A connection whose other end takes nothing, and that waits for it to be closed. */
static int make_lingering(int *other)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct linger linger = { .l_onoff = 1, .l_linger = 60 };
	static const char bytes[65536];
	socklen_t size = sizeof(address);
	const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert(listening >= 0 && fd >= 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &size), 0);
	(void)connect(fd, (struct sockaddr *)&address, size);
	*other = accept(listening, NULL, NULL);
	ck_assert_int_ge(*other, 0);
	close(listening);
	while (send(fd, bytes, sizeof(bytes), 0) > 0)
		;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	return fd;
}

START_TEST(connection_that_lingers_is_closed_by_somebody_else)
{
	int other;
	const int fd = make_lingering(&other);
	const size_t n_fds = count_fds();
	ck_assert(close_would_wait(fd));
	ck_assert(close_aside(fd, ONE));
	close(other); /* which this thread would not have come to */
	await_fds(n_fds - 2);
}
END_TEST

/* Its other end waits for the close, as for the end of a clipboard's content. */
START_TEST(pipe_or_socket_of_this_machine_is_closed_at_once)
{
	int ends[2];
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	ck_assert(!close_would_wait(ends[0]));
	close(ends[0]);
	close(ends[1]);
	assert_ok(pipe2(ends, O_CLOEXEC));
	ck_assert(!close_would_wait(ends[1]));
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static int large_memory(size_t length)
{
	const int fd = memfd_create("large", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fallocate(fd, 0, 0, (off_t)length), 0);
	return fd;
}

START_TEST(large_memory_is_freed_by_somebody_else)
{
	enum { MIB = 1 << 20 };
	const size_t n_fds = count_fds();
	const int fd = large_memory(4 * MIB);
	const int held = close_aside_hold(fd, ONE);
	ck_assert_int_gt(held, STDERR_FILENO);
	close(fd);
	close_aside_release(held, ONE);
	await_fds(n_fds);
}
END_TEST

START_TEST(small_memory_and_holes_are_not_worth_a_thread)
{
	const int small = large_memory(4096), hole = memfd_create("hole", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(hole, 1 << 30), 0);
	ck_assert_int_eq(close_aside_hold(small, ONE), -1);
	ck_assert_int_eq(close_aside_hold(hole, ONE), -1);
	ck_assert_int_eq(close_aside_hold(-1, ONE), -1);
	close(small);
	close(hole);
}
END_TEST

static TCase *close_aside_case(void)
{
	TCase *tcase = tcase_create("close_aside");
	tcase_add_test(tcase, no_number_of_files_that_stall_is_waited_for);
	tcase_add_test(tcase, files_that_stall_hold_up_none_of_another_owner);
	tcase_add_test(tcase, memory_is_closed_at_once);
	tcase_add_test(tcase, connection_that_lingers_is_closed_by_somebody_else);
	tcase_add_test(tcase, pipe_or_socket_of_this_machine_is_closed_at_once);
	tcase_add_test(tcase, large_memory_is_freed_by_somebody_else);
	tcase_add_test(tcase, small_memory_and_holes_are_not_worth_a_thread);
	return tcase;
}

RUNNER_MAIN("close_aside", close_aside_case)

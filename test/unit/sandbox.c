/* SPDX-License-Identifier: MIT */
/* What the handler's thread may do, tried on that thread; and that nobody else is confined. */
#include "daemon/sandbox.h"

#include "daemon/handler.h"
#include "daemon/loop.h"
#include "kernel/descriptor.h"
#include "kernel/uffd.h"
#include "unit.h"

#include <uffd_guard.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- On the handler's thread ---- */

static char *const no_strings[] = { NULL };

static long try_openat(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static long try_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_execve(void)
{
	return execve("/nonexistent", no_strings, no_strings);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long try_clone(void)
{
	return syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

static long try_map_to_execute(void)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return map == MAP_FAILED ? -1 : 0;
}

static long try_another_ring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

/* On no descriptor: what is allowed gets as far as to say EBADF. */
static long try_terminal(void)
{
	return ioctl(-1, TIOCSTI, "x");
}

static long try_register(void)
{
	return ioctl(-1, UFFDIO_REGISTER, NULL);
}

static long try_write(void)
{
	return write(-1, "", 1);
}

/* To none, not to its own bells either. */
static long try_to_add_to_an_epoll(void)
{
	struct epoll_event event = { .events = 0 };
	for (int fd = 3; fd < 64; fd++) {
		if (epoll_ctl(fd, EPOLL_CTL_ADD, -1, &event) == 0 || errno != EPERM)
			return -1;
	}
	errno = EPERM;
	return -1;
}

static const struct {
	const char *what;
	long (*call)(void);
} forbidden[] = {
	{ "openat", try_openat },
	{ "socket", try_socket },
	{ "execve", try_execve },
	{ "ptrace", try_ptrace },
	{ "clone", try_clone },
	{ "mmap to execute", try_map_to_execute },
	{ "io_uring_setup", try_another_ring },
	{ "ioctl of a terminal", try_terminal },
	{ "UFFDIO_REGISTER", try_register },
	{ "write", try_write },
	{ "EPOLL_CTL_ADD", try_to_add_to_an_epoll },
};
#define N_FORBIDDEN ((int)(sizeof(forbidden) / sizeof(forbidden[0])))

static int errors[N_FORBIDDEN];

static void try_all(void)
{
	for (int i = 0; i < N_FORBIDDEN; i++)
		errors[i] = forbidden[i].call() < 0 ? errno : 0;
}

static struct uffd_guard *start(uint32_t flags)
{
	struct uffd_guard *guard = NULL;
	const struct uffd_guard_options options = { .size = sizeof(options), .flags = flags };
	ck_assert_int_eq(uffd_guard_create(&options, &guard), 0);
	return guard;
}

static const uint32_t loops[] = { 0, UFFD_GUARD_NO_IO_URING };

START_TEST(handler_may_neither_open_nor_connect_nor_execute)
{
	handler_test_hook = try_all;
	struct uffd_guard *guard = start(loops[_i]);
	ck_assert_uint_ne(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_SANDBOX, 0);
	uffd_guard_destroy(guard); /* the hook has run by the time the thread is joined */
	for (int i = 0; i < N_FORBIDDEN; i++)
		ck_assert_msg(errors[i] == EPERM, "%s: errno %d", forbidden[i].what, errors[i]);
}
END_TEST

static int opened;

static void open_root(void)
{
	opened = (int)try_openat();
}

START_TEST(handler_is_free_without_sandbox)
{
	handler_test_hook = open_root;
	struct uffd_guard *guard = start(loops[_i] | UFFD_GUARD_NO_SANDBOX);
	ck_assert_uint_eq(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_SANDBOX, 0);
	uffd_guard_destroy(guard);
	ck_assert_int_ge(opened, 0);
	close(opened);
}
END_TEST

/* ---- The rest of the process ---- */

static long status_number(const char *field)
{
	char line[256];
	long value = -1;
	FILE *f = fopen("/proc/thread-self/status", "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtol(line + strlen(field), NULL, 10);
	}
	fclose(f);
	return value;
}

START_TEST(program_stays_as_it_was)
{
	const long mode = status_number("Seccomp:"), n_filters = status_number("Seccomp_filters:"),
		   no_new_privs = status_number("NoNewPrivs:");
	struct uffd_guard *guard = start(0);
	ck_assert_int_eq(status_number("Seccomp:"), mode);
	ck_assert_int_eq(status_number("Seccomp_filters:"), n_filters);
	ck_assert_int_eq(status_number("NoNewPrivs:"), no_new_privs);
	int fd = (int)try_openat();
	ck_assert_int_ge(fd, 0);
	close(fd);
	uffd_guard_destroy(guard);
}
END_TEST

/* ---- The ring ---- */

static int submit_nop(struct loop *loop)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, 99);
	ck_assert_int_ge(io_uring_submit_and_wait(&loop->ring, 1), 1);
	ck_assert_int_eq(io_uring_peek_cqe(&loop->ring, &cqe), 0);
	ck_assert_uint_eq(cqe->user_data, 99);
	return cqe->res;
}

START_TEST(ring_does_nothing_but_read_and_poll)
{
	const struct uffd no_faults = { .fd = eventfd(0, EFD_CLOEXEC) };
	struct loop loop = { .uffd = &no_faults, .shall_restrict = _i == 0 };
	ck_assert_int_eq(wake_open(&loop.wake, eventfd(0, EFD_CLOEXEC), descriptor_new_mark()), 0);
	ck_assert_int_eq(loop_uring.start(&loop), 0);
	ck_assert_int_eq(loop.is_restricted, _i == 0);
	ck_assert_int_eq(submit_nop(&loop), _i == 0 ? -EACCES : 0);
	loop_uring.finish(&loop);
	close(no_faults.fd);
	wake_close(&loop.wake);
}
END_TEST

static TCase *sandbox_case(void)
{
	TCase *tcase = tcase_create("sandbox");
	tcase_add_loop_test(tcase, handler_may_neither_open_nor_connect_nor_execute, 0, 2);
	tcase_add_loop_test(tcase, handler_is_free_without_sandbox, 0, 2);
	tcase_add_test(tcase, program_stays_as_it_was);
	tcase_add_loop_test(tcase, ring_does_nothing_but_read_and_poll, 0, 2);
	return tcase;
}

UNIT_MAIN("sandbox", sandbox_case)

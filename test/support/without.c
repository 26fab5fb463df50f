/* SPDX-License-Identifier: MIT */
/*
 * without THING PROGRAM [ARG...]: runs a program where the kernel denies something, as a container
 * or another kernel would. The program and all it starts are under it.
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MOVE_REQUEST _IOC(_IOC_READ | _IOC_WRITE, UFFDIO, 0x05, 5 * sizeof(uint64_t))

static int deny(int nr, unsigned n_args, struct scmp_arg_cmp arg)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err =
		filter ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), nr, n_args, arg) : -ENOMEM;
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static int deny_move(void)
{
	return deny(SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, MOVE_REQUEST));
}

static int deny_huge_pages(void)
{
	return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int deny_io_uring(void)
{
	return deny(SCMP_SYS(io_uring_setup), 0, SCMP_A0(SCMP_CMP_MASKED_EQ, 0, 0));
}

static const struct {
	const char *name;
	int (*deny)(void);
} things[] = {
	{ "move", deny_move },
	{ "huge-pages", deny_huge_pages },
	{ "io_uring", deny_io_uring },
};
#define N_THINGS (sizeof(things) / sizeof(things[0]))

int main(int argc, char **argv)
{
	size_t i = 0;
	while (argc > 2 && i < N_THINGS && strcmp(argv[1], things[i].name) != 0)
		i++;
	if (argc < 3 || i == N_THINGS) {
		fprintf(stderr, "usage: without move|huge-pages|io_uring PROGRAM [ARG...]\n");
		return 2;
	}
	int err = things[i].deny();
	if (err) {
		fprintf(stderr, "without: cannot deny %s: %s\n", argv[1], strerror(-err));
		return 3;
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "without: cannot run %s: %s\n", argv[2], strerror(errno));
	return 127;
}

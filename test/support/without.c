/* SPDX-License-Identifier: MIT */
/*
 * without THING PROGRAM [ARG...]: run a program where THING is denied, as in a container or an
 * older kernel. The filter stays on all that the program starts.
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
#define NEW_REQUEST  _IO(UFFDIO, 0x00) /* of /dev/userfaultfd */

/* Deny calls of number @nr whose argument @arg has @value in its low 32 bits, or all of them if
 * @arg is ANY. */
#define ANY UINT32_MAX
struct call {
	int nr;
	unsigned arg;
	uint32_t value;
};

static int add_rule(scmp_filter_ctx filter, const struct call *call)
{
	struct scmp_arg_cmp is_meant = { .arg = call->arg,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = UINT32_MAX,
		.datum_b = call->value };
	return seccomp_rule_add_array(
		filter, SCMP_ACT_ERRNO(EPERM), call->nr, call->arg != ANY, &is_meant);
}

static int deny(const struct call *calls, size_t n_calls)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? 0 : -ENOMEM;
	for (size_t i = 0; i < n_calls && !err; i++)
		err = add_rule(filter, &calls[i]);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static int deny_move(void)
{
	return deny(&(struct call){ SCMP_SYS(ioctl), 1, MOVE_REQUEST }, 1);
}

/* Deny all ways to a userfaultfd. */
static int deny_userfaultfd(void)
{
	const struct call calls[] = { { SCMP_SYS(userfaultfd), ANY, 0 },
		{ SCMP_SYS(ioctl), 1, NEW_REQUEST } };
	return deny(calls, 2);
}

static int deny_seccomp(void)
{
	const struct call calls[] = { { SCMP_SYS(seccomp), ANY, 0 },
		{ SCMP_SYS(prctl), 0, PR_SET_SECCOMP } };
	return deny(calls, 2);
}

static int deny_huge_pages(void)
{
	return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int deny_io_uring(void)
{
	return deny(&(struct call){ SCMP_SYS(io_uring_setup), ANY, 0 }, 1);
}

static const struct {
	const char *name;
	int (*deny)(void);
} things[] = {
	{ "move", deny_move },
	{ "huge-pages", deny_huge_pages },
	{ "io_uring", deny_io_uring },
	{ "seccomp", deny_seccomp },
	{ "userfaultfd", deny_userfaultfd },
};
#define N_THINGS (sizeof(things) / sizeof(things[0]))

int main(int argc, char **argv)
{
	size_t i = 0;
	while (argc > 2 && i < N_THINGS && strcmp(argv[1], things[i].name) != 0)
		i++;
	if (argc < 3 || i == N_THINGS) {
		fprintf(stderr, "usage: without move|huge-pages|io_uring|seccomp|userfaultfd "
				"PROGRAM [ARG...]\n");
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

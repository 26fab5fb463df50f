/* SPDX-License-Identifier: MIT */
/*
 * What the handler's thread may do: wait for faults, read files it has been given, fill pages, say
 * that something was lost, and end. A hostile file that got the better of it would find no way to
 * open, connect or execute.
 *
 * The filter is the thread's own: the program's other threads stay as they are, and so does their
 * no_new_privs. What it denies fails with EPERM and never kills: a dead handler with an open
 * userfaultfd would leave every waiter asleep for ever. What io_uring does passes no filter, so
 * the ring has restrictions of its own; see loop_uring.c.
 *
 * The filter is written on the caller's thread, for libseccomp allocates; the handler only enters
 * it.
 */
#include "daemon/sandbox.h"

#include "file/cached.h"
#include "file/view.h"
#include "kernel/bell.h"
#include "kernel/descriptor.h"
#include "kernel/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IO_URING_UNREGISTER_RING_FDS 21 /* liburing does so when it closes a ring */

#define LOW_32_BITS(arg, value) SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value))

/* clang-format off */
/* Needed whole, and harmless: none takes a name. Here and below, some exist on 32-bit machines only. */
static const int plain[] = {
	SYS_cachestat,            /* views of files */
	SCMP_SYS(brk),            /* free(), as a thread ends */
	SCMP_SYS(clock_gettime),  /* where the vDSO has no clock */
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(close),
	SCMP_SYS(dup3),           /* to close the userfaultfd for good */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),     /* or abort() would go round and round */
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(getrusage),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(madvise),
	SCMP_SYS(mincore),        /* the copier: pages that the program gave back */
	SCMP_SYS(munlock),
	SCMP_SYS(munmap),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),          /* what poll() is on some machines */
	SCMP_SYS(ppoll_time64),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),         /* the copier: rows */
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigprocmask), /* as a thread ends */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),    /* of sanitizers, which end the program without it */
};

/* When the program changes user or groups, the C library has every thread repeat the call, by a
 * signal of its own that cannot be blocked, and waits for all of them. No name here either, and no
 * right that the program has not got. */
static const int identity[] = {
	SCMP_SYS(getpid), /* of the signal's handler: is it ours? */
	SCMP_SYS(setgid),    SCMP_SYS(setgid32),
	SCMP_SYS(setgroups), SCMP_SYS(setgroups32),
	SCMP_SYS(setregid),  SCMP_SYS(setregid32),
	SCMP_SYS(setresgid), SCMP_SYS(setresgid32),
	SCMP_SYS(setresuid), SCMP_SYS(setresuid32),
	SCMP_SYS(setreuid),  SCMP_SYS(setreuid32),
	SCMP_SYS(setuid),    SCMP_SYS(setuid32),
};
/* clang-format on */

/* Of the userfaultfd: filling and giving up, but not registering. */
static const unsigned long requests[] = { UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_MOVE, UFFDIO_WAKE,
	UFFDIO_UNREGISTER, UFFDIO_WRITEPROTECT };

static int allow_all_of(scmp_filter_ctx filter, const int *calls, size_t n_calls)
{
	int err = 0;
	for (size_t i = 0; i < n_calls && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

static int allow_on_fd(scmp_filter_ctx filter, int call, int fd)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, LOW_32_BITS(0, fd));
}

/* To ring and to silence it, but to have nothing else ring it. */
static int allow_bell(scmp_filter_ctx filter, const struct bell *bell)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(epoll_ctl), 2,
		LOW_32_BITS(0, bell->fd), LOW_32_BITS(1, EPOLL_CTL_MOD));
}

static int allow_ioctls(scmp_filter_ctx filter, int uffd)
{
	/* First: the kernel remembers of other calls that they pass. */
	int err = seccomp_syscall_priority(filter, SCMP_SYS(ioctl), UINT8_MAX);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2,
			LOW_32_BITS(0, uffd), LOW_32_BITS(1, requests[i]));
	return err;
}

/* Memory, but no file and nothing to run. */
static int allow_memory(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
		SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
		SCMP_CMP(3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
}

/* To read a view of a file: memory of this process, and the length of what is open already. */
static int allow_views(scmp_filter_ctx filter)
{
	int err = seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, SCMP_SYS(process_vm_readv), 1, LOW_32_BITS(0, getpid()));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(statx), 1,
			SCMP_CMP(1, SCMP_CMP_EQ, (uintptr_t)view_no_name, 0));
	return err;
}

/* To look whether a descriptor is the guard's. */
static int allow_marks(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, LOW_32_BITS(1, F_GETSIG));
}

static int allow_all(
	scmp_filter_ctx filter, int uffd, const struct bell *wake, const struct bell *events)
{
	int err = allow_all_of(filter, plain, sizeof(plain) / sizeof(plain[0]));
	if (!err)
		err = allow_all_of(filter, identity, sizeof(identity) / sizeof(identity[0]));
	if (!err)
		err = allow_memory(filter);
	if (!err)
		err = allow_views(filter);
	if (!err)
		err = allow_ioctls(filter, uffd);
	if (!err)
		err = allow_on_fd(filter, SCMP_SYS(read), uffd);
	if (!err)
		err = allow_bell(filter, wake);
	if (!err)
		err = allow_bell(filter, events);
#ifdef UFFD_GUARD_CHECKS /* a broken contract tells which */
	if (!err)
		err = allow_on_fd(filter, SCMP_SYS(write), STDERR_FILENO);
#endif
	if (!err)
		err = allow_marks(filter, SCMP_SYS(fcntl));
	if (!err)
		err = allow_marks(filter, SCMP_SYS(fcntl64));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(io_uring_register), 1,
			LOW_32_BITS(1, IO_URING_UNREGISTER_RING_FDS));
	return err;
}

static int export_by(scmp_filter_ctx filter, int from, int to, struct sandbox *sandbox)
{
	int err = seccomp_export_bpf(filter, to);
	ssize_t n = err ? 0 : read(from, sandbox->program, sizeof(sandbox->program));
	if (err || n < 0)
		return err ? err : -errno;
	if ((size_t)n == sizeof(sandbox->program))
		return -E2BIG; /* there may be more */
	sandbox->length = (unsigned short)((size_t)n / sizeof(sandbox->program[0]));
	return 0;
}

/* libseccomp gives its program away to a descriptor only. A pipe: no limit of files applies. */
static int export_program(scmp_filter_ctx filter, int mark, struct sandbox *sandbox)
{
	int ends[2];
	int err = descriptor_pipe(ends, mark);
	if (err)
		return err;
	err = export_by(filter, ends[0], ends[1], sandbox);
	descriptor_close(ends[0], mark);
	descriptor_close(ends[1], mark);
	return err;
}

int sandbox_prepare(struct sandbox *sandbox, const struct uffd *uffd, const struct bell *wake,
	const struct bell *events)
{
	const uint32_t denied = SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx filter = seccomp_init(denied);
	sandbox->length = 0;
	if (!filter)
		return -ENOMEM;

	/* A call by another architecture's table kills the thread by default. */
	int err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, denied);
	if (!err)
		err = allow_all(filter, uffd->fd, wake, events);
	if (!err)
		err = export_program(filter, uffd->mark, sandbox);
	seccomp_release(filter);
	return err;
}

int sandbox_enter(const struct sandbox *sandbox)
{
	const struct sock_fprog program = { .len = sandbox->length,
		.filter = (struct sock_filter *)sandbox->program };
	if (program.len == 0)
		return -ENOSYS;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return 0;
}

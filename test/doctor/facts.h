/* SPDX-License-Identifier: MIT */
/*
 * What was found out about this machine and this user, without what it means. facts_gather() fills
 * it. All else is computed from this struct, so it can be tested with invented machines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The value of a number that could not be read: no such file, or no permission. */
#define UNKNOWN INT64_MIN

/* Everything that is tried for real, in this order, each in a process of its own. */
enum attempt_id {
	ATTEMPT_DEVICE_OPEN,	     /* open /dev/userfaultfd as the library does */
	ATTEMPT_DEVICE,		     /* and get a userfaultfd from it */
	ATTEMPT_SYSCALL,	     /* userfaultfd(2), all faults */
	ATTEMPT_SYSCALL_USER,	     /* the same, user-mode faults only */
	ATTEMPT_FILL,		     /* register memory and put pages into it */
	ATTEMPT_MOVE,		     /* UFFDIO_MOVE of a page */
	ATTEMPT_RING,		     /* an io_uring */
	ATTEMPT_RING_RESTRICT,	     /* one that may do only some things */
	ATTEMPT_RING_READ,	     /* one that reads a fault from a userfaultfd */
	ATTEMPT_FILTER,		     /* a seccomp filter with no_new_privs */
	ATTEMPT_STORE,		     /* process_vm_readv(), or writev, within this process */
	ATTEMPT_VIEW,		     /* read a file on a tmpfs past scanners */
	ATTEMPT_SHM_READ,	     /* read one by pread(), for which they are asked */
	ATTEMPT_STATX,		     /* statx() of a descriptor */
	ATTEMPT_HUGE_PAGE,	     /* a transparent huge page */
	ATTEMPT_HUGETLB,	     /* a memfd of reserved huge pages */
	ATTEMPT_GUARD,		     /* uffd_guard_create() */
	ATTEMPT_GUARD_KERNEL_FAULTS, /* the same, faults from inside system calls demanded */
	ATTEMPT_LAZY,		     /* the library from end to end */
	ATTEMPT_SYSCALL_READS,	     /* a system call is handed a page that was never read */
	ATTEMPT_EAGER,		     /* end to end without userfaultfd; only where LAZY fails */
	N_ATTEMPTS
};

struct attempt {
	bool was_made;
	bool has_hung; /* it took too long, and was killed */
	int signal;    /* that ended it, or 0 */
	int err;       /* negative errno, or 0 */
};

/* The step that an end-to-end attempt was about to do. */
enum step {
	STEP_CREATE,
	STEP_FILE,
	STEP_MAP,
	STEP_TRUNCATE,
	STEP_READ,
	STEP_READ_LOST,
	STEP_LOSS,
	STEP_REGROW,
	STEP_END,
	N_STEPS
};

struct limit {
	uint64_t soft, hard; /* UINT64_MAX: none */
};

struct facts {
	/* The kernel, as it calls itself, and major * 1000 + minor. */
	char release[66];
	unsigned kernel;

	/* This user. */
	uid_t user;
	char user_name[33];    /* or "" */
	uint64_t capabilities; /* a bit for each */
	bool is_in_uring_group;
	char container[17]; /* docker, podman, flatpak, ...; "": none is recognized */

	/* Seccomp of this process: 0 none, 1 strict, 2 filter. */
	int64_t seccomp, no_new_privs;

	/* /dev/userfaultfd, and whether the kernel has the driver for it. */
	bool has_device_node, has_device_driver;
	unsigned device_mode, device_minor;
	char device_owner[33], device_group[33];

	/* Sysctls and the like. */
	int64_t unprivileged_userfaultfd;
	int64_t io_uring_disabled, io_uring_group;
	int64_t max_map_count, overcommit_memory;
	int64_t huge_pages, huge_pages_free; /* reserved ones */
	char thp[9];			     /* always, madvise, never, or "" */
	bool is_thp_disabled;		     /* for this process */

	struct limit open_files, locked_memory, realtime_priority;

	/* What the kernel and the library say of themselves. */
	uint64_t uffd_features;
	uint32_t guard_features;
	enum step step, eager_step; /* how far LAZY and EAGER came */

	struct attempt attempts[N_ATTEMPTS];
};

/* 0, or a negative errno if no attempt can be made. */
int facts_gather(struct facts **facts);

static inline bool attempt_works(const struct facts *facts, enum attempt_id id)
{
	const struct attempt *attempt = &facts->attempts[id];
	return attempt->was_made && !attempt->has_hung && !attempt->signal && !attempt->err;
}

/* The errno with which an attempt ended by itself; 0 if it worked, was killed, or hung. */
static inline int attempt_error(const struct facts *facts, enum attempt_id id)
{
	const struct attempt *attempt = &facts->attempts[id];
	return attempt->has_hung || attempt->signal ? 0 : attempt->err;
}

/* @capability: CAP_* */
static inline bool has_capability(const struct facts *facts, unsigned capability)
{
	return facts->capabilities >> capability & 1;
}

/* Of any kind. */
static inline bool has_userfaultfd(const struct facts *facts)
{
	return attempt_works(facts, ATTEMPT_DEVICE) || attempt_works(facts, ATTEMPT_SYSCALL) ||
	       attempt_works(facts, ATTEMPT_SYSCALL_USER);
}

const char *attempt_name(enum attempt_id id);

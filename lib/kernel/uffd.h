/* SPDX-License-Identifier: MIT */
/* userfaultfd(2) and its ioctls. Any thread, no lock. */
#pragma once

#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Newer than the headers of Debian 12. */
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE (1ull << 16)
#endif
#ifndef UFFDIO_MOVE
struct uffdio_move {
	__u64 dst, src, len, mode;
	__s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif

struct uffd {
	int fd;
	int mark;		    /* descriptor.h */
	bool kernel_faults;	    /* system calls may touch unfilled pages */
	uint64_t features;	    /* what the kernel has, UFFD_FEATURE_*; none is asked for */
	atomic_bool failed_to_wake; /* somebody may be asleep for good: the handler gives up */
};

/* How much is wanted of kernel-mode faults. */
enum uffd_want {
	UFFD_WANT_KERNEL_FAULTS_OR_LESS,
	UFFD_WANT_KERNEL_FAULTS,
	UFFD_WANT_USER_FAULTS_ONLY,
};

int uffd_open(struct uffd *uffd, enum uffd_want want);
void uffd_close(struct uffd *uffd);

bool uffd_is_ours(const struct uffd *uffd); /* or the program has closed it */

/* Put another file of ours, which stays open elsewhere, at the descriptor's number, so that a
 * thread about to use it cannot hit a stranger's file. */
void uffd_abandon(struct uffd *uffd, int harmless);

/* @tells_stores: pages may be write-protected (5.7), and a store to one is a fault. */
int uffd_register(const struct uffd *uffd, uintptr_t start, size_t length, bool tells_stores);
int uffd_unregister(const struct uffd *uffd, uintptr_t start,
	size_t length); /* wakes the threads that wait there */
void uffd_wake(struct uffd *uffd, uintptr_t start, size_t length);

/*
 * One try each. *done is the bytes filled (and woken), whatever is returned: 0, or
 * -EAGAIN  part of it done, or none and worth a repetition
 * -EEXIST  the first page is there already, and no thread was woken
 * -ENOENT  the range is not inside one registered mapping
 * -ESRCH   the process is going away
 * -ENOMEM, -EFAULT (source of a copy) and what else the kernel finds
 */
int uffd_copy(const struct uffd *uffd, uintptr_t start, const void *source, size_t length,
	bool is_protected, size_t *done);
int uffd_zero(const struct uffd *uffd, uintptr_t start, size_t length, size_t *done);

/* The same; the bytes done are gone from @source. */
int uffd_move(
	const struct uffd *uffd, uintptr_t start, const void *source, size_t length, size_t *done);

/* Protect pages that are there against stores, or let stores through and wake the threads that
 * wait. */
int uffd_protect(const struct uffd *uffd, uintptr_t start, size_t length, bool is_protected);

/* Messages read, 0 when interrupted, or a negative errno; -EAGAIN: there is none. */
int uffd_read(const struct uffd *uffd, struct uffd_msg *messages, size_t n_messages);

/* SPDX-License-Identifier: MIT */
/*
 * Failing and delaying system calls by a seccomp filter with user notification. The filter is on
 * the calling thread and on those it starts afterwards: create the guard after it, and the handler
 * is under it too.
 */
#pragma once

#include <semaphore.h>
#include <stdint.h>
#include <sys/types.h>

struct inject;

/* A system call that matched. */
struct injected_call {
	int nr;
	pid_t thread;
	uint64_t args[6];
	unsigned n_before; /* calls that matched before this one */
};

/* Runs on a thread of its own. A negative errno to answer, or INJECT_CONTINUE to let the kernel do
 * the call. */
#define INJECT_CONTINUE 1
typedef int inject_fn(const struct injected_call *call, void *data);

/* One for each process, for its life: calls with number @nr whose argument @arg has @value in its
 * low 32 bits. */
void inject_syscall(int nr, unsigned arg, uint32_t value, inject_fn *fn, void *data);
/* Ioctls with request number @request. */
void inject_ioctl(unsigned long request, inject_fn *fn, void *data);
/* All calls but futex(2), which the C library does not let fail, and the ends of threads. @fn must
 * not allocate: the caller may hold the allocator's lock. */
void inject_any_syscall(inject_fn *fn, void *data);

/* @data is an atomic_bool: while it is true, calls fail with -EINVAL. */
inject_fn inject_while_on;

/* Holds the first call up until sem_post(&hold->may_go); others pass. */
struct hold {
	sem_t is_held, may_go;
};
void hold_init(struct hold *hold);
inject_fn inject_hold_first; /* @data is the struct hold */
void inject_hold_ioctl(unsigned long request, struct hold *hold);

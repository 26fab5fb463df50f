/* SPDX-License-Identifier: MIT */
/*
 * Make system calls fail or wait, by a seccomp filter with user notification. The filter is on the
 * calling thread and on threads that it starts afterwards. Create the guard after it, so that the
 * handler is under it too.
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

/* Runs on a thread of its own. Answers a negative errno for the caller, or INJECT_CONTINUE: the
 * kernel makes the call. */
#define INJECT_CONTINUE 1
typedef int inject_fn(const struct injected_call *call, void *data);

/* Inject calls with number @nr whose argument @arg has @value in its low 32 bits. A process can do
 * this once, for its whole life. */
void inject_syscall(int nr, unsigned arg, uint32_t value, inject_fn *fn, void *data);
/* Inject ioctls with request number @request. */
void inject_ioctl(unsigned long request, inject_fn *fn, void *data);
/* Inject all calls except futex(2), which the C library does not let fail, and the ends of threads.
 * @fn must not allocate, since the caller may hold the allocator's lock. */
void inject_any_syscall(inject_fn *fn, void *data);

/* Fails calls with -EINVAL while *data, an atomic_bool, is true. */
inject_fn inject_while_on;

/* What the caller has at that address. It waits, which no sanitizer of threads knows. */
uint32_t inject_look_at(uint64_t address);

/* inject_hold_first() holds the first call up until sem_post(&hold->may_go). Other calls pass. */
struct hold {
	sem_t is_held, may_go;
};
void hold_init(struct hold *hold);
inject_fn inject_hold_first; /* @data is the struct hold */
void inject_hold_ioctl(unsigned long request, struct hold *hold);

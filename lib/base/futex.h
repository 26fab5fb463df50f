/* SPDX-License-Identifier: MIT */
/* Sleeping on a word of this process's memory, and waking the sleepers. */
#pragma once

#include "base/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleep while *word is @value. May return early: look again. */
/* model: epoch futex_wait */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/* The same until @deadline, in ns of CLOCK_MONOTONIC. False: it has passed. */
static inline bool futex_wait_until(_Atomic uint32_t *word, uint32_t value, uint64_t deadline)
{
	const struct timespec until = { .tv_sec = (time_t)(deadline / NS_PER_S),
		.tv_nsec = (long)(deadline % NS_PER_S) };
	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, &until, NULL,
		       FUTEX_BITSET_MATCH_ANY) == 0 ||
	       errno != ETIMEDOUT;
}

/* Wake all. Only the address is used: where the word is gone, no thread waits. */
/* model: epoch futex_wake */
static inline void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

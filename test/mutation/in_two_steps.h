/* SPDX-License-Identifier: MIT */
/* Atomic operations as a load and a store, for mutants: see mutate.py. Included before each file.
 * Now and then some microseconds pass in between, and another thread has its turn, as if this one
 * had been interrupted there. The handler's sandbox denies both calls, so there it loops only. */
#pragma once

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static inline void in_two_steps_pause(void)
{
	static atomic_uint n_threads;
	static _Thread_local unsigned n; /* each thread begins elsewhere, for it may live briefly */
	if (n == 0)
		n = (atomic_fetch_add(&n_threads, 1) + 1) * 0x9e3779b9u;
	n = n * 1103515245 + 12345;
	if ((n >> 16) % 4 != 0)
		return;
	for (volatile unsigned i = 0; i < (n >> 16) % 8192; i++)
		;
	if ((n >> 18) % 16 == 0)
		nanosleep(&(const struct timespec){ .tv_nsec = 20000 }, NULL);
	else
		sched_yield();
}

#define in_two_steps(p, now, expression)                                                           \
	__extension__({                                                                            \
		__auto_type where_ = (p);                                                          \
		__auto_type now = atomic_load_explicit(where_, memory_order_relaxed);              \
		in_two_steps_pause();                                                              \
		atomic_store_explicit(where_, (expression), memory_order_relaxed);                 \
		now;                                                                               \
	})

#define in_two_steps_fetch_or(p, v)  in_two_steps(p, now_, now_ | (v))
#define in_two_steps_fetch_and(p, v) in_two_steps(p, now_, now_ &(v))
#define in_two_steps_fetch_add(p, v) in_two_steps(p, now_, now_ + (v))
#define in_two_steps_fetch_sub(p, v) in_two_steps(p, now_, now_ - (v))
#define in_two_steps_exchange(p, v)  in_two_steps(p, now_, v)

#define in_two_steps_compare_exchange(p, expected, v)                                              \
	__extension__({                                                                            \
		__auto_type where_ = (p);                                                          \
		__auto_type expected_ = (expected);                                                \
		__auto_type now_ = atomic_load_explicit(where_, memory_order_relaxed);             \
		const _Bool is_same_ = now_ == *expected_;                                         \
		in_two_steps_pause();                                                              \
		if (is_same_)                                                                      \
			atomic_store_explicit(where_, v, memory_order_relaxed);                    \
		else                                                                               \
			*expected_ = now_;                                                         \
		is_same_;                                                                          \
	})

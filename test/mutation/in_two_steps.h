/* SPDX-License-Identifier: MIT */
/* Atomic operations as a load and a store, for mutants: see mutate.py. Included before each file.
 */
#pragma once

#include <stdatomic.h>

#define in_two_steps(p, now, expression)                                                           \
	__extension__({                                                                            \
		__auto_type where_ = (p);                                                          \
		__auto_type now = atomic_load_explicit(where_, memory_order_relaxed);              \
		__asm__ volatile("" ::: "memory");                                                 \
		atomic_store_explicit(where_, (expression), memory_order_relaxed);                 \
		now;                                                                               \
	})

#define in_two_steps_fetch_or(p, v)  in_two_steps(p, now_, now_ | (v))
#define in_two_steps_fetch_and(p, v) in_two_steps(p, now_, now_ &(v))
#define in_two_steps_fetch_add(p, v) in_two_steps(p, now_, now_ + (v))
#define in_two_steps_fetch_sub(p, v) in_two_steps(p, now_, now_ - (v))
#define in_two_steps_exchange(p, v)  in_two_steps(p, now_, v)

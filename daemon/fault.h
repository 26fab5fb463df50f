/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

struct uffd_guard;

/* Addresses that are in place, and whose waiters are awake. */
struct answer {
	uintptr_t start, end;
};

/* Handler thread only. 0, or an error because of which this fault cannot be answered, nor any
 * other. */
int fault_answer(struct uffd_guard *guard, void *staging, uintptr_t address, struct answer *answer);

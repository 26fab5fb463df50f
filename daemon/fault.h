/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct staging;
struct uffd_guard;

/* Addresses that are in place, and whose waiters are awake. */
struct answer {
	uintptr_t start, end;
	bool is_later; /* the file may block: it was asked, and the answer comes when it has
			  answered */
};

/* What is worth filling when no fault waits. */
struct ahead {
	uintptr_t address;
	size_t n_pages; /* 0: nothing */
};

/* Handler thread only. 0, or an error because of which this fault cannot be answered, nor any
 * other. Leaves *ahead as it is unless the reader is one that goes on. */
int fault_answer(struct uffd_guard *guard, struct staging *staging, uintptr_t address,
	struct answer *answer, struct ahead *ahead);

/* Handler thread only. A thread waits to store to a page that is write-protected: note it, and let
 * it. */
void fault_note_store(struct uffd_guard *guard, uintptr_t address);

/* Handler thread only. Fill a piece of *ahead, and take it off. */
void fault_fill_ahead(struct uffd_guard *guard, struct staging *staging, struct ahead *ahead);

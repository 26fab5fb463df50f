/* SPDX-License-Identifier: MIT */
/* One fault, from its address to filled pages. Handler thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blocking_reads;
struct scanned_reads;
struct staging;
struct uffd_guard;
struct watch;

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

/* What the handler works with. */
struct serving {
	struct uffd_guard *guard;
	struct staging *staging;
	struct watch *watch; /* the handler's; NULL while another thread stands in for it */
	struct blocking_reads *blocking_reads;
	struct scanned_reads *scanned_reads; /* NULL: not here */
	struct ahead ahead;
};

/* 0, or an error because of which this fault cannot be answered, nor any other; or WATCH_ERR_TAKEN:
 * all that the thread works with is another's now. Leaves ahead as it is unless the reader goes on
 * from filled pages. */
int fault_answer(struct serving *serving, uintptr_t address, struct answer *answer);

/* Note that a thread waits to store to a write-protected page, and let it. */
void fault_note_store(struct serving *serving, uintptr_t address);

/* Fill a piece of ahead, and take it off. 0 or WATCH_ERR_TAKEN. */
int fault_fill_ahead(struct serving *serving);

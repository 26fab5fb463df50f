/* SPDX-License-Identifier: MIT */
/* One fault, from its address to filled pages. Handler thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blocking_reads;
struct staging;
struct uffd_guard;
struct watch;

/* Addresses that are in place, and whose waiters are awake. */
struct answer {
	uintptr_t start, end;
	bool is_later; /* the file may block: it was asked, and the answer comes when it has
			  answered */
};

/* What the handler works with. */
struct serving {
	struct uffd_guard *guard;
	struct staging *staging;
	struct watch *watch; /* the handler's; NULL while another thread stands in for it */
	struct blocking_reads *blocking_reads;
};

/* 0, or an error because of which this fault cannot be answered, nor any other; or WATCH_ERR_TAKEN:
 * all that the thread works with is another's now. Offers windows ahead where the reader goes on
 * from filled pages. */
int fault_answer(struct serving *serving, uintptr_t address, struct answer *answer);

/* Note that a thread waits to store to a write-protected page, and let it. */
void fault_note_store(struct serving *serving, uintptr_t address);

/* The copier is about to fill that page, and wakes who waits for it: the fault need not be answered
 * yet. Offers more windows, for the reader is close behind. */
bool fault_is_on_its_way(struct serving *serving, uintptr_t address);
/* As fault_answer(), of a fault that was on its way: it may have been answered meanwhile. */
int fault_answer_late(struct serving *serving, uintptr_t address);

/* Fill the window that begins at @address and was claimed; no more of them where the region or the
 * file ends. 0 or WATCH_ERR_TAKEN. */
int fault_fill_ahead(struct serving *serving, uintptr_t address);
/* The copier's share. */
void fault_help_ahead(struct uffd_guard *guard, struct staging *staging, uintptr_t address);

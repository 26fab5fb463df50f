/* SPDX-License-Identifier: MIT */
/* Address to range. Readers: any thread, without a lock, inside the epoch of the table's owner.
 * Writers: with its lock. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define RANGE_TABLE_LEVELS 8 /* with one node in four promoted: good for some 4^8 ranges */

struct range {
	uintptr_t start, end;
	_Atomic(struct range *) next[RANGE_TABLE_LEVELS];
};

struct range_table {
	struct range head; /* before all others; covers nothing */
	uint32_t random;   /* for levels; writers only */
};

void range_table_init(struct range_table *table);

/* Writers: one at a time. Ranges never overlap, because the kernel gave out their addresses. */
void range_table_insert(struct range_table *table, struct range *range);
void range_table_remove(struct range_table *table, struct range *range);

/* Readers: at any time, without a lock. What was removed must not be freed while a reader may be on
 * it. */
struct range *range_table_find(struct range_table *table, uintptr_t address);
/* The one that @address is in, or the first behind it; or NULL. */
struct range *range_table_find_from(struct range_table *table, uintptr_t address);

#define range_table_for_each(range, table)                                                         \
	for (struct range *range = atomic_load(&(table)->head.next[0]); range;                     \
		range = atomic_load(&range->next[0]))

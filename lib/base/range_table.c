/* SPDX-License-Identifier: MIT */
/*
 * address -> range, for a reader that takes no lock: a skip list.
 *
 * A writer links a node bottom-up and unlinks it top-down, a pointer at a time, so that a reader
 * always walks a sorted list of live nodes. A node that is being unlinked keeps its own pointers: a
 * reader on it finds its way out. The owner frees it after a grace period (epoch.c).
 */
#include "base/range_table.h"
#include "base/check.h"

#include <stddef.h>

void range_table_init(struct range_table *table)
{
	*table = (struct range_table){ .random = 0x9e3779b9u };
}

static struct range *next_of(struct range *range, int level)
{
	return atomic_load_explicit(&range->next[level], memory_order_acquire);
}

/* In before[level] the last node of each level that starts below @address. */
static void find_before(
	struct range_table *table, uintptr_t address, struct range *before[RANGE_TABLE_LEVELS])
{
	struct range *at = &table->head;
	for (int level = RANGE_TABLE_LEVELS - 1; level >= 0; level--) {
		for (struct range *next = next_of(at, level); next && next->start < address;
			next = next_of(at, level))
			at = next;
		before[level] = at;
	}
}

static int random_height(struct range_table *table)
{
	/* xorshift32 */
	table->random ^= table->random << 13;
	table->random ^= table->random >> 17;
	table->random ^= table->random << 5;

	int height = 1;
	for (uint32_t bits = table->random; height < RANGE_TABLE_LEVELS && (bits & 3) == 0;
		bits >>= 2)
		height++;
	return height;
}

void range_table_insert(struct range_table *table, struct range *range)
{
	struct range *before[RANGE_TABLE_LEVELS];
	find_before(table, range->start, before);
	check(before[0]->end <= range->start);
	check(!next_of(before[0], 0) || next_of(before[0], 0)->start >= range->end);

	int height = random_height(table);
	for (int level = 0; level < RANGE_TABLE_LEVELS; level++)
		atomic_init(
			&range->next[level], level < height ? next_of(before[level], level) : NULL);
	for (int level = 0; level < height; level++)
		atomic_store_explicit(&before[level]->next[level], range, memory_order_release);
}

void range_table_remove(struct range_table *table, struct range *range)
{
	struct range *before[RANGE_TABLE_LEVELS];
	find_before(table, range->start, before);
	check(next_of(before[0], 0) == range);

	for (int level = RANGE_TABLE_LEVELS - 1; level >= 0; level--) {
		if (next_of(before[level], level) == range)
			atomic_store_explicit(&before[level]->next[level], next_of(range, level),
				memory_order_release);
	}
}

/* The last that starts at @address or below: the head, where there is none. */
static struct range *find_last(struct range_table *table, uintptr_t address)
{
	struct range *at = &table->head;
	for (int level = RANGE_TABLE_LEVELS - 1; level >= 0; level--) {
		for (struct range *next = next_of(at, level); next && next->start <= address;
			next = next_of(at, level))
			at = next;
	}
	return at;
}

struct range *range_table_find(struct range_table *table, uintptr_t address)
{
	struct range *last = find_last(table, address);
	return address < last->end ? last : NULL;
}

struct range *range_table_find_from(struct range_table *table, uintptr_t address)
{
	struct range *last = find_last(table, address);
	return address < last->end ? last : next_of(last, 0);
}

/* SPDX-License-Identifier: MIT */
/* The skip list against a row of slots that needs no search; then with a reader on it. */
#include "base/range_table.h"

#include "base/epoch.h"
#include "unit.h"

#include <pthread.h>
#include <stdbool.h>

static struct range *insert(
	struct range_table *table, struct range *range, uintptr_t start, uintptr_t end)
{
	*range = (struct range){ .start = start, .end = end };
	range_table_insert(table, range);
	return range;
}

START_TEST(empty_table_finds_nothing)
{
	static const uintptr_t addresses[] = { 0, 1, 4096, UINTPTR_MAX / 2, UINTPTR_MAX };
	struct range_table table;
	range_table_init(&table);
	for (size_t i = 0; i < n_elements(addresses); i++)
		ck_assert_ptr_null(range_table_find(&table, addresses[i]));
}
END_TEST

/* Three ranges, two of which touch, with gaps before, between and behind. */
enum { NONE, A, B, C, N_RANGES };

static const struct find_row {
	uintptr_t address;
	int expected;
} find_rows[] = {
	{ 0, NONE },
	{ 0xfff, NONE },
	{ 0x1000, A },
	{ 0x1001, A },
	{ 0x1fff, A },
	{ 0x2000, B },
	{ 0x4fff, B },
	{ 0x5000, NONE },
	{ 0x6fff, NONE },
	{ 0x7000, C },
	{ 0x7fff, C },
	{ 0x8000, NONE },
	{ UINTPTR_MAX, NONE },
};

START_TEST(range_is_found_from_its_first_byte_to_its_last_and_no_further)
{
	static const int orders[][3] = { { A, B, C }, { C, B, A }, { B, A, C }, { B, C, A } };
	static const uintptr_t bounds[N_RANGES][2] = {
		[A] = { 0x1000, 0x2000 },
		[B] = { 0x2000, 0x5000 },
		[C] = { 0x7000, 0x8000 },
	};
	struct range ranges[N_RANGES];
	struct range_table table;
	range_table_init(&table);
	for (size_t i = 0; i < 3; i++) {
		int which = orders[_i][i];
		insert(&table, &ranges[which], bounds[which][0], bounds[which][1]);
	}
	for (size_t i = 0; i < n_elements(find_rows); i++) {
		const struct find_row *row = &find_rows[i];
		ck_assert_ptr_eq(range_table_find(&table, row->address),
			row->expected == NONE ? NULL : &ranges[row->expected]);
	}
}
END_TEST

START_TEST(ranges_at_both_ends_of_the_address_space_are_found)
{
	struct range first, last;
	struct range_table table;
	range_table_init(&table);
	insert(&table, &first, 0, 1);
	insert(&table, &last, UINTPTR_MAX - 1, UINTPTR_MAX);
	ck_assert_ptr_eq(range_table_find(&table, 0), &first);
	ck_assert_ptr_null(range_table_find(&table, 1));
	ck_assert_ptr_eq(range_table_find(&table, UINTPTR_MAX - 1), &last);
	ck_assert_ptr_null(range_table_find(&table, UINTPTR_MAX));
	range_table_remove(&table, &first);
	ck_assert_ptr_null(range_table_find(&table, 0));
}
END_TEST

/* ---- Thousands ---- */

#define N_SLOTS	  4000
#define SLOT_SIZE 64

/* Slot i has the addresses from (i + 1) * SLOT_SIZE on: one range at most, which begins anywhere in
 * the slot and may touch its neighbours. */
struct model {
	struct range_table table;
	struct range ranges[N_SLOTS];
	bool is_in[N_SLOTS];
	size_t n_in;
	uint32_t seed;
};

static struct range *model_find(struct model *model, uintptr_t address)
{
	size_t slot = address / SLOT_SIZE - 1;
	if (address < SLOT_SIZE || slot >= N_SLOTS || !model->is_in[slot])
		return NULL;
	struct range *range = &model->ranges[slot];
	return address >= range->start && address < range->end ? range : NULL;
}

static void toggle(struct model *model, size_t slot)
{
	if (model->is_in[slot]) {
		range_table_remove(&model->table, &model->ranges[slot]);
		model->n_in--;
	} else {
		uint32_t skip = random_below(&model->seed, SLOT_SIZE);
		uint32_t length = 1 + random_below(&model->seed, SLOT_SIZE - skip);
		uintptr_t start = (slot + 1) * SLOT_SIZE + skip;
		insert(&model->table, &model->ranges[slot], start, start + length);
		model->n_in++;
	}
	model->is_in[slot] = !model->is_in[slot];
}

static void assert_find_agrees(struct model *model, uintptr_t address)
{
	ck_assert_ptr_eq(range_table_find(&model->table, address), model_find(model, address));
}

static void assert_table_is_sorted_and_whole(struct model *model)
{
	size_t n = 0;
	uintptr_t end = 0;
	range_table_for_each (range, &model->table) {
		ck_assert_uint_ge(range->start, end);
		end = range->end;
		n++;
	}
	ck_assert_uint_eq(n, model->n_in);
}

START_TEST(random_inserts_and_removes_agree_with_the_naive_model)
{
	struct model *model = calloc(1, sizeof(*model));
	ck_assert_ptr_nonnull(model);
	range_table_init(&model->table);
	model->seed = 42 + (uint32_t)_i;
	for (int round = 0; round < 8000; round++) {
		size_t slot = random_below(&model->seed, N_SLOTS);
		struct range *range = &model->ranges[slot];
		toggle(model, slot);
		assert_find_agrees(model, range->start - 1);
		assert_find_agrees(model, range->start);
		assert_find_agrees(model, range->end - 1);
		assert_find_agrees(model, range->end);
		for (int i = 0; i < 4; i++)
			assert_find_agrees(
				model, random_below(&model->seed, (N_SLOTS + 2) * SLOT_SIZE));
	}
	ck_assert_uint_gt(model->n_in, N_SLOTS / 4);
	assert_table_is_sorted_and_whole(model);
	free(model);
}
END_TEST

START_TEST(table_emptied_in_any_order_is_empty)
{
	struct model *model = calloc(1, sizeof(*model));
	ck_assert_ptr_nonnull(model);
	range_table_init(&model->table);
	model->seed = 7;
	for (size_t slot = 0; slot < N_SLOTS; slot++)
		toggle(model, slot);
	assert_table_is_sorted_and_whole(model);
	/* 1237 has no divisor in common with the number of slots: each slot once. */
	for (size_t i = 0; i < N_SLOTS; i++)
		toggle(model, _i ? i * 1237 % N_SLOTS : N_SLOTS - 1 - i);
	assert_table_is_sorted_and_whole(model);
	for (size_t level = 0; level < RANGE_TABLE_LEVELS; level++)
		ck_assert_ptr_null(atomic_load(&model->table.head.next[level]));
	free(model);
}
END_TEST

/* Addresses come in order in practice: each mapping below the last. */
/* One range in 4^8 would be higher than there are levels: so many that some are. */
START_TEST(no_range_is_higher_than_the_table)
{
	struct {
		struct range range;
		uint64_t behind;
	} one = { .range = { .start = 0x1000, .end = 0x2000 }, .behind = 0x5a5a5a5a5a5a5a5a };
	struct range_table table;
	range_table_init(&table);
	for (int i = 0; i < 500000; i++) {
		range_table_insert(&table, &one.range);
		ck_assert_ptr_eq(range_table_find(&table, 0x1fff), &one.range);
		range_table_remove(&table, &one.range);
		ck_assert_ptr_null(range_table_find(&table, 0x1fff));
	}
	ck_assert_uint_eq(one.behind, 0x5a5a5a5a5a5a5a5a);
}
END_TEST

START_TEST(search_among_ordered_ranges_stays_short)
{
	struct model *model = calloc(1, sizeof(*model));
	ck_assert_ptr_nonnull(model);
	range_table_init(&model->table);
	model->seed = 3;
	for (size_t i = 0; i < N_SLOTS; i++)
		toggle(model, _i ? i : N_SLOTS - 1 - i);

	size_t n_promoted = 0;
	for (size_t i = 0; i < N_SLOTS; i++)
		n_promoted += atomic_load(&model->ranges[i].next[1]) != NULL;
	ck_assert_uint_gt(n_promoted, N_SLOTS / 8);
	ck_assert_uint_lt(n_promoted, N_SLOTS / 2);
	free(model);
}
END_TEST

/* ---- A reader without a lock ---- */

#define N_NEIGHBOURS 64 /* on each side of the permanent range */
#define N_READERS    2
#define N_ROUNDS     20000

struct shared {
	struct range_table table;
	struct epoch readers;
	struct range permanent, neighbours[2 * N_NEIGHBOURS];
	atomic_bool is_over;
	atomic_size_t n_found, n_missed, n_wrong;
};

static uintptr_t slot_address(size_t slot)
{
	return (slot + 1) * SLOT_SIZE;
}

static void *find_for_ever(void *data)
{
	struct shared *shared = data;
	for (uint32_t seed = 99; !atomic_load(&shared->is_over);) {
		uintptr_t middle = slot_address(N_NEIGHBOURS) + random_below(&seed, SLOT_SIZE);
		uintptr_t any = slot_address(random_below(&seed, 2 * N_NEIGHBOURS + 1));
		uint32_t ticket = epoch_enter(&shared->readers);
		bool is_found = range_table_find(&shared->table, middle) == &shared->permanent;
		struct range *other = range_table_find(&shared->table, any);
		if (other && (any < other->start || any >= other->end))
			atomic_fetch_add(&shared->n_wrong, 1);
		epoch_leave(&shared->readers, ticket);
		atomic_fetch_add(is_found ? &shared->n_found : &shared->n_missed, 1);
	}
	return NULL;
}

static void toggle_neighbours(struct shared *shared)
{
	bool is_in[2 * N_NEIGHBOURS] = { false };
	uint32_t seed = 5;
	for (int round = 0; round < N_ROUNDS; round++) {
		uint32_t i = random_below(&seed, 2 * N_NEIGHBOURS);
		struct range *range = &shared->neighbours[i];
		uintptr_t start = slot_address(i < N_NEIGHBOURS ? i : i + 1);
		if (is_in[i]) {
			range_table_remove(&shared->table, range);
			epoch_synchronize(&shared->readers);
			*range = (struct range){ .start = 1 }; /* nobody may see it */
		} else {
			insert(&shared->table, range, start, start + SLOT_SIZE);
		}
		is_in[i] = !is_in[i];
	}
}

START_TEST(reader_always_finds_a_range_whose_neighbours_come_and_go)
{
	struct shared *shared = calloc(1, sizeof(*shared));
	ck_assert_ptr_nonnull(shared);
	range_table_init(&shared->table);
	uintptr_t start = slot_address(N_NEIGHBOURS);
	insert(&shared->table, &shared->permanent, start, start + SLOT_SIZE);

	pthread_t readers[N_READERS];
	for (size_t i = 0; i < N_READERS; i++)
		assert_ok(pthread_create(&readers[i], NULL, find_for_ever, shared));
	toggle_neighbours(shared);
	while (atomic_load(&shared->n_found) + atomic_load(&shared->n_missed) < 1000)
		sched_yield();
	atomic_store(&shared->is_over, true);
	for (size_t i = 0; i < N_READERS; i++)
		assert_ok(pthread_join(readers[i], NULL));
	ck_assert_uint_eq(shared->n_missed, 0);
	ck_assert_uint_eq(shared->n_wrong, 0);
	free(shared);
}
END_TEST

static TCase *find_case(void)
{
	TCase *tcase = tcase_create("find");
	tcase_add_test(tcase, empty_table_finds_nothing);
	tcase_add_loop_test(
		tcase, range_is_found_from_its_first_byte_to_its_last_and_no_further, 0, 4);
	tcase_add_test(tcase, ranges_at_both_ends_of_the_address_space_are_found);
	return tcase;
}

static TCase *thousands_case(void)
{
	TCase *tcase = tcase_create("thousands");
	tcase_add_loop_test(tcase, random_inserts_and_removes_agree_with_the_naive_model, 0, 4);
	tcase_add_loop_test(tcase, table_emptied_in_any_order_is_empty, 0, 2);
	tcase_add_test(tcase, no_range_is_higher_than_the_table);
	tcase_add_loop_test(tcase, search_among_ordered_ranges_stays_short, 0, 2);
	return tcase;
}

static TCase *threads_case(void)
{
	TCase *tcase = tcase_create("threads");
	tcase_add_test(tcase, reader_always_finds_a_range_whose_neighbours_come_and_go);
	return tcase;
}

UNIT_MAIN("range_table", find_case, thousands_case, threads_case)

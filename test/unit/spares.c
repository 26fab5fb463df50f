/* SPDX-License-Identifier: MIT */
/* Spare huge pages that several threads put and take at once: a slot is one thread's at a time. */
#include "kernel/spares.h"

#include "../support/inject.h"
#include "kernel/huge_memory.h"
#include "kernel/staging.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define N_THREADS 4
#define N_ROUNDS  3000

struct crowd {
	struct spares spares;
	_Atomic uint64_t kept;
	atomic_uint n_users[SPARES_MOST];
};

static const struct descriptor_file own_file = { .device = 1, .inode = 2 };

/* Few are empty: so all threads want the same ones. */
static void *claim_and_drop(void *data)
{
	struct crowd *crowd = data;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct spare *spare = spares_claim(&crowd->spares);
		if (!spare)
			continue;
		atomic_uint *n_users = &crowd->n_users[spare - crowd->spares.slots];
		ck_assert_uint_eq(atomic_fetch_add(n_users, 1), 0);
		sched_yield();
		atomic_fetch_sub(n_users, 1);
		if (i % 2)
			spares_put(&crowd->spares, spare, &own_file);
		else
			spares_drop(spare);
	}
	return NULL;
}

static void *take_and_keep(void *data)
{
	struct crowd *crowd = data;
	char *memory = huge_memory_map();
	ck_assert_ptr_nonnull(memory);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		/* What is taken is ours: a mark of ours stays in it until it is exchanged. */
		if (!spares_take(&crowd->spares, &own_file, &memory))
			continue;
		atomic_uint *n_users = (atomic_uint *)memory;
		atomic_store(n_users, 0);
		ck_assert_uint_eq(atomic_fetch_add(n_users, 1), 0);
		sched_yield();
		ck_assert_uint_eq(atomic_fetch_sub(n_users, 1), 1);
	}
	munmap(memory, STAGING_SIZE);
	return NULL;
}

START_TEST(slot_that_is_claimed_is_nobody_elses)
{
	static struct crowd crowd;
	pthread_t threads[N_THREADS];
	spares_init(&crowd.spares, &crowd.kept);
	for (size_t i = 0; i < N_THREADS; i++)
		assert_ok(pthread_create(
			&threads[i], NULL, i % 4 < 3 ? claim_and_drop : take_and_keep, &crowd));
	for (size_t i = 0; i < N_THREADS; i++)
		assert_ok(pthread_join(threads[i], NULL));
	size_t n_full = 0;
	for (size_t i = 0; i < SPARES_MOST; i++) {
		ck_assert_int_ne(atomic_load(&crowd.spares.slots[i].state), SPARE_CLAIMED);
		n_full += atomic_load(&crowd.spares.slots[i].state) == SPARE_FULL;
	}
	ck_assert_uint_eq(atomic_load(&crowd.kept), n_full * STAGING_SIZE);
	spares_finish(&crowd.spares);
}
END_TEST

static struct spare *claim_and_fill(struct crowd *crowd)
{
	spares_init(&crowd->spares, &crowd->kept);
	struct spare *spare = spares_claim(&crowd->spares);
	ck_assert_ptr_nonnull(spare);
	memset(spare->memory, 1, STAGING_SIZE);
	return spare;
}

/* Nobody is to see what it holds, whatever the kernel refuses. */
START_TEST(spare_that_the_kernel_does_not_take_for_free_is_emptied)
{
	static struct crowd crowd;
	atomic_bool fails = true;
	struct spare *spare = claim_and_fill(&crowd);
	inject_syscall(SYS_madvise, 2, MADV_FREE, inject_while_on, &fails);
	spares_put(&crowd.spares, spare, &own_file);
	ck_assert_int_eq(atomic_load(&spare->state), SPARE_EMPTY);
	ck_assert_int_eq(spare->memory[0], 0);
	ck_assert_int_eq(spare->memory[STAGING_SIZE - 1], 0);
	ck_assert_uint_eq(atomic_load(&crowd.kept), 0);
	spares_finish(&crowd.spares);
}
END_TEST

/* A mapping that cannot be made anew, at the limit of mappings, say. */
START_TEST(spare_that_cannot_be_made_empty_is_not_used_and_holds_nothing)
{
	static struct crowd crowd;
	atomic_bool fails = true;
	struct spare *spare = claim_and_fill(&crowd);
	inject_syscall(
		SYS_mmap, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, inject_while_on, &fails);
	spares_drop(spare);
	ck_assert_ptr_null(spares_claim(&crowd.spares));
	ck_assert_int_eq(spare->memory[STAGING_SIZE - 1], 0);
	atomic_store(&fails, false);
	ck_assert_ptr_eq(spares_claim(&crowd.spares), spare);
	spares_drop(spare);
	spares_finish(&crowd.spares);
}
END_TEST

static TCase *slots_case(void)
{
	TCase *tcase = tcase_create("slots");
	tcase_add_test(tcase, slot_that_is_claimed_is_nobody_elses);
	tcase_add_test(tcase, spare_that_the_kernel_does_not_take_for_free_is_emptied);
	tcase_add_test(tcase, spare_that_cannot_be_made_empty_is_not_used_and_holds_nothing);
	return tcase;
}

UNIT_MAIN("spares", slots_case)

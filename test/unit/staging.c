/* SPDX-License-Identifier: MIT */
/* Staging buffers that several callers borrow at once: each is one caller's until it is returned.
 */
#include "kernel/staging.h"

#include "unit.h"
#include "waits.h"

#include <pthread.h>
#include <stdatomic.h>

#define N_CALLERS 4
#define N_ROUNDS  20000

static void *borrow_and_return(void *data)
{
	struct staging_pool *pool = data;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct staging *staging = staging_borrow(pool);
		ck_assert_ptr_nonnull(staging);
		/* Counts borrowers: nothing else is done to the memory here. */
		atomic_uint *n_borrowers = (atomic_uint *)staging->memory;
		ck_assert_uint_eq(atomic_fetch_add(n_borrowers, 1), 0);
		atomic_fetch_sub(n_borrowers, 1);
		staging_return(pool, staging);
	}
	return NULL;
}

START_TEST(buffer_that_is_borrowed_is_nobody_elses)
{
	struct staging_pool pool;
	pthread_t callers[N_CALLERS];
	staging_pool_init(&pool);
	for (size_t i = 0; i < N_CALLERS; i++)
		assert_ok(pthread_create(&callers[i], NULL, borrow_and_return, &pool));
	for (size_t i = 0; i < N_CALLERS; i++)
		assert_ok(pthread_join(callers[i], NULL));
	ck_assert_uint_le(pool.n_spare, N_CALLERS);
	staging_pool_finish(&pool);
}
END_TEST

static void borrow(void *data)
{
	staging_destroy(staging_borrow(data));
}

struct returning {
	struct staging_pool *pool;
	struct staging *staging;
};

static void give(void *data)
{
	struct returning *it = data;
	staging_return(it->pool, it->staging);
}

START_TEST(callers_take_and_return_buffers_one_at_a_time)
{
	struct staging_pool pool;
	staging_pool_init(&pool);
	struct returning returning = { &pool, staging_borrow(&pool) };
	ck_assert(waits_for(&pool.lock, give, &returning));
	ck_assert_uint_eq(pool.n_spare, 1);
	ck_assert(waits_for(&pool.lock, borrow, &pool));
	ck_assert_uint_eq(pool.n_spare, 0);
	staging_pool_finish(&pool);
}
END_TEST

static TCase *pool_case(void)
{
	TCase *tcase = tcase_create("pool");
	tcase_add_test(tcase, buffer_that_is_borrowed_is_nobody_elses);
	tcase_add_test(tcase, callers_take_and_return_buffers_one_at_a_time);
	return tcase;
}

UNIT_MAIN("staging", pool_case)

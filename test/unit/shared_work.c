/* SPDX-License-Identifier: MIT */
/* Callers that share their chunks with helpers, all at once. */
#include "base/shared_work.h"

#include "unit.h"

#include <pthread.h>
#include <string.h>

#define N_CHUNKS  64
#define N_HELPERS 2
#define N_CALLERS 3
#define N_ROUNDS  4000

static struct shared_work work;
static atomic_bool shall_stop;
static pthread_t helpers[N_HELPERS];

static void *help(void *data)
{
	(void)data;
	while (!atomic_load(&shall_stop))
		shared_work_help(&work, NULL);
	return NULL;
}

/* False: return from the test. */
static bool start(void)
{
	if (!shared_work_has_room()) {
		unit_skip("one processor: nobody to share with");
		return false;
	}
	memset(&work, 0, sizeof(work));
	atomic_store(&shall_stop, false);
	atomic_store(&work.has_copier, true);
	for (size_t i = 0; i < N_HELPERS; i++)
		assert_ok(pthread_create(&helpers[i], NULL, help, NULL));
	return true;
}

static void stop(void)
{
	atomic_store(&shall_stop, true);
	for (size_t i = 0; i < N_HELPERS; i++)
		assert_ok(pthread_join(helpers[i], NULL));
}

/* One caller's. */
struct piece {
	_Atomic unsigned n_done[N_CHUNKS];
	size_t first_bad; /* it and all behind it fail */
	unsigned n_wrong;
};

static bool count(void *data, size_t chunk, void *tools)
{
	struct piece *piece = data;
	(void)tools;
	for (volatile unsigned i = 0; i < 100; i++) /* some work */
		;
	if (chunk >= piece->first_bad)
		return false;
	atomic_fetch_add(&piece->n_done[chunk], 1);
	return true;
}

static size_t share(struct piece *piece)
{
	const struct chunks chunks = { .work = count, .data = piece, .n_chunks = N_CHUNKS };
	memset(piece->n_done, 0, sizeof(piece->n_done));
	const size_t n = shared_work_do(&work, &chunks, NULL);
	for (size_t i = 0; i < N_CHUNKS; i++) {
		const unsigned n_done = atomic_load(&piece->n_done[i]);
		piece->n_wrong += n_done > 1 || (i < n && n_done != 1);
	}
	return n;
}

START_TEST(chunk_is_done_once_and_before_the_answer)
{
	struct piece piece = { .first_bad = N_CHUNKS };
	if (!start())
		return;
	for (unsigned i = 0; i < N_ROUNDS; i++)
		ck_assert_uint_eq(share(&piece), N_CHUNKS);
	stop();
	ck_assert_uint_eq(piece.n_wrong, 0);
	ck_assert_uint_eq(atomic_load(&work.n_inside), 0);
}
END_TEST

/* Those behind it fail too, on other threads and perhaps sooner. */
START_TEST(first_chunk_that_fails_is_the_answer)
{
	struct piece piece = { .first_bad = 0 };
	if (!start())
		return;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		piece.first_bad = i % N_CHUNKS;
		ck_assert_uint_eq(share(&piece), piece.first_bad);
	}
	stop();
	ck_assert_uint_eq(piece.n_wrong, 0);
}
END_TEST

static void *share_often(void *data)
{
	struct piece *piece = data;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		const size_t n = share(piece);
		piece->n_wrong += n != 0 && n != N_CHUNKS;
	}
	return NULL;
}

START_TEST(callers_at_once_share_one_after_the_other)
{
	struct piece pieces[N_CALLERS];
	pthread_t callers[N_CALLERS];
	if (!start())
		return;
	for (size_t i = 0; i < N_CALLERS; i++) {
		pieces[i] = (struct piece){ .first_bad = N_CHUNKS };
		assert_ok(pthread_create(&callers[i], NULL, share_often, &pieces[i]));
	}
	for (size_t i = 0; i < N_CALLERS; i++) {
		assert_ok(pthread_join(callers[i], NULL));
		ck_assert_uint_eq(pieces[i].n_wrong, 0);
	}
	stop();
}
END_TEST

static TCase *sharing_case(void)
{
	TCase *tcase = tcase_create("sharing");
	tcase_add_test(tcase, chunk_is_done_once_and_before_the_answer);
	tcase_add_test(tcase, first_chunk_that_fails_is_the_answer);
	tcase_add_test(tcase, callers_at_once_share_one_after_the_other);
	return tcase;
}

UNIT_MAIN("shared_work", sharing_case)

/* SPDX-License-Identifier: MIT */
/* Seals that are added elsewhere: how many are under way at once, also where several threads ask;
 * and what is left of them. */
#include "file/seal.h"

#include "../support/inject.h"
#include "../support/self.h"
#include "file/aside.h"
#include "file/source.h"
#include "together.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_SEALINGS 8
#define N_ROUNDS      40
#define N_TRIES	      4	  /* of each thread */
#define N_DROPPED     200 /* by each thread */

struct stage {
	struct source source;
	size_t n_threads; /* without those that wait for a child */
	atomic_bool is_held;
	_Atomic(struct aside *) begun[N_TOGETHER * N_TRIES];
	atomic_uint n_begun;
};

/* As a client may, by keeping its file's lock. */
static int hold_up(const struct injected_call *call, void *data)
{
	(void)call;
	while (atomic_load((atomic_bool *)data))
		usleep(100);
	return INJECT_CONTINUE;
}

static void *return_at_once(void *data)
{
	return data;
}

static void stage_start(struct stage *stage)
{
	*stage = (struct stage){ .n_begun = 0 };
	const int fd = memfd_create("seal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	assert_ok(source_open(&stage->source, fd, 0, -1));
	close(fd);
	together(return_at_once, NULL); /* sanitizers start one of their own beside the first */
}

static void await_ends(const struct stage *stage)
{
	while (count_threads() > stage->n_threads)
		usleep(100);
}

static void *begin_some(void *data)
{
	struct stage *stage = data;
	for (int i = 0; i < N_TRIES; i++) {
		struct aside *sealing = sealing_begin(&stage->source);
		if (sealing)
			stage->begun[atomic_fetch_add(&stage->n_begun, 1)] = sealing;
	}
	return NULL;
}

START_TEST(as_many_seals_as_may_be_are_under_way_and_no_more)
{
	struct stage stage;
	stage_start(&stage);
	inject_syscall(SYS_fcntl, 1, F_ADD_SEALS, hold_up, &stage.is_held);
	stage.n_threads = count_threads();
	for (unsigned round = 0; round < N_ROUNDS; round++) {
		atomic_store(&stage.is_held, true);
		atomic_store(&stage.n_begun, 0);
		together(begin_some, &stage);
		ck_assert_uint_eq(stage.n_begun, MOST_SEALINGS);
		atomic_store(&stage.is_held, false);
		for (unsigned i = 0; i < MOST_SEALINGS; i++)
			aside_drop(stage.begun[i]);
		await_ends(&stage);
	}
	source_close(&stage.source);
}
END_TEST

static void *drop_as_they_end(void *data)
{
	struct stage *stage = data;
	for (unsigned i = 0; i < N_DROPPED;) {
		struct aside *sealing = sealing_begin(&stage->source);
		if (!sealing) {
			sched_yield();
			continue;
		}
		while (!aside_has_ended(sealing))
			sched_yield();
		aside_drop(sealing);
		i++;
	}
	return NULL;
}

/* Whoever comes last of the two frees it. */
START_TEST(seal_that_is_dropped_as_it_ends_leaves_no_memory_behind)
{
	struct stage stage;
	if (IS_SANITIZED) {
		unit_skip("a sanitizer's own memory grows with each allocation");
		return;
	}
	stage_start(&stage);
	stage.n_threads = count_threads();
	together(drop_as_they_end, &stage); /* what the C library keeps of threads is there then */
	await_ends(&stage);
	const size_t before = count_anonymous_bytes();
	together(drop_as_they_end, &stage);
	await_ends(&stage);
	ck_assert_uint_le(count_anonymous_bytes(), before + ((size_t)128 << 10));
	source_close(&stage.source);
}
END_TEST

/* The program may have as many threads as it can. */
START_TEST(seal_for_which_there_is_no_thread_leaves_nothing_behind)
{
	struct stage stage;
	atomic_bool fails = true;
	stage_start(&stage);
	inject_syscall(SYS_clone3, 1, 88 /* sizeof(struct clone_args) */, inject_while_on, &fails);
	const size_t n_fds = count_fds();
	for (int i = 0; i < 2 * MOST_SEALINGS; i++)
		ck_assert_ptr_null(sealing_begin(&stage.source));
	ck_assert_uint_eq(count_fds(), n_fds);
	atomic_store(&fails, false);
	struct aside *sealing = sealing_begin(&stage.source);
	ck_assert_ptr_nonnull(sealing);
	while (!sealing_wait(sealing))
		sched_yield();
	aside_drop(sealing);
	ck_assert_int_eq(seal_prospect(&stage.source), SEAL_THERE);
	source_close(&stage.source);
}
END_TEST

static TCase *seal_case(void)
{
	TCase *tcase = tcase_create("seal");
	tcase_add_test(tcase, as_many_seals_as_may_be_are_under_way_and_no_more);
	tcase_add_test(tcase, seal_that_is_dropped_as_it_ends_leaves_no_memory_behind);
	tcase_add_test(tcase, seal_for_which_there_is_no_thread_leaves_nothing_behind);
	return tcase;
}

UNIT_MAIN("seal", seal_case)

/* SPDX-License-Identifier: MIT */
/* A function that several threads call at the same moment. */
#pragma once

#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define N_TOGETHER 4

struct together {
	void *(*call)(void *data);
	void *data;
	atomic_uint n_ready;
};

static inline void *together_run(void *data)
{
	struct together *it = data;
	atomic_fetch_add(&it->n_ready, 1);
	while (atomic_load(&it->n_ready) < N_TOGETHER)
		sched_yield();
	return it->call(it->data);
}

/* Returns when all have. */
static inline void together(void *(*call)(void *data), void *data)
{
	struct together it = { .call = call, .data = data };
	pthread_t threads[N_TOGETHER];
	for (size_t i = 0; i < N_TOGETHER; i++)
		assert_ok(pthread_create(&threads[i], NULL, together_run, &it));
	for (size_t i = 0; i < N_TOGETHER; i++)
		assert_ok(pthread_join(threads[i], NULL));
}

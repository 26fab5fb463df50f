/* SPDX-License-Identifier: MIT */
/* The guard's own threads: how they start. */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

/* A policy and priority to take over from the thread that starts another. */
struct scheduling {
	int policy;
	struct sched_param param;
};

/* Callers: note the calling thread's. */
void scheduling_note(struct scheduling *scheduling);
/* The new thread, before it is confined. False: it may not have that policy. */
bool scheduling_take_over(const struct scheduling *scheduling);

/* Start a thread with all signals blocked. 0 or -EAGAIN. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data);

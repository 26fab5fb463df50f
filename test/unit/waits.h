/* SPDX-License-Identifier: MIT */
/* Does a call wait for a lock that another thread holds? The call runs on a thread of its own,
 * until that sleeps or has returned: no clock is looked at. */
#pragma once

#include "base/lock.h"
#include "unit.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

struct waiting_call {
	void (*call)(void *data);
	void *data;
	atomic_int tid;
	atomic_bool has_returned;
};

static inline void *waiting_call_run(void *data)
{
	struct waiting_call *it = data;
	atomic_store(&it->tid, (int)syscall(SYS_gettid));
	it->call(it->data);
	atomic_store(&it->has_returned, true);
	return NULL;
}

static inline bool thread_is_asleep(int tid)
{
	char path[64], state = 'X';
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *f = tid ? fopen(path, "r") : NULL;
	if (!f)
		return false;
	const int n = fscanf(f, "%*d %*[^)]) %c", &state);
	fclose(f);
	return n == 1 && state == 'S';
}

/* It sleeps, or has no reason to. */
static inline bool waiting_call_sleeps(struct waiting_call *it)
{
	while (!atomic_load(&it->has_returned) && !thread_is_asleep(atomic_load(&it->tid)))
		sched_yield();
	return !atomic_load(&it->has_returned);
}

static inline bool waits_for(pthread_mutex_t *lock, void (*call)(void *data), void *data)
{
	struct waiting_call it = { .call = call, .data = data };
	pthread_t thread;
	lock_take(lock);
	assert_ok(pthread_create(&thread, NULL, waiting_call_run, &it));
	const bool has_waited = waiting_call_sleeps(&it);
	lock_give(lock);
	assert_ok(pthread_join(thread, NULL));
	return has_waited;
}

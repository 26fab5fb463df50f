/* SPDX-License-Identifier: MIT */
/* Does a call wait for a lock that another thread holds? The call runs on a thread of its own,
 * until that sleeps or has returned: no clock is looked at. */
#pragma once

#include "../support/asleep.h"
#include "base/epoch.h"
#include "base/lock.h"
#include "unit.h"

#include <dirent.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
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

/* How many threads of this process have that name; *tid is one of them. */
static inline unsigned threads_named(const char *name, int *tid)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;
	ck_assert_ptr_nonnull(tasks);
	for (struct dirent *task; (task = readdir(tasks));) {
		char path[300], line[32] = "";
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
		FILE *f = fopen(path, "re");
		const bool is_it = f && fgets(line, sizeof(line), f) &&
				   strncmp(line, name, strlen(name)) == 0 &&
				   line[strlen(name)] == '\n';
		if (f)
			fclose(f);
		if (is_it && tid)
			*tid = atoi(task->d_name);
		n += is_it;
	}
	closedir(tasks);
	return n;
}

/* It sleeps, or has no reason to. */
static inline bool waiting_call_sleeps(struct waiting_call *it)
{
	while (!atomic_load(&it->has_returned) && !thread_is_asleep(atomic_load(&it->tid)))
		sched_yield();
	return !atomic_load(&it->has_returned);
}

static inline void waiting_call_begin(
	struct waiting_call *it, pthread_t *thread, void (*call)(void *data), void *data)
{
	*it = (struct waiting_call){ .call = call, .data = data };
	assert_ok(pthread_create(thread, NULL, waiting_call_run, it));
}

/* Somebody is inside when the call begins. */
static inline bool waits_for_inside(struct epoch *epoch, void (*call)(void *data), void *data)
{
	struct waiting_call it;
	pthread_t thread;
	const uint32_t ticket = epoch_enter(epoch);
	waiting_call_begin(&it, &thread, call, data);
	const bool has_waited = waiting_call_sleeps(&it);
	epoch_leave(epoch, ticket);
	assert_ok(pthread_join(thread, NULL));
	return has_waited;
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

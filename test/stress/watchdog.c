/* SPDX-License-Identifier: MIT */
/*
 * A load that is never answered stops its thread for ever and shows in no count. So each reader
 * notes when it begins something that may not return, and the watchdog looks at these notes.
 *
 * On a busy machine a thread waits for a processor before it can answer. That time is taken off:
 * of the thread that waits, and of that one which it may wait for that was kept off the longest.
 */
#include "watchdog.h"

#include "../support/time_ns.h"
#include "judge.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TICKS_PER_LIMIT 8

void watch_begin_of(struct watch *watch, enum watched what, uint32_t file, pid_t thread)
{
	atomic_store_explicit(&watch->thread, thread, memory_order_relaxed);
	atomic_store_explicit(&watch->what, what, memory_order_relaxed);
	atomic_store_explicit(&watch->file, file, memory_order_relaxed);
	atomic_store_explicit(&watch->since, clock_coarse_ns(), memory_order_release);
}

void watch_begin(struct watch *watch, enum watched what, uint32_t file)
{
	static _Thread_local pid_t thread;
	if (!thread)
		thread = (pid_t)syscall(SYS_gettid);
	watch_begin_of(watch, what, file, thread);
}

bool watch_is_reported(const struct watch *watch)
{
	const uint64_t since = atomic_load(&watch->since);
	return since != 0 && atomic_load(&watch->reported) == since;
}

void watch_end(struct watch *watch)
{
	uint64_t took =
		clock_coarse_ns() - atomic_load_explicit(&watch->since, memory_order_relaxed);
	if (atomic_load_explicit(&watch->what, memory_order_relaxed) == WATCHED_LOAD &&
		took > atomic_load_explicit(&watch->longest_load_ns, memory_order_relaxed))
		atomic_store_explicit(&watch->longest_load_ns, took, memory_order_relaxed);
	atomic_store_explicit(&watch->since, 0, memory_order_release);
}

/* ---- What the kernel knows of our userfaultfd ---- */

static bool is_userfaultfd(const char *number)
{
	char path[64], target[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%.20s", number);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return strcmp(target, "anon_inode:[userfaultfd]") == 0;
}

static void print_fdinfo(const char *number)
{
	char path[64], line[128];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%.20s", number);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "pending:", 8) == 0 || strncmp(line, "total:", 6) == 0)
			fprintf(stderr, "  userfaultfd %s: %s", number, line);
	}
	fclose(f);
}

static void print_userfaultfds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (is_userfaultfd(entry->d_name))
			print_fdinfo(entry->d_name);
	}
	closedir(dir);
}

/* ---- Watching ---- */

static const struct {
	const char *what, *expected;
	enum served_by served_by;
} kinds[N_WATCHED] = {
	[WATCHED_LOAD] = { "a load", "an answer to its fault", SERVED_BY_LIBRARY },
	[WATCHED_CALL] = { "a call", "it to return", SERVED_BY_ANY },
	[WATCHED_STOP] = { "a reader that was told to stop", "it to end", SERVED_BY_ANY },
};

static void report(struct watchdog *watchdog, unsigned number, enum watched what, uint64_t age)
{
	struct watch *watch = &watchdog->watches[number];
	judge_report(watchdog->judge, VIOLATION_UNANSWERED,
		"thread %u, region %u: %s has not returned for %.1f s, for %.1f s of which it or a "
		"thread that serves it was kept from the processor; expected %s",
		number, atomic_load(&watch->file), kinds[what].what, (double)age / 1e9,
		(double)watch->starved_ns / 1e9, kinds[what].expected);
	if (!watchdog->judge->is_quiet)
		print_userfaultfds();
}

/* Of the step in which it began, no more than what it was there for. */
static void add_starved(struct watchdog *watchdog, struct watch *watch, enum watched what,
	uint64_t since, uint64_t age)
{
	const uint64_t step = starvation_step(
		&watchdog->starvation, atomic_load(&watch->thread), kinds[what].served_by);
	if (watch->seen == since)
		watch->starved_ns += step;
	else
		watch->starved_ns = step < age ? step : age;
	watch->seen = since;
}

static void excuse(struct watchdog *watchdog, struct watch *watch, uint64_t since)
{
	if (watch->excused != since)
		atomic_fetch_add(&watchdog->n_excused, 1);
	watch->excused = since;
}

static void look(struct watchdog *watchdog, unsigned number)
{
	struct watch *watch = &watchdog->watches[number];
	const uint64_t since = atomic_load_explicit(&watch->since, memory_order_acquire);
	const enum watched what = (enum watched)atomic_load(&watch->what);
	/* .what may belong to a later thing than .since did: check that .since is the same. */
	if (since == 0 || atomic_load(&watch->since) != since)
		return;
	const uint64_t now = clock_coarse_ns(), age = now > since ? now - since : 0;
	add_starved(watchdog, watch, what, since, age);

	const uint64_t limit = watchdog->limits_ns[what];
	if (age < limit || since == atomic_load(&watch->reported))
		return;
	if (age < limit + watch->starved_ns && age < MOST_LIMITS * limit) {
		excuse(watchdog, watch, since);
		return;
	}
	/* Whoever sees it reported sees what was counted. */
	report(watchdog, number, what, age);
	atomic_store(&watch->reported, since);
}

static void *run(void *data)
{
	struct watchdog *watchdog = data;
	const uint64_t tick = watchdog->limits_ns[WATCHED_LOAD] / TICKS_PER_LIMIT;
	while (!atomic_load(&watchdog->shall_stop)) {
		clock_sleep(tick);
		starvation_look(&watchdog->starvation, tick);
		for (unsigned i = 0; i < watchdog->n_watches; i++)
			look(watchdog, i);
	}
	return NULL;
}

int watchdog_start(struct watchdog *watchdog)
{
	atomic_init(&watchdog->shall_stop, false);
	starvation_look(&watchdog->starvation, 0);
	return -pthread_create(&watchdog->thread, NULL, run, watchdog);
}

void watchdog_stop(struct watchdog *watchdog)
{
	atomic_store(&watchdog->shall_stop, true);
	pthread_join(watchdog->thread, NULL);
}

uint64_t watchdog_longest_load(const struct watchdog *watchdog)
{
	uint64_t longest = 0;
	for (unsigned i = 0; i < watchdog->n_watches; i++) {
		uint64_t ns = atomic_load(&watchdog->watches[i].longest_load_ns);
		longest = ns > longest ? ns : longest;
	}
	return longest;
}

/* SPDX-License-Identifier: MIT */
/*
 * A load that is never answered stops its thread for ever and shows in no count. So each reader
 * notes when it begins something that may not return, and the watchdog looks at these notes.
 */
#include "watchdog.h"

#include "../support/time_ns.h"
#include "judge.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICKS_PER_LIMIT 8

void watch_begin(struct watch *watch, enum watched what, uint32_t file)
{
	atomic_store_explicit(&watch->what, what, memory_order_relaxed);
	atomic_store_explicit(&watch->file, file, memory_order_relaxed);
	atomic_store_explicit(&watch->since, clock_coarse_ns(), memory_order_release);
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

static void report(struct watchdog *watchdog, unsigned number, uint64_t age)
{
	struct watch *watch = &watchdog->watches[number];
	bool is_load = atomic_load(&watch->what) == WATCHED_LOAD;
	judge_report(watchdog->judge, VIOLATION_UNANSWERED,
		"thread %u, region %u: a %s has not returned for %.1f s; expected %s", number,
		atomic_load(&watch->file), is_load ? "load" : "call", (double)age / 1e9,
		is_load ? "an answer to its fault" : "it to return");
	if (!watchdog->judge->is_quiet)
		print_userfaultfds();
}

static void look(struct watchdog *watchdog, unsigned number)
{
	struct watch *watch = &watchdog->watches[number];
	uint64_t since = atomic_load_explicit(&watch->since, memory_order_acquire);
	uint64_t now = clock_coarse_ns();
	uint64_t limit = atomic_load(&watch->what) == WATCHED_LOAD ? watchdog->load_limit_ns
								   : watchdog->call_limit_ns;
	if (since == 0 || since == watch->reported || now < since + limit)
		return;
	/* .what may belong to a later thing than .since did: check that .since is the same. */
	if (atomic_load(&watch->since) != since)
		return;
	watch->reported = since;
	report(watchdog, number, now - since);
}

static void *run(void *data)
{
	struct watchdog *watchdog = data;
	uint64_t tick = watchdog->load_limit_ns / TICKS_PER_LIMIT;
	while (!atomic_load(&watchdog->shall_stop)) {
		uint64_t before = clock_ns();
		clock_sleep(tick);
		/* The watchdog itself was stopped (a debugger, a suspended machine), so the readers
		 * were too. */
		if (clock_ns() - before > watchdog->load_limit_ns / 2)
			continue;
		for (unsigned i = 0; i < watchdog->n_watches; i++)
			look(watchdog, i);
	}
	return NULL;
}

int watchdog_start(struct watchdog *watchdog)
{
	atomic_init(&watchdog->shall_stop, false);
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

/* SPDX-License-Identifier: MIT */
/* A fault costs a switch to another thread and back: on one core a context switch, between two
 * cores an interrupt that may have to wake a core up. So figures of single faults are only
 * comparable for the same placement. Handler threads are found by their names. */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const handler_names[] = { "uffd-guard\n", "uffd-minimal\n" };

static bool is_handler(const char *task)
{
	char path[300], name[32] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool is_read = fgets(name, sizeof(name), file) != NULL;
	fclose(file);
	return is_read &&
	       (strcmp(name, handler_names[0]) == 0 || strcmp(name, handler_names[1]) == 0);
}

static int pin_handlers(const cpu_set_t *cores)
{
	DIR *tasks = opendir("/proc/self/task");
	if (!tasks)
		return -errno;
	int err = 0;
	for (struct dirent *entry; (entry = readdir(tasks));) {
		if (is_handler(entry->d_name) &&
			sched_setaffinity(atoi(entry->d_name), sizeof(*cores), cores) < 0)
			err = -errno;
	}
	closedir(tasks);
	return err;
}

/* Set @core to the @n-th core of @allowed. False: there are fewer. */
static bool choose_core(const cpu_set_t *allowed, int n, cpu_set_t *core)
{
	CPU_ZERO(core);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, allowed) && n-- == 0) {
			CPU_SET(i, core);
			return true;
		}
	}
	return false;
}

int place_threads(enum place place)
{
	static cpu_set_t allowed; /* the cores that the program was started with */
	cpu_set_t reader, handler;

	if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	reader = handler = allowed;
	if (place != PLACE_ANYWHERE) {
		choose_core(&allowed, 0, &reader);
		if (!choose_core(&allowed, place == PLACE_TWO_CORES, &handler))
			return -ENODEV;
	}
	if (sched_setaffinity(0, sizeof(reader), &reader) < 0)
		return -errno;
	return pin_handlers(&handler);
}

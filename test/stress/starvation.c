/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/task/TID/schedstat has three numbers: nanoseconds on a processor, nanoseconds runnable
 * without one, and how often the thread was given one. The kernel adds to the second only when the
 * thread gets its turn, so one that still waits is told by being runnable at two looks without
 * having run between them. What is missed by that makes the judge stricter, not milder. A kernel
 * that does not count answers zeros: of such threads nothing is known, and nothing excused.
 */
#include "starvation.h"

#include "../support/time_ns.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sample {
	bool is_of_library, is_runnable;
	uint64_t ran_ns, delay_ns, runs;
};

/* ---- What the kernel says ---- */

static pid_t process_of(const struct starvation *starvation)
{
	return starvation->process ? starvation->process : getpid();
}

static bool read_text(pid_t process, pid_t thread, const char *name, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)process, (int)thread, name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* it has ended */
	const ssize_t n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The tester's own threads are named after their program. io_uring's begin with "iou-". */
static bool is_name_of_library(const char *name)
{
	return strncmp(name, "iou-", 4) == 0 ||
	       (strncmp(name, "uffd-guard", 10) == 0 && strncmp(name, "uffd-guard-stre", 15) != 0);
}

static bool take_sample(pid_t process, pid_t thread, struct sample *sample)
{
	char stat[512], schedstat[128];
	if (!read_text(process, thread, "stat", stat, sizeof(stat)) ||
		!read_text(process, thread, "schedstat", schedstat, sizeof(schedstat)))
		return false;
	const char *name = strchr(stat, '('), *end = strrchr(stat, ')');
	if (!name || !end ||
		sscanf(schedstat, "%" SCNu64 " %" SCNu64 " %" SCNu64, &sample->ran_ns,
			&sample->delay_ns, &sample->runs) != 3 ||
		sample->runs == 0)
		return false;
	sample->is_of_library = is_name_of_library(name + 1);
	sample->is_runnable = strncmp(end, ") R", 3) == 0;
	return true;
}

/* ---- What follows from it ---- */

static struct starved_thread *find(struct starvation *starvation, pid_t thread)
{
	for (unsigned i = 0; i < starvation->n; i++) {
		if (starvation->threads[i].thread == thread)
			return &starvation->threads[i];
	}
	return NULL;
}

static void take_first(struct starved_thread *it, pid_t thread, const struct sample *sample)
{
	*it = (struct starved_thread){
		.thread = thread,
		.is_of_library = sample->is_of_library,
		.is_runnable = sample->is_runnable,
		.is_seen = true,
		.ran_ns = sample->ran_ns,
		.runs = sample->runs,
		.starved_ns = sample->delay_ns,
	};
}

static void take_next(struct starved_thread *it, const struct sample *sample, uint64_t before)
{
	const bool has_waited = it->is_runnable && sample->is_runnable &&
				it->ran_ns == sample->ran_ns && it->runs == sample->runs;
	const uint64_t now = clock_ns();
	if (!has_waited)
		it->waiting_since = 0;
	else if (!it->waiting_since)
		it->waiting_since = before;

	const uint64_t starved = sample->delay_ns + (has_waited ? now - it->waiting_since : 0);
	it->step_ns = starved > it->starved_ns ? starved - it->starved_ns : 0;
	it->starved_ns += it->step_ns;
	it->is_of_library = sample->is_of_library; /* threads are named after they have begun */
	it->is_runnable = sample->is_runnable;
	it->is_seen = true;
	it->ran_ns = sample->ran_ns;
	it->runs = sample->runs;
}

static void look_at(struct starvation *starvation, pid_t thread)
{
	struct sample sample;
	struct starved_thread *it = find(starvation, thread);
	if (!take_sample(process_of(starvation), thread, &sample))
		return;
	if (it)
		take_next(it, &sample, starvation->looked_at);
	else if (starvation->n < MOST_STARVED_THREADS)
		take_first(&starvation->threads[starvation->n++], thread, &sample);
}

static void look_at_all(struct starvation *starvation)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)process_of(starvation));
	DIR *tasks = opendir(path);
	if (!tasks)
		return;
	for (struct dirent *task; (task = readdir(tasks));) {
		if (task->d_name[0] != '.')
			look_at(starvation, atoi(task->d_name));
	}
	closedir(tasks);
}

static void forget_ended(struct starvation *starvation)
{
	unsigned n = 0;
	for (unsigned i = 0; i < starvation->n; i++) {
		if (starvation->threads[i].is_seen)
			starvation->threads[n++] = starvation->threads[i];
	}
	starvation->n = n;
}

void starvation_look(struct starvation *starvation, uint64_t wanted_step_ns)
{
	for (unsigned i = 0; i < starvation->n; i++)
		starvation->threads[i].is_seen = false;
	look_at_all(starvation);
	forget_ended(starvation);

	const uint64_t now = clock_ns();
	starvation->step_ns = starvation->looked_at ? now - starvation->looked_at : 0;
	starvation->late_ns =
		starvation->step_ns > wanted_step_ns ? starvation->step_ns - wanted_step_ns : 0;
	starvation->looked_at = now;
}

bool starvation_is_told(const struct starvation *starvation)
{
	return starvation->n > 0;
}

uint64_t starvation_step(
	const struct starvation *starvation, pid_t thread, enum served_by served_by)
{
	uint64_t own = 0, most = 0;
	for (unsigned i = 0; i < starvation->n; i++) {
		const struct starved_thread *it = &starvation->threads[i];
		if (it->thread == thread)
			own = it->step_ns;
		else if ((it->is_of_library || served_by == SERVED_BY_ANY) && it->step_ns > most)
			most = it->step_ns;
	}
	uint64_t starved = own + most;
	if (starved < starvation->late_ns)
		starved = starvation->late_ns;
	return starved < starvation->step_ns ? starved : starvation->step_ns;
}

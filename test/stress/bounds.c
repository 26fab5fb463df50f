/* SPDX-License-Identifier: MIT */
/*
 * A guard counts what it holds, and could be wrong. So the process is looked at too: beyond what it
 * had before, memory of its own may be the budgets, what threads fill at once, and a little for
 * everything else. Readers look after each thing they do; this thread looks in between.
 */
#include "bounds.h"

#include "../support/time_ns.h"
#include "stress_options.h"
#include "stress_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define INTERVAL (NS_PER_MS / 2)

/* Memory that is neither a file's nor shared; 0: not known. */
static uint64_t bytes_of_its_own(const struct bounds *bounds)
{
	char text[128];
	unsigned long long all, resident, shared;
	const ssize_t n = pread(bounds->statm, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%llu %llu %llu", &all, &resident, &shared) != 3 || resident < shared)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void look_at_guards(struct bounds *bounds)
{
	struct server *server = bounds->server;
	for (unsigned i = 0; i < N_GUARDS; i++) {
		struct uffd_guard_stats stats = { .size = sizeof(stats) };
		if (server->guards[i] && uffd_guard_get_stats(server->guards[i], &stats) == 0)
			judge_resident(&server->judge, stats.bytes_resident,
				server->options->budget, server_n_fillers(server));
	}
}

static void *run(void *data)
{
	struct bounds *bounds = data;
	struct server *server = bounds->server;
	unsigned n_guards = 0;
	for (unsigned i = 0; i < N_GUARDS; i++)
		n_guards += server->guards[i] != NULL;
	while (!atomic_load(&bounds->shall_stop)) {
		look_at_guards(bounds);
		judge_own_memory(&server->judge, bytes_of_its_own(bounds), bounds->at_start,
			n_guards * server->options->budget,
			server_n_fillers(server) + n_guards - 1);
		clock_sleep(INTERVAL);
	}
	return NULL;
}

void bounds_init(struct bounds *bounds, struct server *server)
{
	bounds->server = server;
	bounds->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	bounds->at_start = bytes_of_its_own(bounds);
}

int bounds_start(struct bounds *bounds)
{
	if (!bounds->server->options->budget)
		return 0;
	int err = -pthread_create(&bounds->thread, NULL, run, bounds);
	bounds->is_running = !err;
	return err;
}

void bounds_stop(struct bounds *bounds)
{
	atomic_store(&bounds->shall_stop, true);
	if (bounds->is_running)
		pthread_join(bounds->thread, NULL);
	bounds->is_running = false;
	close(bounds->statm);
}

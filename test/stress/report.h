/* SPDX-License-Identifier: MIT */
#pragma once

#include "control_experiment.h"

#include <uffd_guard.h>

struct client;
struct histogram;
struct server;

/* What is known of a run at its end. */
struct outcome {
	struct server *server;
	const struct client *clients;
	const struct experiment *experiments; /* [N_ATTACKS] */
	struct uffd_guard_stats stats;
	uint64_t ns;
	bool is_interrupted; /* by a signal, before the time was over */
	bool uses_uring, kernel_faults;
	uint64_t max_rss; /* bytes */
};

extern const char *const loss_reason_names[];

void report_print(const struct outcome *outcome);
void report_print_json(const struct outcome *outcome);
struct progress {
	uint64_t ns;
	double faults_per_second;
};

/* Print a line that the next one overwrites. */
void report_progress(const struct server *server, const struct progress *progress);
/* Convert the library's histogram of faults. */
void report_handler_histogram(const struct uffd_guard_stats *stats, struct histogram *histogram);
uint64_t report_attacks_done(const struct control *control, enum attack attack);
unsigned report_dead_clients(const struct outcome *outcome);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"
#include "bench_growth.h"
#include "clients.h"
#include "rows.h"
#include "sampling.h"

/* A way to tell results as they come. */
struct report {
	void (*begin)(const struct bench *bench);
	/* @err: a negative errno if the row could not begin. */
	void (*row)(const struct row *row, struct contest *contest, int err);
	void (*faults)(struct fault_growth *growth);
	void (*cost)(const struct cost_growth *growth);
	void (*clients)(const struct client_cost *cost);
	void (*chart)(const char *path);
	void (*end)(bool is_interrupted);
};

extern const struct report report_table, report_json;

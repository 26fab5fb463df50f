/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"
#include "place.h"
#include "series.h"

#include <stdbool.h>

#define MOST_POINTS  16
#define EXPONENT_TOO 0.25 /* an exponent above the expected one by more than this is a MISS */

struct report;

/* Single faults of @n_readers threads, with @n_regions regions. */
struct fault_growth {
	const char *name; /* the peer that answers them */
	unsigned n_regions, n_readers;
	enum place place;      /* a single reader shares the handler's core, several run anywhere */
	struct series singles; /* nanoseconds */
	int err;	       /* negative errno: it could not run */
};

/* What something costs at n, 2n, 4n, ... */
struct cost_growth {
	const char *title, *unit; /* unit: of n */
	double expected; /* exponent: 0 for a cost that does not depend on n, 1 for linear */
	unsigned n_points;
	double n[MOST_POINTS], ns[MOST_POINTS];
	double exponent;
	int err;
};

#define GROWTH_WEIGHT 8

/* Measure all, for about @ns. */
void growth_run(struct bench *bench, const struct report *report, uint64_t ns);
/* The least-squares slope of log(ns) over log(n), from the middle of the series on: before, the
 * fixed cost of a call hides the slope. */
double growth_exponent(const struct cost_growth *growth);
bool growth_is_hidden_factor(const struct cost_growth *growth);

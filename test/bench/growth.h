/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"
#include "place.h"
#include "series.h"

#include <stdbool.h>

#define MOST_POINTS  16
#define EXPONENT_TOO 0.25 /* more than expected by this is a hidden factor */

struct report;

/* Single faults of @n_readers threads, with @n_regions regions. */
struct fault_growth {
	const char *name; /* who answers them */
	unsigned n_regions, n_readers;
	enum place place;      /* one reader shares the handler's core, more run where they like */
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

/* For about @ns. */
void growth_run(struct bench *bench, const struct report *report, uint64_t ns);
/* The least-squares slope of ns over n, both as logarithms, from the middle of the series on: what
 * any call costs hides the slope before. */
double growth_exponent(const struct cost_growth *growth);
bool growth_is_hidden_factor(const struct cost_growth *growth);

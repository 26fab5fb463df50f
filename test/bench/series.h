/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Measured values, in no particular order. All zero is an empty one. */
struct series {
	double *values;
	size_t n, room;
	bool is_sorted;
};

/* Without memory the value is left out. */
void series_add(struct series *series, double value);
void series_add_all(struct series *series, const struct series *more);
/* @q from 0 to 1, of a series that is not empty. */
double series_quantile(struct series *series, double q);
double series_median(struct series *series);
/* The middle half of the values is how wide, as a part of the median. */
double series_spread(struct series *series);
void series_finish(struct series *series);

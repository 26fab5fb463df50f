/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Measured values, in any order. All zero is an empty series. */
struct series {
	double *values;
	size_t n, room;
	bool is_sorted;
};

/* Drops the value if there is no memory. */
void series_add(struct series *series, double value);
void series_add_all(struct series *series, const struct series *more);
/* @q is from 0 to 1. NAN for an empty series. */
double series_quantile(struct series *series, double q);
double series_median(struct series *series);
/* The width of the middle half of the values, divided by the median. */
double series_spread(struct series *series);
void series_finish(struct series *series);

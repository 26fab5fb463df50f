/* SPDX-License-Identifier: MIT */
/* Medians and quantiles. Means are of no use, since a single interruption of the program would show
 * in them. */
#include "series.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_ROOM 64

void series_add(struct series *series, double value)
{
	if (series->n == series->room) {
		size_t room = series->room ? 2 * series->room : FIRST_ROOM;
		double *values = realloc(series->values, room * sizeof(*values));
		if (!values)
			return;
		series->values = values;
		series->room = room;
	}
	series->values[series->n++] = value;
	series->is_sorted = false;
}

void series_add_all(struct series *series, const struct series *more)
{
	for (size_t i = 0; i < more->n; i++)
		series_add(series, more->values[i]);
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

double series_quantile(struct series *series, double q)
{
	if (series->n == 0)
		return NAN;
	if (!series->is_sorted)
		qsort(series->values, series->n, sizeof(*series->values), compare);
	series->is_sorted = true;

	double at = q * (double)(series->n - 1);
	size_t below = (size_t)at, above = below + 1 < series->n ? below + 1 : below;
	double part = at - (double)below;
	return series->values[below] * (1 - part) + series->values[above] * part;
}

double series_median(struct series *series)
{
	return series_quantile(series, 0.5);
}

double series_spread(struct series *series)
{
	double median = series_median(series);
	return median > 0 ? (series_quantile(series, 0.75) - series_quantile(series, 0.25)) / median
			  : 0;
}

void series_finish(struct series *series)
{
	free(series->values);
	*series = (struct series){ .values = NULL };
}

/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"

struct report;

#define PLOT_WEIGHT 12

/* Make the directory if needed, and check that charts can be drawn into it. 0, or a negative errno
 * after telling why not. */
int plot_prepare(const char *directory);
/* Measure for about @ns, and draw. 0, or a negative errno after telling why. */
int plot_run(struct bench *bench, const struct report *report, uint64_t ns);

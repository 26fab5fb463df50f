/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"

struct report;

#define PLOT_WEIGHT 12

/* Can charts be drawn into the directory, which is made if need be? Says why not. */
int plot_prepare(const char *directory);
/* Measure for about @ns, and draw. A negative errno, which has been said. */
int plot_run(struct bench *bench, const struct report *report, uint64_t ns);

/* SPDX-License-Identifier: MIT */
/* What else the processors have to do while it is measured. */
#pragma once

#include "bench_options.h"

#include <stdint.h>

/* Have it as --beside says, before the guard is created. 0 or a negative errno. */
int beside_begin(enum beside beside);
void beside_end(void);

/* What the machine, and this process, have used since it began. */
struct others {
	uint64_t ns, machine_ns, own_ns;
};
struct others others_note(void);
/* How many processors others have kept busy since, but for the process that --beside asks for. */
double others_since(const struct others *before, enum beside beside);

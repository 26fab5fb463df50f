/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct judge;

#define GROWTH_QUARTERS	     4
#define GROWTH_LEAST_SECONDS 60 /* shorter runs are not judged, since they are still filling */

/* What a process holds. */
struct holdings {
	uint64_t rss, rss_anon; /* bytes */
	uint64_t n_fds;
};

/* The maximum of each in each quarter of the run. */
struct growth {
	struct holdings most[GROWTH_QUARTERS];
	unsigned n_samples[GROWTH_QUARTERS];
};

/* Sample this process. False: /proc cannot be read. */
bool holdings_take(struct holdings *holdings);

void growth_add(struct growth *growth, unsigned quarter, const struct holdings *holdings);
/* Compare the last quarter with the second. @n_mapping threads may have been mapping a region again
 * in any sample: its descriptor is missing meanwhile. */
void growth_judge(const struct growth *growth, struct judge *judge, unsigned n_mapping);

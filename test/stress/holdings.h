/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct judge;

#define GROWTH_QUARTERS	     4
#define GROWTH_LEAST_SECONDS 60 /* shorter runs are not judged: they are still filling up */

/* What a process holds. */
struct holdings {
	uint64_t rss, rss_anon; /* bytes */
	uint64_t n_fds;
};

/* The most of each, by the quarter of the run in which it was seen. */
struct growth {
	struct holdings most[GROWTH_QUARTERS];
	unsigned n_samples[GROWTH_QUARTERS];
};

/* Those of this process. False: /proc does not say. */
bool holdings_take(struct holdings *holdings);

void growth_add(struct growth *growth, unsigned quarter, const struct holdings *holdings);
/* The second quarter against the last. @n_mapping: threads that may have been mapping a region
 * anew, whose descriptor is not there for a moment, when any sample was taken. */
void growth_judge(const struct growth *growth, struct judge *judge, unsigned n_mapping);

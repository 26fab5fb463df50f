/* SPDX-License-Identifier: MIT */
/* How long calls of the kernel about a client's file in memory may wait for that client. Handler or
 * callers, no lock. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct patience {
	uint64_t
		most_ns; /* of waiting within a second; 0: without end. Set before the first call */
	_Atomic uint64_t doubtful_until, since, waited_ns, lost_until; /* all of the coarse clock */
	_Atomic uint32_t n_lost;				       /* so many times */
};

/* Of one call of the kernel, or of some that belong together. */
struct patience_look {
	uint64_t first, begin; /* of all calls; of this one */
	long n_sleeps, n_reads, n_faults;
	bool is_close; /* these were counted */
};

/* Whether it is lost: then leave the file alone for now. */
bool patience_is_lost(const struct patience *patience);
/* Whether calls have taken long lately, so that each should ask for little. */
bool patience_is_doubtful(const struct patience *patience);

/* Around each call. @look: zeros before the first. */
void patience_begin(const struct patience *patience, struct patience_look *look);
void patience_end(struct patience *patience, const struct patience_look *look);

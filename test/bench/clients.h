/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"

struct report;

/* What a server with @n_clients pays, if @n_threads of its threads serve them. */
struct client_cost {
	unsigned n_clients, n_threads;
	double commit_ns; /* of all threads together: from one commit that is brought over to the
			     next */
	double commit_cpu_ns;
	double fault_ns;     /* the same of first looks at a page */
	double client_bytes; /* what is kept for a client that has not been looked at */
	int err;	     /* negative errno: it could not run */
};

#define CLIENTS_WEIGHT 4

/* Measure all, for about @ns. */
void clients_run(struct bench *bench, const struct report *report, uint64_t ns);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "control.h"

#include <stdbool.h>
#include <stdint.h>

/* What became of a process that read a plain mapping under one attack. */
struct experiment {
	bool was_made;
	int signal;  /* that killed it; 0: it lived */
	uint64_t ns; /* from its first read to its end, or how long it lived */
};

/* For each of the @attacks, on the file @fd, which is the first file of the first client. Call
 * before any thread is started. */
void experiment_make_all(struct control *control, int fd, uint32_t attacks,
	struct experiment experiments[N_ATTACKS]);
/* "killed by SIGBUS after 0.2 ms" */
void experiment_describe(const struct experiment *experiment, char *text, int size);

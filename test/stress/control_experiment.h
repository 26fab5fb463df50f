/* SPDX-License-Identifier: MIT */
#pragma once

#include "control.h"

#include <stdbool.h>
#include <stdint.h>

/* How a process ended that read a plain mapping during one attack. */
struct experiment {
	bool was_made;
	int signal;  /* the signal that killed it; 0: it survived */
	uint64_t ns; /* from its first read to its end, or how long it lived */
};

/* Make the experiment for each of the @attacks, on @fd, the first file of the first client. Call
 * before any thread is started. */
void experiment_make_all(struct control *control, int fd, uint32_t attacks,
	struct experiment experiments[N_ATTACKS]);
/* Write how it ended: "killed by SIGBUS after 0.2 ms". */
void experiment_describe(const struct experiment *experiment, char *text, int size);

/* SPDX-License-Identifier: MIT */
/*
 * A process that forks children with guards of their own, for what would end the tester: closing
 * all descriptors, and limits that cannot be raised again.
 */
#pragma once

#include "../support/rng.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum host_attack { HOST_SETUID, HOST_CANCEL, HOST_CLOSE, HOST_FORK, HOST_LIMITS, N_HOST_ATTACKS };

#define HELPER_TEXT 240

/* Shared with the helper and its children. */
struct helper_found {
	_Atomic uint64_t n_done[N_HOST_ATTACKS], n_failed[N_HOST_ATTACKS];
	char doing[HELPER_TEXT];		/* what the child waits for, or has found */
	char text[N_HOST_ATTACKS][HELPER_TEXT]; /* of the latest failure */
};

struct helper {
	pid_t pid; /* 0: there is none */
	struct helper_found *found;
	uint64_t n_reported[N_HOST_ATTACKS];
};

/* What a child needs: a client's file, which is attacked meanwhile. */
struct helper_file {
	int fd;
	uint64_t length;
};

/* Fork it, for those of @attacks that are its. 0 or a negative errno. */
int helper_start(struct helper *helper, uint32_t attacks, const struct helper_file *files,
	unsigned n_files, struct rng rng);
void helper_stop(struct helper *helper);

/* The children (host_child.c): answer 0, or describe in @text what was wrong. Beside the standard
 * descriptors they have that of the file, and no other. */
int child_closes(struct rng *rng, const struct helper_file *file, char *text);
int child_lowers_limits(struct rng *rng, const struct helper_file *file, char *text);

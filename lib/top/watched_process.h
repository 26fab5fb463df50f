/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/published.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define COMMAND_LETTERS 16

struct process {
	pid_t pid;
	int pidfd; /* stays with this process, even if its number is used again */
	char command[COMMAND_LETTERS + 1];
};

/* What the guards of a process say at one moment. */
struct reading {
	uint64_t at_ns; /* of CLOCK_MONOTONIC */
	size_t n_guards;
	struct published *guards;
	bool has_other_version; /* a guard of another version of the library was found */
};

/* 0, -ESRCH, or another negative errno. */
int process_open(struct process *process, pid_t pid);
void process_close(struct process *process);
bool process_ends_within(const struct process *process, int milliseconds);

/* 0, even if there is no guard. -EACCES, -ENOMEM; -ENOENT: the process has ended. */
int process_read(const struct process *process, struct reading *reading);
void reading_free(struct reading *reading);

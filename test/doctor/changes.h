/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

#include <stddef.h>

#define MOST_COMMANDS 6

/* Something to change on the machine, in a container, or in a server's settings. */
struct change {
	const char *id; /* for programs: does not change */
	bool is_needed; /* without it, or another one so marked, the library does not work */
	char why[400];
	char commands[MOST_COMMANDS][300]; /* as root, in order; may be none */
	unsigned n_commands;
};

#define MOST_CHANGES 12

/* What applies here, the most needed first: how many. */
unsigned changes_make(const struct facts *facts, struct change changes[MOST_CHANGES]);

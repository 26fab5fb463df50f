/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

#include <stddef.h>

#define MOST_COMMANDS 6

/* Something to change on the machine, in a container, or in a server's settings. */
struct change {
	const char *id; /* for programs; stable */
	bool is_needed; /* the library does not work without one of the changes that are marked so
			 */
	char why[400];
	char commands[MOST_COMMANDS][300]; /* as root, in this order; may be none */
	unsigned n_commands;
};

#define MOST_CHANGES 12

/* List the changes that apply here, the most needed first. Answers how many. */
unsigned changes_make(const struct facts *facts, struct change changes[MOST_CHANGES]);

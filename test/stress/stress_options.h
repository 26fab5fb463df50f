/* SPDX-License-Identifier: MIT */
#pragma once

#include "../support/loop_wish.h"
#include "modes.h"

#include <stdbool.h>
#include <stdint.h>

/* What main() answers. */
enum exit_code { EXIT_NO_VIOLATION, EXIT_VIOLATION, EXIT_USAGE, EXIT_NOT_RUN };

struct options {
	unsigned n_clients, n_readers, n_regions;
	unsigned seconds;
	uint64_t seed;
	uint64_t size;	  /* bytes of a file */
	uint32_t attacks; /* a bit for each enum attack */
	uint32_t host;	  /* a bit for each enum host_attack */
	enum mode mode;
	uint64_t budget; /* max_resident of each guard, bytes; 0: none */
	enum loop_wish loop;
	bool unprivileged, json, selftest, no_control;
};

/* As cli_parse(). */
int stress_options_parse(struct options *options, int argc, char **argv);

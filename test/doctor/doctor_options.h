/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* What main() answers. */
enum exit_code { EXIT_WORKS, EXIT_WORKS_NOT, EXIT_USAGE, EXIT_NOT_RUN };

struct options {
	bool json, unprivileged;
};

/* As cli_parse(). */
int doctor_options_parse(struct options *options, int argc, char **argv);

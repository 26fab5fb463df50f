/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* What main() answers. */
enum exit_code { EXIT_WORKS, EXIT_WORKS_NOT, EXIT_USAGE, EXIT_NOT_RUN };

struct options {
	bool json, unprivileged;
};

/* 0, or what main() shall answer at once in *exit_code: after --help and --version, or an error
 * that has been said. */
int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code);

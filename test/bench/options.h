/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What main() answers. Rows that miss their target are no failure: this is a program, not a test.
 */
enum exit_code { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_NOT_RUN = 3 };

enum loop_wish { LOOP_BEST, LOOP_URING, LOOP_POLL };

struct options {
	uint32_t width, height; /* of a frame, in pixels of 4 bytes */
	unsigned seconds;
	enum loop_wish loop;
	bool json;
	const char *filter;	    /* names with commas between them; NULL: everything */
	const char *plot_directory; /* NULL: no charts */
};

/* 0, or what main() shall answer at once in *exit_code: after --help and --version, or an error
 * that has been said. */
int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code);
/* Shall @name run? Each name of a filter is one of a row, of its group, or "growth" or "plot". */
bool options_want(const struct options *options, const char *name);

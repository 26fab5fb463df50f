/* SPDX-License-Identifier: MIT */
#pragma once

#include "../support/loop_wish.h"

#include <stdbool.h>
#include <stdint.h>

/* What main() answers. A row that misses its target is no failure: this is a program, not a test.
 */
enum exit_code { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_NOT_RUN = 3 };

struct frame {
	uint32_t width, height; /* in pixels of 4 bytes */
};

enum beside { BESIDE_FREE, BESIDE_ONE, BESIDE_BUSY };

struct options {
	struct frame frame;
	unsigned seconds;
	enum loop_wish loop;
	enum beside beside;
	bool json;
	const char *filter;	    /* names with commas between them; NULL: everything */
	const char *plot_directory; /* NULL: no charts */
};

/* As cli_parse(). */
int bench_options_parse(struct options *options, int argc, char **argv);
/* Whether @name is to run. Each name of a filter is one of a row, of its group, or "growth" or
 * "plot". */
bool bench_options_want(const struct options *options, const char *name);

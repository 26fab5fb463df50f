/* SPDX-License-Identifier: MIT */
#pragma once

#include "interval.h"

#include <stdbool.h>
#include <sys/types.h>

enum exit_code {
	EXIT_DONE,
	EXIT_ENDED, /* the process ended while it was watched */
	EXIT_USAGE,
	EXIT_NOT_FOUND, /* also for output that cannot be written */
};

struct options {
	pid_t pid; /* 0: find one */
	double interval;
	unsigned count; /* of intervals; 0: no end */
	enum sort_key sort;
	bool is_once, is_json, is_plain, is_list;
};

/* As cli_parse(). */
int top_options_parse(struct options *options, int argc, char **argv);

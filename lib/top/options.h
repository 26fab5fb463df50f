/* SPDX-License-Identifier: MIT */
#pragma once

#include "interval.h"

#include <stdbool.h>
#include <sys/types.h>

enum exit_code {
	EXIT_DONE,
	EXIT_ENDED, /* the process, while it was watched */
	EXIT_USAGE,
	EXIT_NOT_FOUND,
};

struct options {
	pid_t pid; /* 0: find one */
	double interval;
	unsigned long count; /* of intervals; 0: no end */
	enum sort_key sort;
	bool is_once, is_json, is_plain, is_list;
};

/* 0; or -ECANCELED, -EINVAL, and all is said: leave with *exit_code. */
int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code);

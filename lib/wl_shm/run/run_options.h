/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#define PROGRAM "uffd-guard-run"

/* Exit codes as of env(1); every other one is the command's own. */
enum exit_code {
	EXIT_CANNOT = 125,  /* wrong usage, or the machine does not allow it */
	EXIT_NOT_RUN = 126, /* the command was found and cannot be run guarded */
	EXIT_NOT_FOUND = 127,
};

struct run_options {
	const char *mode; /* NULL: leave SETTING_MODE as it is */
	bool only_check;
	bool stats, json;
	bool mmap;
	bool require;
	char **command; /* with its arguments; NULL with only_check */
};

/* Answers what cli_parse() answers. */
int run_options_parse(struct run_options *options, int argc, char **argv);

/* SPDX-License-Identifier: MIT */
/* run/: the program uffd-guard-run. It has one thread, and no lock. */
#pragma once

#include "run/run_check.h"

struct watch;

/* Put the libraries of @directory into LD_PRELOAD, before what is in there, as the command is
 * placed. 0, or -1 after a message. */
int run_prepare(const struct run_options *options, const struct run_command *command,
	const char *directory);

/* Become the command. Answers an exit code if that fails. */
int run_become(const struct run_options *options, const char *path);

/* Hand the descriptor of the counters on to the library. 0, or -1 after a message. */
int run_prepare_stats(const struct run_options *options, int stats_fd);

/* Run the command as a child, and pass signals on to it. Tell if it turns out not to be guarded;
 * with options->require, end it. Answers its wait status, or -1 after a message. */
int run_and_wait(const struct run_options *options, const char *path, const struct watch *watch);

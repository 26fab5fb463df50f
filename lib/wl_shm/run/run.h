/* SPDX-License-Identifier: MIT */
#pragma once

#include "run/run_options.h"

struct shm_stats;

/* Puts the libraries of @directory into the environment, in front of what is there. */
int run_prepare(const struct run_options *options, const char *directory);

/* Becomes the command. Answers an exit code if it cannot. */
int run_become(const struct run_options *options, const char *path);

/* Runs the command as a child and answers its wait status, or -1 after telling. Signals to this
 * process go on to it. @stats_fd is left open for it. */
int run_and_wait(const struct run_options *options, const char *path, int stats_fd);

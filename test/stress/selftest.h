/* SPDX-License-Identifier: MIT */
#pragma once

#include "stress_options.h"

/* Show the judge one breach of each promise. EXIT_NO_VIOLATION if it has seen them all. */
enum exit_code selftest_run(void);

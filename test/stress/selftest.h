/* SPDX-License-Identifier: MIT */
#pragma once

#include "stress_options.h"

/* Show the judge one breach of each promise. EXIT_NO_VIOLATION: it noticed them all. */
enum exit_code selftest_run(void);

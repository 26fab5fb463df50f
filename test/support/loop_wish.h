/* SPDX-License-Identifier: MIT */
/* --loop of the programs that try the library. */
#pragma once

#include <stddef.h>

enum loop_wish { LOOP_URING, LOOP_POLL, LOOP_BEST };

static const char *const loop_wishes[] = { [LOOP_URING] = "uring", [LOOP_POLL] = "poll", NULL };

/* SPDX-License-Identifier: MIT */
/* The option --loop of uffd-guard-stress and uffd-guard-bench. */
#pragma once

#include <stddef.h>

enum loop_wish { LOOP_URING, LOOP_POLL, LOOP_BEST };

static const char *const loop_wishes[] = { [LOOP_URING] = "uring", [LOOP_POLL] = "poll", NULL };

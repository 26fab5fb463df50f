/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

/* Runs in a child. Answers 0 or a negative errno. It need not free anything, since its process
 * ends. */
typedef int attempt_fn(struct facts *facts);

/* Run @probe in a child. @facts must be in memory that children share. 0, or a negative errno if no
 * child could be started. */
int attempt_make(struct facts *facts, enum attempt_id id, attempt_fn *fn);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

/* Tries something in a child: 0 or a negative errno. Leaks freely, since its process ends. */
typedef int attempt_fn(struct facts *facts);

/* Facts must be in memory that is shared with children. 0, or a negative errno: no child could be
 * started. */
int attempt_make(struct facts *facts, enum attempt_id id, attempt_fn *fn);

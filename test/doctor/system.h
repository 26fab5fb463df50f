/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

/* What can be read without trying anything. What cannot be read stays UNKNOWN or empty. */
void system_read(struct facts *facts);

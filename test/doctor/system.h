/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

/* Read all facts that need no attempt. A fact that cannot be read stays UNKNOWN or empty. */
void system_read(struct facts *facts);

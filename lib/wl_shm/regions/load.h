/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* True if libwayland-server is newer than this library, and could not be left to itself. */
bool load_is_outdated(void);

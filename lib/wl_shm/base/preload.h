/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* The process that this library was preloaded for, not a shell on the way to it. */
bool preload_is_for_this_process(void);

/* Take the library out of LD_PRELOAD, so that what the compositor starts is without it. True
 * if it was in there. */
bool preload_remove_from_environment(const char *library);

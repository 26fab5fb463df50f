/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* True in the process that this library was preloaded for; false in a shell that starts it. */
bool preload_is_for_this_process(void);

/* Remove @library from LD_PRELOAD, so that programs which the compositor starts do not get it. True
 * if it was in the list. Call it before there are threads. */
bool preload_remove_from_environment(const char *library);

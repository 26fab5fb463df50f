/* SPDX-License-Identifier: MIT */
#pragma once

#include "run/run_options.h"

#include <limits.h>
#include <stdint.h>

#define LIBRARY	     "libuffd_guard_wl_shm.so"
#define LIBRARY_MMAP "libuffd_guard_mmap.so"

/* The directory of the libraries: beside this program as it was built, or as it is installed. 0, or
 * a negative errno after telling that there is none, or that one of them cannot be loaded. */
int run_check_libraries(bool with_mmap, char directory[PATH_MAX]);

/* Whether memory can be guarded here, and by what. 0, or a negative errno after telling what to do.
 */
int run_check_machine(uint32_t *features);

/* Where the command is. 0, or the exit code after telling why it cannot be guarded. */
int run_check_command(const char *name, char path[PATH_MAX]);

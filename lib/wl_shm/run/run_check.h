/* SPDX-License-Identifier: MIT */
#pragma once

#include "run/run_options.h"

#include <limits.h>
#include <stdint.h>

#define LIBRARY	     "libuffd_guard_wl_shm.so"
#define LIBRARY_MMAP "libuffd_guard_mmap.so"

/* For programs with a wl_shm of their own. */
#define LIBRARY_WAYLAND "libuffd_guard_wayland.so"

/* Find the directory of the libraries, in the build directory or installed. 0, or a negative errno
 * after a message: there is none, or a library cannot be loaded. */
int run_check_libraries(bool with_mmap, char directory[PATH_MAX]);

/* Check that memory can be guarded here, and by what. 0, or a negative errno after a message on
 * what to do. */
int run_check_machine(uint32_t *features);

/* Find a program as execvp(3) does. */
bool run_find_command(const char *name, char path[PATH_MAX]);

/* Find the command. 0, or an exit code after a message: it cannot be run, or not be guarded.
 * *by_name: with file capabilities, it can be guarded by LIBRARY_WAYLAND of @directory alone, and
 * that by its name. */
int run_check_command(const char *name, const char *directory, char path[PATH_MAX], bool *by_name);

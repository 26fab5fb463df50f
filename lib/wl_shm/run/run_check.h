/* SPDX-License-Identifier: MIT */
#pragma once

#include "run/run_options.h"

#include <limits.h>
#include <stdint.h>

/* Below the directory in which they are, which is the loader's if they are installed there. The
 * one that stands in front of mmap(2) is where nobody links with it by mistake. */
#define LIBRARY	     "libuffd_guard_wl_shm.so"
#define LIBRARY_MMAP "uffd_guard/libuffd_guard_mmap.so"

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

/* How a library gets in front of a program. A program with file capabilities is loaded in secure
 * mode: the loader takes no library for it by a path. */
enum placing {
	PLACED_BY_PATH,
	PLACED_BY_NAME,	 /* in secure mode: LIBRARY_WAYLAND alone, if it may go into all programs */
	PLACED_BY_ITSELF /* the same: the program, or the libwayland-server of all, needs it */
};

struct run_command {
	char path[PATH_MAX];
	enum placing placing;
};

/* True if the loader puts LIBRARY_WAYLAND of @directory in front of programs in secure mode too, if
 * that is asked for by its name. */
bool run_is_let_into_all(const char *directory);

/* Find the command. 0, or an exit code after a message: it cannot be run, or not be guarded. */
int run_check_command(const char *name, const char *directory, struct run_command *command);

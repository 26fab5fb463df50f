/* SPDX-License-Identifier: MIT */
#pragma once

#include "run/run_check.h"

/* How a program gets wl_shm. */
enum serving {
	SERVING_UNKNOWN,   /* a script: it depends on what it starts */
	SERVING_FOREIGN,   /* a program of another kind of machine: the library does not fit */
	SERVING_NOTHING,   /* it does not need libwayland-server */
	SERVING_OWN,	   /* it needs that, and has a wl_shm of its own: by LIBRARY_WAYLAND */
	SERVING_LIBWAYLAND /* it asks libwayland-server for wl_shm */
};

/* By which ways a program can be guarded. */
struct ways {
	enum serving serving;  /* LIBWAYLAND: by the library in front of that */
	bool gets_copies;      /* by LIBRARY_WAYLAND */
	int trial;	       /* of that: what run_trial() has answered */
	bool receives_files;   /* over sockets; those that it maps to read them: by --mmap */
	char asker[PATH_MAX];  /* what asks for wl_shm: the program, or one of its libraries */
	char server[PATH_MAX]; /* its libwayland-server; "" if it needs none */
};

/* Look at a program that is no script of a shell, and all libraries that the loader finds for it,
 * and have LIBRARY_WAYLAND of @directory try itself. Of the program only the loader runs. */
void ways_find(struct ways *ways, const struct run_command *command, const char *directory);

/* True if something of it would be guarded, or if that cannot be told. */
bool ways_are_there(const struct ways *ways, bool with_mmap);

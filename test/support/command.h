/* SPDX-License-Identifier: MIT */
/* Run a program, and read what it prints. */
#pragma once

#include <sys/types.h>

#define COMMAND_WORDS 16

struct command {
	const char *words[COMMAND_WORDS]; /* the program and its arguments; ends with NULL */
	void (*prepare)(void);		  /* runs in the new process before it; may be NULL */
	const char *output;		  /* the file that it writes to; NULL: .text */

	pid_t child;
	int out, error; /* descriptors to read from, until command_finish() */
	char text[1 << 20], complaint[4096];
	int exit_code; /* -1: it was killed */
};

void command_start(struct command *command);
/* Read all output that is left, and wait for the end of the program. */
void command_finish(struct command *command);
void command_run(struct command *command);

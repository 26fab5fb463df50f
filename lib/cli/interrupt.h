/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM and SIGHUP, for a program that tells at its end what it has measured. */
#pragma once

#include <stdint.h>

/* From now on these signals wait, for this thread and those that it starts, until one of the
 * functions below takes the first. A second one ends the program at once. A signal that whoever
 * started us ignores (nohup) stays ignored. */
void interrupt_expect(void);

/* The signal that has come, or 0. */
int interrupt_came(void);

/* The same, after waiting for one for @ns. */
int interrupt_wait(uint64_t ns);

/* With what a program ends that was interrupted: 130 after SIGINT. */
int interrupt_exit_code(int signal_number);

/* SPDX-License-Identifier: MIT */
/* Interruption by SIGINT, SIGTERM or SIGHUP, for a program that reports what it has measured. */
#pragma once

#include <stdint.h>

/* Block these signals, for this thread and those that it starts, until a function below takes the
 * first one. A second one then ends the program at once. A signal that is ignored when the program
 * starts (nohup) stays ignored. */
void interrupt_expect(void);

/* The signal that has come, or 0. */
int interrupt_came(void);

/* Wait for a signal, at most @ns. Answers it, or 0. */
int interrupt_wait(uint64_t ns);

/* The exit code after @signal_number: 130 for SIGINT. */
int interrupt_exit_code(int signal_number);

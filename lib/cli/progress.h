/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Say on standard error how far the program is. A terminal's line is overwritten, and cut to its
 * width. Elsewhere, in a pipe or a log, a line is printed now and then: every ten seconds, and none
 * by a program that is done sooner. */
__attribute__((format(printf, 1, 2))) void progress_show(const char *format, ...);
void progress_clear(void);

/* How often a line is printed where none can be overwritten, for tests of this. */
void progress_set_interval(uint64_t ns);

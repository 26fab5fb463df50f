/* SPDX-License-Identifier: MIT */
#pragma once

/* Overwrite the line of progress on a terminal. Elsewhere nothing is printed. */
__attribute__((format(printf, 1, 2))) void progress_show(const char *format, ...);
void progress_clear(void);

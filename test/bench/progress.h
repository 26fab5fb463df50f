/* SPDX-License-Identifier: MIT */
#pragma once

/* One line on a terminal, written over again and again; nothing elsewhere. */
__attribute__((format(printf, 1, 2))) void progress_show(const char *format, ...);
void progress_clear(void);

/* SPDX-License-Identifier: MIT */
/* A scanner of files that does not answer: before each read(2) of a file on the tmpfs that it
 * watches, the kernel asks it, and waits (fanotify(7), FAN_ACCESS_PERM). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on this process has a /tmp of its own, which is watched. Answers the scanner, or -1
 * after runner_skip(). To close it lets all go that it has held up. */
int scanner_start(void);
void scanner_end(int *scanner); /* once more is a no-op */
/* A file there, of so many pages with page_value(). About files that were opened before the scanner
 * came, newer kernels (6.14) do not ask. */
int scanner_create_file(const char *path, size_t n_pages);

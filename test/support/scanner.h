/* SPDX-License-Identifier: MIT */
/* A scanner of files that does not answer: before each read(2) of a file on the tmpfs that it
 * watches, the kernel asks it, and waits (fanotify(7), FAN_ACCESS_PERM). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* From now on this process has a /tmp of its own, which is watched. Answers the scanner, or -1
 * after runner_skip(). To close it lets all go that it has held up. */
int scanner_start(void);
/* It is not asked about that file, until it watches it again. */
void scanner_ignore(int scanner, const char *path);
void scanner_watch(int scanner, const char *path);
void scanner_end(int *scanner); /* once more is a no-op */

/* A thread that answers in its place, for a while: all may be read. */
struct scanner_answers {
	int scanner;
	pthread_t thread;
	atomic_bool shall_end;
};
void scanner_start_answering(struct scanner_answers *answers, int scanner);
void scanner_stop_answering(struct scanner_answers *answers);

/* A file there, of so many pages with page_value(). About files that were opened before the scanner
 * came, newer kernels (6.14) do not ask. */
int scanner_create_file(const char *path, size_t n_pages);

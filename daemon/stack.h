/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>

/* Start a thread that has some hundred KiB of stack beside the program's thread-local storage. 0,
 * or an error as pthread_create(3) gives it. */
int stack_start_thread(pthread_t *thread, void *(*run)(void *data), void *data);

/* On that thread: have the pages that it will use, so that a fault of its own needs no memory. */
void stack_touch(void);

/* SPDX-License-Identifier: MIT */
/* A thread that reads a byte and may have to wait for it; and the guard's handler. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct reader {
	pthread_t thread;
	volatile unsigned char *address;
	atomic_int value; /* -1 until it is read */
};

void reader_start(struct reader *reader, volatile unsigned char *address);
/* Wait for the reader. Answers the byte that it read. */
int reader_finish(struct reader *reader);

/* Whoever is the first to read a region of holes waits for the handler: now it gives up. */
struct fixture;
void assert_handler_gives_up(struct fixture *f);

/* The kernel's number of a thread of this process with that name, or 0. */
pid_t find_thread(const char *name);
/* That of the thread named uffd-guard. Exactly one guard must exist. */
pid_t find_handler(void);

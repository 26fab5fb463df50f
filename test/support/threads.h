/* SPDX-License-Identifier: MIT */
/* Threads of a test: one that reads a byte and may have to wait for it; the guard's own. */
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
/* What it has read. A hang is the test's timeout. */
int reader_finish(struct reader *reader);

/* Whoever is the first to read a region of holes waits for the handler: now it gives up. */
struct fixture;
void assert_handler_gives_up(struct fixture *f);

/* The kernel's number of the thread named uffd-guard: there must be one guard. */
pid_t find_handler(void);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "starvation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct judge;

/* What may not return: a load, whose fault is answered by the library's threads alone; a call,
 * which may wait for other callers; and a reader that was told to stop. */
enum watched { WATCHED_LOAD, WATCHED_CALL, WATCHED_STOP, N_WATCHED };

/* What one thread is doing that may take too long. */
struct watch {
	_Atomic uint64_t since; /* clock_coarse_ns() of its begin; 0: nothing is being done */
	atomic_uint what;	/* enum watched */
	atomic_uint file;
	atomic_int thread; /* that does it */
	_Atomic uint64_t longest_load_ns;
	_Atomic uint64_t reported; /* .since of what the watchdog has reported */

	/* Of the watchdog alone. */
	uint64_t seen;	     /* .since of what it saw last */
	uint64_t starved_ns; /* of that */
	uint64_t excused;    /* .since of what was too late, and for want of a processor */
};

struct watchdog {
	struct judge *judge;
	struct watch *watches;
	unsigned n_watches;
	uint64_t limits_ns[N_WATCHED]; /* without the time that threads were kept from processors */
	_Atomic uint64_t n_excused;    /* by which alone they were kept */
	struct starvation starvation;
	atomic_bool shall_stop;
	pthread_t thread;
};

/* However busy the machine is, more times its limit is too long for anything. */
#define MOST_LIMITS 10

/* Set judge, watches and limits before. 0 or a negative errno. */
int watchdog_start(struct watchdog *watchdog);
void watchdog_stop(struct watchdog *watchdog);

/* The calling thread begins. */
void watch_begin(struct watch *watch, enum watched what, uint32_t file);
/* Another thread does. */
void watch_begin_of(struct watch *watch, enum watched what, uint32_t file, pid_t thread);
void watch_end(struct watch *watch);
bool watch_is_reported(const struct watch *watch);

/* The longest load that has returned, exact to some milliseconds. */
uint64_t watchdog_longest_load(const struct watchdog *watchdog);

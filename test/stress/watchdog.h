/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct judge;

enum watched { WATCHED_LOAD, WATCHED_CALL };

/* What one thread is doing that may take too long. */
struct watch {
	_Atomic uint64_t since; /* clock_coarse_ns() of its begin; 0: nothing is being done */
	atomic_uint what;	/* enum watched */
	atomic_uint file;
	_Atomic uint64_t longest_load_ns;
	uint64_t reported; /* only the watchdog uses it: .since of what it has reported */
};

struct watchdog {
	struct judge *judge;
	struct watch *watches;
	unsigned n_watches;
	uint64_t load_limit_ns, call_limit_ns;
	atomic_bool shall_stop;
	pthread_t thread;
};

/* Set all members but shall_stop and thread before. 0 or a negative errno. */
int watchdog_start(struct watchdog *watchdog);
void watchdog_stop(struct watchdog *watchdog);

void watch_begin(struct watch *watch, enum watched what, uint32_t file);
void watch_end(struct watch *watch);

/* The longest load that has returned, exact to some milliseconds. */
uint64_t watchdog_longest_load(const struct watchdog *watchdog);

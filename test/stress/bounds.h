/* SPDX-License-Identifier: MIT */
/* Look all the time at what the guards hold, and at what the process does. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

struct bounds {
	struct server *server;
	uint64_t at_start; /* bytes of its own that the process had before there were guards */
	int statm;
	pthread_t thread;
	bool is_running;
	atomic_bool shall_stop;
};

/* Call before guards are created. */
void bounds_init(struct bounds *bounds, struct server *server);
/* 0 or a negative errno; nothing is started without a budget. */
int bounds_start(struct bounds *bounds);
void bounds_stop(struct bounds *bounds);

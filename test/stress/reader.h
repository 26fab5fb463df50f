/* SPDX-License-Identifier: MIT */
#pragma once

#include "../support/rng.h"
#include "judge.h"

#include <pthread.h>

struct server;
struct slot;
struct watch;

struct reader {
	struct server *server;
	struct watch *watch;
	struct rng rng;
	struct reading reading, again;
	uint64_t *latest; /* [max_pages] rewrites that the client had published before a call */
	pthread_t thread;
};

/* The thread: do one thing after another to one slot after another until the server stops. @data is
 * its struct reader. */
void *reader_run(void *data);

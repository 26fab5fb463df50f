/* SPDX-License-Identifier: MIT */
/* A second thread, which stands in for a handler that a scanner of files holds up. */
#pragma once

#include <stdint.h>

struct handler;
struct relief;
struct sandbox;
struct scheduling;
struct server;

struct relief_options {
	struct server *server; /* the handler's */
	const struct sandbox *sandbox;
	const struct scheduling *scheduling;
	uint64_t patience_ns; /* how long the handler may be held up */
	/* On the thread, when it has served to the end and the handler is still held up: takes
	 * server over from it. */
	void (*end)(struct handler *handler);
	struct handler *handler;
};

/* Callers. NULL: no memory, or no thread. */
struct relief *relief_start(const struct relief_options *options);
/* Once the server has ended. NULL is a no-op. */
void relief_stop(struct relief *relief);

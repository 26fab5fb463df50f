/* SPDX-License-Identifier: MIT */
#pragma once

#include "control.h"
#include "histogram.h"
#include "judge.h"
#include "watchdog.h"

#include <uffd_guard.h>

#include <stdbool.h>

struct client;
struct options;

#define N_LOSS_REASONS 5

struct server {
	const struct options *options;
	struct control *control;
	struct uffd_guard *guard;

	struct slot *slots;
	unsigned n_slots;
	struct reader *readers;
	unsigned n_readers; /* started */
	pthread_t dispatcher;
	atomic_bool shall_stop;

	struct judge judge;
	struct watchdog watchdog;
	struct histogram first_touch;
	_Atomic uint64_t n_maps; /* maps in place of an unmapped region */
	_Atomic uint64_t bytes_lost[N_LOSS_REASONS];
	_Atomic uint64_t pages_lost[N_ATTACKS + 1]; /* past the end of the file, by attack */
};

/* Open files that a run needs at least. */
uint64_t server_least_descriptors(const struct options *options);
/* Before the clients' files come. 0 or a negative errno. */
int server_init(struct server *server, const struct options *options, struct control *control);
void server_take_file(struct server *server, uint32_t file, int fd);

/* Create the guard, map all files, start the threads. 0, or a negative errno after saying why. */
int server_start(struct server *server);
/* False: a thread has not come back, and nothing may be torn down. */
bool server_stop_readers(struct server *server);
/* Unmap, destroy, free. */
void server_finish(struct server *server);

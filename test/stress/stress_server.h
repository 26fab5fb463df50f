/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "capture.h"
#include "control.h"
#include "histogram.h"
#include "holdings.h"
#include "host.h"
#include "judge.h"
#include "watchdog.h"

#include <uffd_guard.h>

#include <stdbool.h>

struct client;
struct options;

#define N_LOSS_REASONS 5

enum guard_kind { GUARD_LAZY, GUARD_EAGER, N_GUARDS };

struct server {
	const struct options *options;
	struct control *control;
	struct uffd_guard *guards[N_GUARDS]; /* NULL: the mode has no such guard */

	struct slot *slots;
	unsigned n_slots;
	struct capture *captures; /* [n_clients] */
	uint64_t n_grown;	  /* captures, as far as they were reported */
	struct reader *readers;
	unsigned n_readers; /* number of readers that were started */
	pthread_t dispatcher;
	atomic_bool shall_stop;

	struct judge judge;
	struct watchdog watchdog;
	struct growth growth;
	struct host host;
	struct bounds bounds;
	struct histogram first_touch;
	_Atomic uint64_t n_maps; /* how often a region was unmapped and mapped again */
	_Atomic uint64_t bytes_lost[N_LOSS_REASONS];
	_Atomic uint64_t pages_lost[N_ATTACKS + 1]; /* past the end of the file, by attack */
};

/* The least number of open files that a run needs. */
uint64_t server_least_descriptors(const struct options *options);
/* Call before the clients' files come. 0 or a negative errno. */
int server_init(struct server *server, const struct options *options, struct control *control);
void server_take_file(struct server *server, uint32_t file, int fd);

/* Create the guards, map all files, start the threads. 0, or a negative errno after telling why. */
int server_start(struct server *server);
/* Sum the counters of all guards. */
struct uffd_guard_stats server_stats(const struct server *server);
/* Features that every guard has. */
uint32_t server_features(const struct server *server);
/* The number of threads that may fill pages at the same time. */
unsigned server_n_fillers(const struct server *server);

/* False: a reader hangs, so nothing may be unmapped or freed. */
bool server_stop_readers(struct server *server);
/* Unmap, destroy, free. */
void server_finish(struct server *server);

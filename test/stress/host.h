/* SPDX-License-Identifier: MIT */
/*
 * What a program and its libraries do to their own process: the guard has to stand it, and must not
 * be what hinders them.
 */
#pragma once

#include "../support/rng.h"
#include "host_helper.h"

#include <pthread.h>
#include <stdatomic.h>

struct server;
struct watch;

const char *host_attack_name(enum host_attack attack);

struct host {
	struct server *server;
	struct helper helper;
	struct rng rng;
	struct watch *watch; /* of the thread */
	pthread_t thread;
	bool is_running;
	atomic_bool shall_stop;
	_Atomic uint64_t n_done[N_HOST_ATTACKS];
};

/* Fork the helper. Call before any thread is started, when the files of the clients have come. 0 or
 * a negative errno. */
int host_init(struct host *host, struct server *server);
/* 0 or a negative errno. */
int host_start(struct host *host);
/* Report what the helper has found since the last call. */
void host_judge(struct host *host);
uint64_t host_attacks_done(const struct host *host, enum host_attack attack);
void host_stop(struct host *host);

/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-server.h>

struct shm_program;

/* What copies and waits of one program, or of all, have cost of late. All is under the lock. */
struct allowance {
	pthread_mutex_t lock; /* order: wl_shm_pool.lock, then this */
	uint64_t spent;	      /* bytes in period */
	int64_t period;

	/* Of all programs; nanoseconds. */
	int64_t paid_until;		/* when their copies are paid */
	const struct shm_program *next; /* who comes first then; only to compare with; or NULL */
	int64_t next_served_at, next_asked_at;
};

struct forgiveness {
	unsigned n_timeouts; /* waits for files that timed out, since timeouts_since */
	int64_t timeouts_since, last_timeout; /* milliseconds */
};

/* Copies in all pools of a program: wl_shm_pool.blocks. */
struct memory_account {
	_Atomic uint64_t in_use, unused; /* bytes */
	pthread_mutex_t lock;		 /* order: wl_shm_pool.lock, then this */
	struct wl_list reclaimable; /* lock; of wl_shm_pool.reclaimable, the latest used first */
};

/* A process that has used wl_shm, with all its connections: what it may cost is its own, however
 * many of them it makes. It is kept for some seconds after the last, so that nothing is forgiven by
 * connecting again. */
struct shm_program {
	struct programs *programs;
	pid_t pid;
	uid_t uid;
	unsigned references; /* of its clients */
	struct wl_list gone; /* programs.gone; without references */
	int64_t gone_at;     /* milliseconds; the same */
	unsigned n_pools;    /* or rather their descriptors */
	struct wl_list
		unsealed; /* wl_shm_pool.unsealed: its files that the guard has not sealed yet */
	unsigned n_left_unsealed; /* of pools that are gone */
	struct wl_list shadows;	  /* of shadows/: struct shadow.link, the latest first */
	struct memory_account memory;
	struct allowance allowance;
	int64_t served_at; /* nanoseconds; under the lock of the allowance of all */
	struct forgiveness forgiveness;
};

/* Those of a display. */
struct programs {
	void *by_process;    /* a tree of tsearch(3): those that have a number here */
	struct wl_list gone; /* shm_program.gone, the latest first */
	unsigned n_gone;
};

void programs_init(struct programs *programs);

/* Destroy the records; no client is left. */
void programs_finish(struct programs *programs);

/* The record of the process that @wl_client is a connection of, with one more reference. NULL
 * without memory. */
struct shm_program *program_of(struct programs *programs, struct wl_client *wl_client);
void program_unref(struct shm_program *program);

/* Whose descriptors they are, for close_aside.h and exchange.h. @program may be NULL. */
uint64_t program_as_owner(const struct shm_program *program);

int64_t milliseconds_now(void);

#define CLIENT_PERIOD 16 /* milliseconds */

/* Bytes; one of 7680x4320 has 127 MiB. The first copy of a period may be so large, whatever the
 * allowance. */
#define LARGEST_PICTURE (UINT64_C(128) << 20)

/* Number of the current CLIENT_PERIOD. Any thread. */
int64_t client_period(void);

void allowance_init(struct allowance *allowance);

/* Begin to measure a copy, and end: the time that it took is charged to all, since how long bytes
 * take is the machine's. Any thread. */
int64_t allowance_begin(void);
void allowance_end(struct allowance *of_all, int64_t begun);

/* Charge bytes that are copied before anybody asked to read them; false if the program's allowance
 * of this period is spent, or that of all. Any thread. */
bool program_may_spend(struct shm_program *program, struct allowance *of_all, uint64_t bytes);

/* The same for bytes that somebody may read now. False if the program's allowance is spent, or too
 * much is owed by all; with @is_again, that somebody had them less than a period ago, a little is
 * too much. Any thread. */
bool program_may_have(
	struct shm_program *program, struct allowance *of_all, uint64_t bytes, bool is_again);

/* Count a read of a file that timed out; true if that was one too many. */
bool program_is_too_slow(struct shm_program *program, struct forgiveness *of_all);

/* True for some seconds after program_is_too_slow(): its files may not block again; or, after all
 * were too slow together, those of a server. */
bool program_is_in_disgrace(
	const struct shm_program *program, const struct forgiveness *of_all, bool has_server);

/* SPDX-License-Identifier: MIT */
/* Counters for `uffd-guard-run --stats`. They lie in memory that is shared with uffd-guard-run,
 * which can read them even if the compositor was killed; without it, in static memory. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SHM_STATS_MAGIC	  UINT64_C(0x7566666467313031)
#define SHM_STATS_CLIENTS 64 /* with losses; the last row sums up all further ones */
#define SHM_STATS_NAME	  16

struct shm_stats_client {
	_Atomic int32_t pid; /* 0: row is free; -1: sum of several clients; written after name */
	char name[SHM_STATS_NAME];
	_Atomic uint64_t losses, bytes_lost;
	atomic_bool is_disconnected;
};

struct shm_stats {
	uint64_t magic;
	bool has_reporter;	/* uffd-guard-run tells at the end what happened */
	_Atomic uint64_t loads; /* processes that the library is for, and in */
	_Atomic uint64_t displays;
	_Atomic uint64_t pools[3]; /* by enum uffd_guard_mode at creation */
	_Atomic uint64_t buffers, commits, postponed;
	_Atomic uint64_t bytes_damaged; /* as clients said, at their commits */
	_Atomic uint64_t bytes_filled, bytes_refreshed, bytes_written_back;
	_Atomic uint64_t losses;
	_Atomic uint64_t files_mapped; /* counted by libuffd_guard_mmap.so */
	struct shm_stats_client clients[SHM_STATS_CLIENTS];
};

struct shm_stats *shm_stats(void);
bool shm_stats_are_shared(void);

/* Count from now on in the shared memory whose descriptor is in @variable. Call it before there are
 * threads. */
void shm_stats_share(const char *variable);

static inline void shm_stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Take a row for a client at its first loss. */
struct shm_stats_client *shm_stats_add_client(pid_t pid);

/* SPDX-License-Identifier: MIT */
/* What happened, for `uffd-guard-run --stats`: in memory shared with it, so that it can be read
 * even of a compositor that was killed. Without uffd-guard-run the same in memory of our own. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SHM_STATS_MAGIC	  UINT64_C(0x7566666467313030)
#define SHM_STATS_CLIENTS 64 /* that lost something; the rest are counted together in the last */
#define SHM_STATS_NAME	  16

struct shm_stats_client {
	_Atomic int32_t pid; /* 0: none yet */
	char name[SHM_STATS_NAME];
	_Atomic uint64_t losses, bytes_lost;
	atomic_bool is_disconnected;
};

struct shm_stats {
	uint64_t magic;
	_Atomic uint64_t displays;
	_Atomic uint64_t pools[3]; /* by enum uffd_guard_mode, as they were made */
	_Atomic uint64_t buffers, commits, postponed;
	_Atomic uint64_t bytes_filled, bytes_refreshed, bytes_written_back;
	_Atomic uint64_t losses;
	_Atomic uint64_t files_mapped; /* by libuffd_guard_mmap.so */
	struct shm_stats_client clients[SHM_STATS_CLIENTS];
};

struct shm_stats *shm_stats(void);

/* The descriptor of shared memory that @variable names. Before any thread. */
void shm_stats_share(const char *variable);

static inline void shm_stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* The row of a client that lost something for the first time. */
struct shm_stats_client *shm_stats_add_client(pid_t pid);

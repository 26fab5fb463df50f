/* SPDX-License-Identifier: MIT */
/* Counters of a guard, and of a region. Any thread adds; no code decides by one, so
 * they need no order. They lie in the guard and the region, or where others may look: published.h.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define STATS_BUCKETS 48

struct stats {
	_Atomic uint64_t regions, faults, wakeups, pages_copied, pages_moved, pages_zeroed,
		bytes_read, bytes_refreshed, bytes_written_back, bytes_resident, pages_evicted,
		events, losses, retries;
	_Atomic uint64_t fault_ns[STATS_BUCKETS];
	_Atomic uint64_t pages_reused, bytes_kept;
};

struct region_stats {
	_Atomic uint64_t bytes_resident, faults, losses;
	_Atomic uint32_t reasons; /* UFFD_GUARD_LOST_*, all there ever were */
};

static inline void stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void stats_sub(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

static inline void stats_count_fault(struct stats *stats, uint64_t ns)
{
	unsigned bucket = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;
	stats_add(&stats->faults, 1);
	stats_add(&stats->fault_ns[bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1], 1);
}

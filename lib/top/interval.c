/* SPDX-License-Identifier: MIT */
/* The arithmetic: two readings give sums, rates, and how long faults took. */
#include "interval.h"

#include "cli/name.h"

#include <errno.h>
#include <stdlib.h>
#include <uffd_guard.h>

#define N_COUNTERS	 (sizeof(struct stats) / sizeof(uint64_t))
#define N_ELEMENTS(list) (sizeof(list) / sizeof((list)[0]))

static uint64_t since(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

double interval_rate(const struct interval *interval, uint64_t change)
{
	return interval->seconds > 0 ? (double)change / interval->seconds : 0;
}

/* ---- Names ---- */

const char *mode_name(uint32_t mode)
{
	static const char *const names[] = {
		[UFFD_GUARD_MODE_LAZY] = "lazy",
		[UFFD_GUARD_MODE_DIRECT] = "direct",
		[UFFD_GUARD_MODE_EAGER] = "eager",
	};
	return mode < N_ELEMENTS(names) ? names[mode] : "unknown";
}

const char *next_reason(uint32_t reasons, unsigned *at)
{
	static const struct {
		uint32_t reason;
		const char *name;
	} names[] = {
		{ UFFD_GUARD_LOST_TRUNCATED, "truncated" },
		{ UFFD_GUARD_LOST_IO_ERROR, "io_error" },
		{ UFFD_GUARD_LOST_TIMED_OUT, "timed_out" },
		{ UFFD_GUARD_LOST_NO_MEMORY, "no_memory" },
		{ UFFD_GUARD_LOST_HANDLER, "handler" },
	};
	while (*at < N_ELEMENTS(names)) {
		const unsigned i = (*at)++;
		if (reasons & names[i].reason)
			return names[i].name;
	}
	return NULL;
}

/* ---- Guards ---- */

static const struct published *find_guard(const struct reading *reading, const struct published *as)
{
	for (size_t i = 0; reading && i < reading->n_guards; i++) {
		const struct published *guard = &reading->guards[i];
		if (guard->guard == as->guard && guard->created_ns == as->created_ns)
			return guard;
	}
	return NULL;
}

static void add_guard(
	struct interval *interval, const struct published *before, const struct published *now)
{
	const union counters none = { .all = { 0 } };
	const union counters *old = before ? (const union counters *)&before->stats : &none;
	const union counters *new = (const union counters *)&now->stats;
	for (size_t i = 0; i < N_COUNTERS; i++) {
		interval->now.all[i] += new->all[i];
		interval->change.all[i] += since(old->all[i], new->all[i]);
	}
}

/* ---- Latency ---- */

/* The upper end of the bucket that holds the @rank-th fastest fault. */
static double bound_of(const uint64_t *buckets, double rank)
{
	double n = 0, bound = 1;
	for (size_t i = 0; i < STATS_BUCKETS; i++) {
		bound *= 2;
		n += (double)buckets[i];
		if (n >= rank)
			break;
	}
	return bound;
}

static struct latency latency_of(const union counters *change)
{
	uint64_t buckets[STATS_BUCKETS], n = 0;
	for (size_t i = 0; i < STATS_BUCKETS; i++) {
		buckets[i] = change->named.fault_ns[i];
		n += buckets[i];
	}
	if (n == 0)
		return (struct latency){ .n_faults = 0 };
	return (struct latency){
		.n_faults = n,
		.p50 = bound_of(buckets, 0.5 * (double)n),
		.p99 = bound_of(buckets, 0.99 * (double)n),
		.longest = bound_of(buckets, (double)n),
	};
}

/* ---- Regions ---- */

/* A region keeps its slot as long as it is mapped: the same slot and number are the same region. */
static void add_region(struct interval *interval, const struct published *guard,
	const struct published_region *before, const struct published_region *now)
{
	const bool is_known = before && before->number == now->number;
	struct shown_region *region = &interval->regions[interval->n_regions++];
	*region = (struct shown_region){
		.guard = guard->guard,
		.number = now->number,
		.length = now->length,
		.bytes_resident = now->stats.bytes_resident,
		.losses = now->stats.losses,
		.new_losses = since(is_known ? before->stats.losses : 0, now->stats.losses),
		.faults = interval_rate(
			interval, since(is_known ? before->stats.faults : 0, now->stats.faults)),
		.mode = now->mode,
		.reasons = now->stats.reasons,
	};
	name_clean(now->name, sizeof(now->name), region->name);
	name_shorten(region->name);
}

static void add_regions(
	struct interval *interval, const struct published *before, const struct published *now)
{
	for (size_t i = 0; i < PUBLISHED_REGIONS; i++) {
		if (now->regions[i].number)
			add_region(interval, now, before ? &before->regions[i] : NULL,
				&now->regions[i]);
	}
}

/* ---- All of it ---- */

static double age_of(const struct reading *reading)
{
	uint64_t oldest = reading->at_ns;
	for (size_t i = 0; i < reading->n_guards; i++) {
		if (reading->guards[i].created_ns < oldest)
			oldest = reading->guards[i].created_ns;
	}
	return (double)(reading->at_ns - oldest) / 1e9;
}

int interval_between(
	const struct reading *before, const struct reading *now, struct interval *interval)
{
	*interval = (struct interval){
		.is_whole_life = !before,
		.age = age_of(now),
		.n_guards = now->n_guards,
		.regions =
			calloc(now->n_guards * PUBLISHED_REGIONS + 1, sizeof(*interval->regions)),
	};
	if (!interval->regions)
		return -ENOMEM;
	interval->seconds = before ? (double)(now->at_ns - before->at_ns) / 1e9 : interval->age;
	for (size_t i = 0; i < now->n_guards; i++) {
		const struct published *guard = &now->guards[i], *old = find_guard(before, guard);
		add_guard(interval, old, guard);
		add_regions(interval, old, guard);
	}
	interval->latency = latency_of(&interval->change);
	return 0;
}

void interval_free(struct interval *interval)
{
	free(interval->regions);
}

/* ---- Sorting ---- */

static double key_of(const struct shown_region *region, enum sort_key key)
{
	switch (key) {
	case SORT_RESIDENT:
		return (double)region->bytes_resident;
	case SORT_FAULTS:
		return region->faults;
	case SORT_LOSSES:
		return (double)region->losses;
	case SORT_LENGTH:
		return (double)region->length;
	case SORT_NUMBER:
		break;
	}
	return 0;
}

/* Order regions by the largest key first; among equals the oldest is first. */
static int compare(const void *left, const void *right, void *data)
{
	const struct shown_region *a = left, *b = right;
	const enum sort_key key = *(const enum sort_key *)data;
	const double x = key_of(a, key), y = key_of(b, key);
	if (x != y)
		return x < y ? 1 : -1;
	if (a->guard != b->guard)
		return a->guard < b->guard ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

void interval_sort(struct interval *interval, enum sort_key key)
{
	qsort_r(interval->regions, interval->n_regions, sizeof(*interval->regions), compare, &key);
}

/* SPDX-License-Identifier: MIT */
/* What happened between two readings of a process. */
#pragma once

#include "watched_process.h"

enum sort_key { SORT_RESIDENT, SORT_FAULTS, SORT_LOSSES, SORT_LENGTH, SORT_NUMBER };

/* The counters by name, and as an array. */
union counters {
	struct stats named;
	uint64_t all[sizeof(struct stats) / sizeof(uint64_t)];
};

struct latency {
	uint64_t n_faults;	  /* 0: the other members mean nothing */
	double p50, p99, longest; /* bounds in ns: half, 99 % and all of the faults took less */
};

struct shown_region {
	uint64_t guard, number, length, bytes_resident, losses, new_losses;
	double faults; /* per second */
	uint32_t mode, reasons;
	char name[PUBLISHED_LETTERS + 1]; /* cleaned by name_clean() */
};

struct interval {
	double seconds;
	bool is_whole_life; /* since the guards were created; false: since the reading before */
	double age;	    /* of the oldest guard, seconds */
	size_t n_guards;
	union counters now, change; /* of all guards together */
	struct latency latency;
	size_t n_regions; /* number of .regions; now.named.regions may be more */
	struct shown_region *regions;
};

/* 0, or -ENOMEM. @before may be NULL. */
int interval_between(
	const struct reading *before, const struct reading *now, struct interval *interval);
void interval_sort(struct interval *interval, enum sort_key key);
void interval_free(struct interval *interval);

/* @change per second of the interval. */
double interval_rate(const struct interval *interval, uint64_t change);

const char *mode_name(uint32_t mode);

/* Each call answers the name of the next reason in @reasons, or NULL after the last. *at is the
 * position; set it to 0 before the first call. */
const char *next_reason(uint32_t reasons, unsigned *at);

/* SPDX-License-Identifier: MIT */
/* What happened between two readings of a process. */
#pragma once

#include "watched_process.h"

enum sort_key { SORT_RESIDENT, SORT_FAULTS, SORT_LOSSES, SORT_LENGTH, SORT_NUMBER };

/* By name, or all alike. */
union counters {
	struct stats named;
	uint64_t all[sizeof(struct stats) / sizeof(uint64_t)];
};

struct latency {
	uint64_t n_faults;	  /* 0: nothing else is meant */
	double p50, p99, longest; /* ns that so many of them stayed below */
};

struct shown_region {
	uint64_t guard, number, length, bytes_resident, losses, new_losses;
	double faults; /* a second */
	uint32_t mode, reasons;
	char name[PUBLISHED_LETTERS + 1]; /* fit to be shown */
};

struct interval {
	double seconds;
	bool is_whole_life; /* of the guards, rather than since a reading before */
	double age;	    /* of the oldest guard, seconds */
	size_t n_guards;
	union counters now, change; /* of all guards together */
	struct latency latency;
	size_t n_regions; /* listed, which may be fewer than now.named.regions */
	struct shown_region *regions;
};

/* 0, or -ENOMEM. @before may be NULL. */
int interval_between(
	const struct reading *before, const struct reading *now, struct interval *interval);
void interval_sort(struct interval *interval, enum sort_key key);
void interval_free(struct interval *interval);

/* So many a second. */
double interval_rate(const struct interval *interval, uint64_t change);

const char *mode_name(uint32_t mode);

/* The name of each reason in @reasons in turn, from *at on, which begins at 0; NULL: no more. */
const char *next_reason(uint32_t reasons, unsigned *at);

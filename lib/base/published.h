/* SPDX-License-Identifier: MIT */
/*
 * What a process that was started with UFFD_GUARD_STATS=1 lets others of its user see: a memfd for
 * each guard, which uffd-guard-top finds among the process's descriptors and reads. This is its
 * layout; whatever changes in it, or in stats.h, raises the version.
 */
#pragma once

#include "base/stats.h"

#define PUBLISHED_NAME	  "uffd-guard-stats"
#define PUBLISHED_MAGIC	  UINT64_C(0x7374617464666675) /* "uffdstat" */
#define PUBLISHED_VERSION 2
#define PUBLISHED_REGIONS 1024
#define PUBLISHED_LETTERS 76

/* All zeros while it is free. */
struct published_region {
	_Atomic uint64_t number; /* from 1 on, and never twice; 0: free */
	_Atomic uint64_t length;
	struct region_stats stats;
	_Atomic uint32_t mode;	      /* enum uffd_guard_mode */
	char name[PUBLISHED_LETTERS]; /* of the file, as the kernel shows it: its client's choice,
					 any bytes up to a 0 */
};

struct published {
	_Atomic uint64_t magic; /* set last */
	uint32_t version;
	uint32_t pid;	     /* as the process itself knows it */
	uint32_t guard;	     /* from 1 on, of this process */
	uint64_t created_ns; /* of CLOCK_MONOTONIC */
	struct stats stats;
	_Atomic uint64_t n_mapped;			    /* regions there ever were */
	struct published_region regions[PUBLISHED_REGIONS]; /* more than these are only counted */
};

/* SPDX-License-Identifier: MIT */
#pragma once

#include "watched_process.h"

struct found {
	struct process process;
	size_t n_guards;
	uint64_t n_regions, bytes_resident;
};

/* Processes that can be watched, by their numbers. How many, or a negative errno; *found is to be
 * given to search_free(). */
ssize_t search_all(struct found **found);
void search_free(struct found *found, size_t n);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "watched_process.h"

struct found {
	struct process process;
	size_t n_guards;
	uint64_t n_regions, bytes_resident;
};

/* Find the processes that can be watched, ordered by their numbers. Answers how many, or a negative
 * errno. Give *found to search_free(). */
ssize_t search_all(struct found **found);
void search_free(struct found *found, size_t n);

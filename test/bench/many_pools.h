/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uffd_guard.h>

#define POOL_PAGES 2

/* Many small regions, as a server has them with many clients: pieces of a few files. */
struct pools {
	struct uffd_guard_region **regions;
	size_t n;
};

/* May the process have @n regions more? Raises the limit of descriptors if it can. */
bool pools_fit(size_t n);
/* @n regions of POOL_PAGES pages on @guard, or a negative errno. The files stay open for the next
 * call. */
int pools_map(struct pools *pools, struct uffd_guard *guard, size_t n);
void pools_unmap(struct pools *pools);
/* Give the files back. */
void pools_forget_files(void);

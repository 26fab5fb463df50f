/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uffd_guard.h>

#define POOL_PAGES 2

/* Many small regions, as of a server with many clients. They are pieces of a few files. */
struct pools {
	struct uffd_guard_region **regions;
	size_t n;
};

/* Whether the process may have @n more regions. Raises the limit of descriptors if it can. */
bool pools_fit(size_t n);
/* Map @n regions of POOL_PAGES pages on @guard. 0 or a negative errno. The files stay open for the
 * next call. */
int pools_map(struct pools *pools, struct uffd_guard *guard, size_t n);
void pools_unmap(struct pools *pools);
/* Close the files. */
void pools_forget_files(void);

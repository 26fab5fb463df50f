/* SPDX-License-Identifier: MIT */
/* Map up to ten thousand regions. */
#include "many_pools.h"

#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define N_FILES	    4
#define FILE_POOLS  2500 /* in one file; more pools share these places */
#define SPARE_FILES 256

static int files[N_FILES] = { -1, -1, -1, -1 };

bool pools_fit(size_t n)
{
	struct rlimit limit;
	rlim_t wanted = n + SPARE_FILES;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	if (limit.rlim_cur >= wanted)
		return true;
	struct rlimit more = {
		.rlim_cur = wanted,
		.rlim_max = wanted > limit.rlim_max ? wanted : limit.rlim_max,
	};
	return setrlimit(RLIMIT_NOFILE, &more) == 0;
}

static int open_files(size_t page_size)
{
	for (int i = 0; i < N_FILES; i++) {
		if (files[i] < 0)
			files[i] = file_create_filled(FILE_POOLS * POOL_PAGES * page_size);
		if (files[i] < 0)
			return files[i];
	}
	return 0;
}

static int map_one(struct pools *pools, struct uffd_guard *guard, size_t page_size)
{
	const size_t length = POOL_PAGES * page_size;
	struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.offset = pools->n / N_FILES % FILE_POOLS * length,
	};
	int err = uffd_guard_map(
		guard, files[pools->n % N_FILES], length, &options, &pools->regions[pools->n]);
	if (!err)
		pools->n++;
	return err;
}

int pools_map(struct pools *pools, struct uffd_guard *guard, size_t n)
{
	const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	*pools = (struct pools){ .n = 0 };
	int err = open_files(page_size);
	if (err || n == 0)
		return err;
	pools->regions = calloc(n, sizeof(struct uffd_guard_region *));
	if (!pools->regions)
		return -ENOMEM;
	while (pools->n < n && !err)
		err = map_one(pools, guard, page_size);
	if (err)
		pools_unmap(pools);
	return err;
}

void pools_unmap(struct pools *pools)
{
	while (pools->n > 0)
		uffd_guard_unmap(pools->regions[--pools->n]);
	free(pools->regions);
	*pools = (struct pools){ .n = 0 };
}

void pools_forget_files(void)
{
	for (int i = 0; i < N_FILES; i++) {
		if (files[i] >= 0)
			close(files[i]);
		files[i] = -1;
	}
}

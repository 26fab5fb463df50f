/* SPDX-License-Identifier: MIT */
/*
 * lseek(2) would tell data from holes, but waits for the inode's lock, which a client may hold for
 * ever (source.c). cachestat(2) counts the pages of a range that are in memory or swapped out,
 * waits for nobody, and does not look at each page.
 */
#include "file/cached.h"

#include <errno.h>
#include <unistd.h>

/* As in linux/mman.h, which Debian 12 has without these. */
struct cached_range {
	uint64_t offset, length;
};

struct cached {
	uint64_t n_cached, n_dirty, n_writeback, n_evicted, n_recently_evicted;
};

int64_t cached_pages(int fd, uint64_t position, uint64_t length)
{
	const struct cached_range range = { .offset = position, .length = length };
	struct cached cached;
	if (syscall(SYS_cachestat, fd, &range, &cached, 0) < 0)
		return -errno;
	return (int64_t)(cached.n_cached + cached.n_evicted);
}

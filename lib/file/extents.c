/* SPDX-License-Identifier: MIT */
/*
 * Which parts of a file are data and which are holes, without reading it.
 *
 * lseek(2) would tell, but waits for the inode's lock, which a client may hold for ever (source.c).
 * cachestat(2) counts the pages of a range that are in memory or swapped out, waits for nobody, and
 * does not look at each page. The range is halved until a part is all hole or not worth halving.
 * Where it has no answer for us (before Linux 6.5, hugetlb, no right to write to the file) all is
 * taken for data, which is only slower.
 */
#include "file/extents.h"

#include "base/page.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FEW_PAGES 512 /* are read sooner than asked about */

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* As in linux/mman.h, which Debian 12 has without these. */
struct cached_range {
	uint64_t offset, length;
};

struct cached {
	uint64_t n_cached, n_dirty, n_writeback, n_evicted, n_recently_evicted;
};

/* Pages of the file that are not a hole, or a negative errno. */
static int64_t count_data(const struct source *source, uint64_t position, uint64_t length)
{
	const struct cached_range range = { .offset = position, .length = length };
	struct cached cached;
	if (syscall(SYS_cachestat, source->fd, &range, &cached, 0) < 0)
		return -errno;
	return (int64_t)(cached.n_cached + cached.n_evicted);
}

int extents_for_each_data(
	const struct source *source, uint64_t offset, uint64_t length, extent_fn *fn, void *data)
{
	const uint64_t n_pages = length / page_size();
	if (n_pages == 0)
		return 0;
	/* A file that may block has data on its disk that cachestat(2) does not count. */
	const int64_t n_data = n_pages <= FEW_PAGES || source_may_block(source)
				       ? (int64_t)n_pages
				       : count_data(source, source->offset + offset, length);
	if (n_data == 0)
		return 0;
	if (n_data < 0 || (uint64_t)n_data >= n_pages)
		return fn(data, offset, length);

	const uint64_t half = n_pages / 2 * page_size();
	int err = extents_for_each_data(source, offset, half, fn, data);
	return err ? err : extents_for_each_data(source, offset + half, length - half, fn, data);
}

/* SPDX-License-Identifier: MIT */
/*
 * Where a file in memory has holes. lseek(2) would tell, but waits for the inode's lock, which a
 * client may hold for ever. cachestat(2) counts the pages of a range that are there, and waits for
 * nobody: the range is halved until a part is all hole or not worth halving. Where it has no answer
 * for us (before Linux 6.5, hugetlb) all is taken for data, which is only slower.
 */
#include "base/holes.h"

#include "base/pages.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#define FEW (UINT64_C(2) << 20) /* bytes that are read sooner than asked about */

/* The core has these too (lib/file/cached.c). Of the core, this folder knows what uffd_guard.h
 * says. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

struct cached_range {
	uint64_t offset, length;
};

struct cached {
	uint64_t n_cached, n_dirty, n_writeback, n_evicted, n_recently_evicted;
};

static bool is_all_data(int fd, uint64_t offset, uint64_t length, bool *is_hole)
{
	const struct cached_range range = { offset, length };
	struct cached cached = { 0 };
	if (syscall(SYS_cachestat, fd, &range, &cached, 0) < 0)
		return true;
	const uint64_t n_data = cached.n_cached + cached.n_evicted;
	*is_hole = n_data == 0;
	return n_data * page_size() >= length;
}

static void halve(int fd, uint64_t offset, uint64_t length, part_fn *fn, void *data)
{
	bool is_hole = false;
	if (length < 2 * page_size() || is_all_data(fd, offset, length, &is_hole) || is_hole ||
		length <= FEW) {
		fn(data, offset, length, is_hole);
		return;
	}
	const uint64_t half = page_floor(length / 2);
	halve(fd, offset, half, fn, data);
	halve(fd, offset + half, length - half, fn, data);
}

void holes_for_each_part(int fd, uint64_t offset, uint64_t length, part_fn *fn, void *data)
{
	struct stat file;
	/* st_blocks of a file that is all there covers it; so most files are asked once. */
	const bool is_sparse =
		fstat(fd, &file) == 0 && (uint64_t)file.st_blocks * 512 < (uint64_t)file.st_size;
	if (is_sparse)
		halve(fd, offset, length, fn, data);
	else
		fn(data, offset, length, false);
}

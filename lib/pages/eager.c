/* SPDX-License-Identifier: MIT */
/*
 * EAGER: regions of a guard that may not have a userfaultfd. Nothing tells when a page is touched,
 * so all data is read beforehand: by map, and again by refresh, discard and resize. The rest is as
 * in LAZY, and a page that was not filled reads as zero, for that is what the file had there.
 *
 * A hole costs nothing, not even the time to read it (extents.c).
 */
#include "pages/eager.h"

#include "file/extents.h"
#include "kernel/copy.h"
#include "pages/mapping.h"
#include "pages/populate.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Installing ---- */

/* Where pages cannot be written to (the program has taken write access away, or is denied the
 * system call), others are put in their place. */
static int put_in_place(uintptr_t start, const void *source, size_t length, int protection)
{
	void *fresh =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		return -ENOMEM;
	memcpy(fresh, source, length);
	madvise(fresh, length, MADV_NOHUGEPAGE);
	if (madvise(fresh, length, MADV_WIPEONFORK) < 0 ||
		madvise(fresh, length, MADV_DONTDUMP) < 0 ||
		mprotect(fresh, length, protection) < 0 ||
		mremap(fresh, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) ==
			MAP_FAILED) {
		munmap(fresh, length);
		return -ENOMEM;
	}
	return 0;
}

int eager_copy(uintptr_t start, const void *source, size_t length, size_t *done)
{
	int err = copy_checked((void *)start, source, length, done);
	if (err)
		err = put_in_place(
			start, source, length, err == -EFAULT ? PROT_READ : PROT_READ | PROT_WRITE);
	*done = err ? 0 : length;
	return err;
}

int eager_zeros(uintptr_t start, size_t length, size_t *done)
{
	int err = mapping_drop(start, length);
	*done = err ? 0 : length;
	return err;
}

/* ---- Reading what is data ---- */

struct reader {
	struct uffd_guard_region *region;
	struct staging *staging;
};

static int read_run(void *data, uint64_t offset, uint64_t length)
{
	const struct reader *reader = data;
	return populate_pages(
		reader->region, reader->staging, offset / page_size(), length / page_size());
}

/* Holes, and what is behind the end: some of these pages may hold what the file had before. */
static int drop_absent(struct uffd_guard_region *region, size_t first, size_t end)
{
	int err = 0;
	for (size_t n; first < end && !err; first += n) {
		if (presence_run(&region->presence, first, end - first, &n) == PRESENCE_ABSENT)
			err = mapping_drop(
				region_address(region, first * page_size()), n * page_size());
	}
	return err;
}

int eager_fill(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	const size_t page = page_size();
	const uint64_t start = max_u64(first * page, region_direct_end(region)),
		       length = atomic_load(&region->length);
	const uint64_t end = min_u64((first + n_pages) * page, page_ceil(length));
	if (start >= end)
		return 0;

	/* A terabyte behind the end is told of at once. */
	const uint64_t there = min_u64(source_length_from(&region->source, start), end - start);
	if (start + page_ceil(there) < end)
		region_report_loss(
			region, start + page_ceil(there), end, UFFD_GUARD_LOST_TRUNCATED, 0);

	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;
	struct reader reader = { .region = region, .staging = staging };
	int err =
		extents_for_each_data(&region->source, start, page_ceil(there), read_run, &reader);
	staging_return(&region->guard->staging, staging);
	return err ? err : drop_absent(region, start / page, end / page);
}

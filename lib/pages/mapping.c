/* SPDX-License-Identifier: MIT */
/*
 * A region's address space: reserved, registered, accessible, given back.
 *
 * Accessible comes last: a page touched (or locked in, by mlockall) before it is registered would
 * read as zeros for ever.
 */
#include "pages/mapping.h"
#include "base/check.h"

#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static int reserve_fixed(struct range *range, void *address, size_t size)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
	void *got = mmap(address, size, PROT_NONE, flags, -1, 0);
	if (got == MAP_FAILED)
		return -errno;
	if (got != address) { /* kernels before 4.17 take it for a hint */
		munmap(got, size);
		return -EEXIST;
	}
	*range = (struct range){ .start = (uintptr_t)got, .end = (uintptr_t)got + size };
	return 0;
}

int mapping_reserve(struct range *range, const struct uffd_guard_map_options *options, size_t size)
{
	if (options->flags & UFFD_GUARD_MAP_FIXED_NOREPLACE)
		return reserve_fixed(range, options->addr, size);

	void *address =
		map_aligned(size, size >= STAGING_SIZE ? STAGING_SIZE : page_size(), PROT_NONE);
	if (!address)
		return -ENOMEM;
	*range = (struct range){ .start = (uintptr_t)address, .end = (uintptr_t)address + size };
	return 0;
}

/* Pages locked into memory (mlock, mlockall) cannot be taken away; the guard's are none that anyone
 * needs locked. */
/* model: direct take_page, protocol take_page */
int mapping_drop(uintptr_t start, size_t length)
{
	void *address = (void *)start;
	check(page_floor(start) == start);
	if (madvise(address, length, MADV_DONTNEED) == 0)
		return 0;
	if (errno == EINVAL && munlock(address, length) == 0 &&
		madvise(address, length, MADV_DONTNEED) == 0)
		return 0;
	return -errno;
}

int mapping_put_over(uintptr_t start, void *scratch, size_t length)
{
	if (mremap(scratch, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) !=
		MAP_FAILED)
		return 0;
	int err = -errno;
	munmap(scratch, length);
	return err;
}

int mapping_show_again(uintptr_t start, void *memory, size_t length)
{
	/* For a mapping of a file, to move its pages and to leave it in place makes it two. */
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	return mremap(memory, length, length, flags, (void *)start) == MAP_FAILED ? -errno : 0;
}

/* model: protocol release_mapping */
void mapping_release(const struct uffd_guard *guard, const struct range *range)
{
	void *address = (void *)range->start;
	size_t size = range->end - range->start;

	/* Neighbouring regions may be one mapping to the kernel, and at vm.max_map_count it splits
	 * none. Then the addresses are lost, but the memory is not. */
	if (munmap(address, size) == 0)
		return;
	uffd_unregister(&guard->uffd, range->start, size);
	mapping_drop(range->start, size);
}

static int register_memory(struct uffd_guard_region *region, uintptr_t start, size_t size)
{
	const struct uffd *uffd = &region->guard->uffd;
	int err = uffd_register(uffd, start, size, region_tracks_stores(region));
	if (err != -EINVAL || !region_tracks_stores(region))
		return err;
	region->eviction.policy = EVICT_NONE;
	return uffd_register(uffd, start, size, false);
}

static int make_accessible(struct uffd_guard_region *region, void *address, size_t size)
{
	int err = guard_is_eager(region->guard) ? 0
						: register_memory(region, (uintptr_t)address, size);
	if (err)
		return err;
	/* Under mlockall(MCL_FUTURE) it is locked by birth: nothing could be given back, nor moved
	 * in. */
	if (munlock(address, size) < 0 || madvise(address, size, MADV_WIPEONFORK) < 0 ||
		madvise(address, size, MADV_DONTDUMP) < 0 ||
		mprotect(address, size, PROT_READ | PROT_WRITE) < 0)
		return -errno;
	/* So that a load which faults leaves the place for a huge page free. A store would have the
	 * kernel make one, clear it and throw it away. */
	if (guard_is_eager(region->guard))
		madvise(address, size,
			MADV_NOHUGEPAGE); /* so that one page of data costs one page */
	else if (size >= STAGING_SIZE && !(region->flags & UFFD_GUARD_MAP_WRITE))
		madvise(address, size, MADV_HUGEPAGE);
	return 0;
}

/* A handler that gave up before the region was in its table, or before this part of it was
 * anonymous, has not seen it. Then it must not stay registered: of a part, a late reader may wait
 * already, whom nobody would wake where a child of fork() holds the userfaultfd. */
/* model: direct make_accessible, protocol make_accessible */
int mapping_make_accessible(struct uffd_guard_region *region, uint64_t offset, size_t size)
{
	struct uffd_guard *guard = region->guard;
	const uintptr_t start = region_address(region, offset);
	guard_hold_handler(guard);
	int err = make_accessible(region, (void *)start, size);
	if (atomic_load(&guard->gave_up)) {
		err = -EIO;
		if (uffd_is_ours(&guard->uffd))
			uffd_unregister(&guard->uffd, start, size);
	}
	guard_let_handler_go(guard);
	return err;
}

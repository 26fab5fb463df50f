/* SPDX-License-Identifier: MIT */
/*
 * DIRECT: the file itself in place of a snapshot, where nothing the client does can make a load
 * from it a signal. That is a tmpfs file or memfd sealed against shrinking, as far as it goes.
 * Behind its end the region stays as it is otherwise, anonymous and registered: the direct part is
 * a beginning of the region, up to direct_end.
 *
 * The seal cannot be taken back, so a part once direct stays so. But the file may be shorter than a
 * length that the region gets later: it is judged again at each resize. hugetlb is excluded: its
 * pages can run out at a load, seal or not.
 *
 * Nor where memory is strictly accounted (vm.overcommit_memory=2): there a hole of any file may get
 * no page at the moment when it is read, and that is a signal.
 *
 * Where all of the region is direct and can never be more, a second mapping of the file takes the
 * place of the descriptor: clients attach thousands of segments. It is what the file says, whatever
 * the program stores to the region.
 *
 * The mapping is shared where stores are meant for the file. Else it is private: a store is kept
 * from the file, and the page it hits is a copy from then on, until it is discarded.
 */
#include "pages/direct.h"
#include "base/lock.h"

#include "file/aside.h"
#include "file/seal.h"
#include "pages/mapping.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/publish.h"
#include "state/region.h"

#include <errno.h>
#include <sys/mman.h>

/* NULL, and *err says why. Without access at first: under mlockall(MCL_FUTURE) access would
 * allocate all holes of the client's file. */
static void *map_file(
	const struct uffd_guard_region *region, uint64_t start, uint64_t end, int *err)
{
	/* Sealed against writing, or a read-only descriptor: live all the same, stores are not
	 * kept. */
	const bool is_shared =
		region->flags & UFFD_GUARD_MAP_WRITE && source_check_store(&region->source) == 0;
	const int sharing = is_shared ? MAP_SHARED : MAP_PRIVATE;
	size_t size = end - start;
	void *scratch = mmap(NULL, size, PROT_NONE, sharing | MAP_NORESERVE, region->source.fd,
		(off_t)(region->source.offset + start));
	*err = scratch == MAP_FAILED ? -errno : 0;
	if (*err)
		return NULL;
	errno = EIO; /* if the number has become another file's before it was mapped */
	if (source_is_ours(&region->source) && munlock(scratch, size) == 0 &&
		madvise(scratch, size, MADV_DONTDUMP) == 0 &&
		mprotect(scratch, size, PROT_READ | PROT_WRITE) == 0)
		return scratch;
	*err = -errno;
	munmap(scratch, size);
	return NULL;
}

/* Made elsewhere and moved into place, so that whatever the client has sealed or the kernel refuses
 * leaves the region whole. Where there is a mapping in place of the descriptor, that stays as it is
 * (which takes Linux 5.13). */
/* model: direct map_file_over */
static int map_file_over(const struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const uintptr_t to = region_address(region, start);
	char *kept = region->source.memory;
	if (kept)
		return mapping_show_again(to, kept + start, end - start);
	int err;
	void *scratch = map_file(region, start, end, &err);
	return err ? err : mapping_put_over(to, scratch, end - start);
}

static bool put_anonymous_over(const struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	return mmap((void *)region_address(region, start), end - start, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		       0) != MAP_FAILED;
}

/* mremap() first unmaps the range it moves to. If it fails after that, for want of memory, nothing
 * is there: a load would be a signal, and the addresses anybody's. */
static void close_gap(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const size_t size = end - start;
	if (msync((void *)region_address(region, start), size, MS_ASYNC) == 0 || errno != ENOMEM)
		return;
	if (put_anonymous_over(region, start, end) &&
		mapping_make_accessible(region, start, size) != 0)
		region_report_failure(region, start, end, -ENOMEM);
	epoch_synchronize(&region->fills);
	resident_note_absent(region, start / page_size(), size / page_size());
}

/* Ask for the seal, if it may come. Callers of direct_extend() cannot wait for it: a client may
 * hold it up. */
/* model: direct seal */
static void seal(struct uffd_guard_region *region)
{
	if (!region->sealing && seal_prospect(&region->source) == SEAL_MISSING) {
		region->sealing = sealing_begin(&region->source);
		region->seal_is_due = !region->sealing;
	}
	if (region->sealing && sealing_wait(region->sealing)) {
		aside_drop(region->sealing);
		region->sealing = NULL;
	}
}

/* model: direct settle */
void direct_settle(struct uffd_guard_region *region)
{
	check(lock_is_held(&region->lock));
	if (region->flags & UFFD_GUARD_MAP_WRITE ||
		(region->sealing ? !aside_has_ended(region->sealing) : !region->seal_is_due))
		return;
	region->seal_is_due = false;
	direct_extend(region);
	publish_shape(region);
}

/* model: direct extend_to */
static bool extend_to(struct uffd_guard_region *region, uint64_t end)
{
	const uint64_t begin = region_direct_end(region);
	if (map_file_over(region, begin, end)) {
		close_gap(region, begin, end);
		return false;
	}

	/* Fills under way find nothing registered there any more; what they noted as filled is
	 * taken off. */
	atomic_store(&region->direct_end, end);
	epoch_synchronize(&region->fills);
	resident_note_absent(region, begin / page_size(), (end - begin) / page_size());
	return true;
}

/* model: direct extend */
void direct_extend(struct uffd_guard_region *region)
{
	const uint64_t length = atomic_load(&region->length), begin = region_direct_end(region);
	if (!(region->direct_flags & UFFD_GUARD_MAP_DIRECT) || region->guard->is_strict)
		return;
	if (region->direct_flags & UFFD_GUARD_MAP_SEAL)
		seal(region);
	if (!source_cannot_shrink(&region->source))
		return;

	/* A region begins to be direct only if the file has all of it. */
	const uint64_t covered = source_length_from(&region->source, 0);
	const uint64_t end = page_ceil(min_u64(covered, length));
	if ((begin == 0 && covered < length) || end <= begin)
		return;
	extend_to(region, end);
}

int direct_grow(struct uffd_guard_region *region, size_t length)
{
	check(lock_is_held(&region->lock));
	const uint64_t end = page_ceil(length);
	return end > region_direct_end(region) && !extend_to(region, end) ? -ENOMEM : 0;
}

/* model: direct retract */
int direct_retract(struct uffd_guard_region *region)
{
	const uint64_t end = page_ceil(atomic_load(&region->length)),
		       before = region_direct_end(region);
	check(lock_is_held(&region->lock));
	if (end >= before)
		return 0;

	/* It is outside the region by now, but a reader may come late. What it touches before this
	 * is registered is zeros, which resize takes away. */
	if (!put_anonymous_over(region, end, before))
		return -errno;
	atomic_store(&region->direct_end, end);
	int err = mapping_make_accessible(region, end, before - end);
	if (!err)
		return 0;

	/* The region keeps its length: show the file there again. */
	if (map_file_over(region, end, before) == 0)
		atomic_store(&region->direct_end, before);
	else
		region_report_failure(region, end, before, err);
	return err;
}

void direct_release_descriptor(struct uffd_guard_region *region, uint64_t room)
{
	struct source *source = &region->source;
	int err;
	if (region_direct_end(region) < region_reserve(region) ||
		source_length_from(source, 0) < room)
		return;
	void *memory = map_file(region, 0, region_direct_end(region), &err);
	if (!err)
		source_use_mapping(source, memory, room);
}

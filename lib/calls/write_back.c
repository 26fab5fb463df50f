/* SPDX-License-Identifier: MIT */
/* write_back: what the program has stored to the region, to the file. */
#include "base/cancel.h"
#include "calls/scanners.h"
#include "daemon/copier.h"
#include "file/shared_store.h"
#include "kernel/copy.h"
#include "kernel/staging.h"
#include "pages/change.h"
#include "pages/evict.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/refuse.h"
#include "state/region.h"

#include <errno.h>
#include <string.h>

/* A page of zeros that nobody has stored to need not become a page of the client's file, if that
 * reads as zeros anyway. */
static bool is_unwritten_hole(const struct uffd_guard_region *region, enum presence_kind kind,
	uint64_t offset, uint64_t length)
{
	if (kind != PRESENCE_ZERO || length != page_size())
		return false;

	/* By the kernel: the program may have taken access to the page away. */
	char chunk[1024] = { 0 }; /* valgrind does not know who fills it */
	const char *page = (const char *)region_address(region, offset);
	for (uint64_t at = 0; at < length; at += sizeof(chunk)) {
		size_t got;
		if (copy_checked(chunk, page + at, sizeof(chunk), &got) ||
			!bytes_are_zero(chunk, sizeof(chunk)))
			return false;
	}
	for (uint64_t at = 0; at < length; at += sizeof(chunk)) {
		size_t got;
		if (source_read(&region->source, offset + at, chunk, sizeof(chunk), &got) ||
			got < sizeof(chunk) || !bytes_are_zero(chunk, sizeof(chunk)))
			return false;
	}
	return true;
}

/* Whole pages that are about to be saved: a store from now on is noted again. In this order: a
 * store before the protection is in what is saved. */
static void mark_saved(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const uint64_t first = page_ceil(start), last = page_floor(end);
	if (!region_tracks_stores(region) || first >= last)
		return;
	presence_unmark_stored(
		&region->presence, first / page_size(), (last - first) / page_size());
	if (uffd_protect(&region->guard->uffd, region_address(region, first), last - first, true))
		presence_mark_stored(
			&region->presence, first / page_size(), (last - first) / page_size());
}

/* How many pages of one kind begin at @first, and go in one step: eviction stands still for it. */
static enum presence_kind count_in_step(
	const struct uffd_guard_region *region, size_t first, size_t limit, size_t *n_pages)
{
	if (region_tracks_stores(region))
		limit = min_u64(limit, STAGING_SIZE / page_size());
	const enum presence_kind kind = region_run(region, first, limit, n_pages);
	if (kind == PRESENCE_ZERO)
		*n_pages = 1; /* each may have been stored to, or not */
	return kind;
}

static int write_back_pages(struct uffd_guard_region *region, enum presence_kind kind,
	uint64_t offset, uint64_t length, size_t *stored)
{
	if (kind == PRESENCE_ABSENT || is_unwritten_hole(region, kind, offset, length)) {
		*stored = length;
		return 0;
	}
	mark_saved(region, offset, offset + length);
	int err = shared_store(&region->guard->shared_work, &region->source, offset,
		(const void *)region_address(region, offset), length, stored);
	if (region_tracks_stores(region) && *stored < length) /* these were not */
		presence_mark_stored(&region->presence, (offset + *stored) / page_size(),
			page_ceil(offset + length) / page_size() -
				(offset + *stored) / page_size());
	stats_add(&region->guard->stats->bytes_written_back, *stored);
	return err;
}

static int write_back_locked(
	struct uffd_guard_region *region, uint64_t offset, size_t length, uint64_t *end)
{
	/* The region may have been resized since the range was checked. The file's end next: what
	 * was never touched counts as written only as far as the file goes. */
	uint64_t all = max_u64(offset, atomic_load(&region->length));
	*end = offset +
	       min_u64(min_u64(length, all - offset), source_length_from(&region->source, offset));
	int err = 0;
	offset = min_u64(max_u64(offset, region_direct_end(region)),
		*end); /* the DIRECT part is the file itself */
	for (size_t stored; offset < *end && !err; offset += stored) {
		size_t n_pages, first = offset / page_size();
		eviction_pause(region);
		enum presence_kind kind = count_in_step(
			region, first, page_ceil(*end) / page_size() - first, &n_pages);
		uint64_t next = min_u64((first + n_pages) * page_size(), *end);
		err = write_back_pages(region, kind, offset, next - offset, &stored);
		eviction_resume(region);
		if (stored < next - offset)
			*end = offset + stored; /* ended meanwhile */
	}
	return err;
}

ssize_t uffd_guard_write_back(struct uffd_guard_region *region, uint64_t offset, size_t length)
{
	UNCANCELLED;
	int err = region_check_range(region, offset, length);
	if (err)
		return err;
	if (!(region->flags & UFFD_GUARD_MAP_WRITE))
		return refuse(region->guard, -EACCES,
			"uffd_guard_write_back: the region was mapped without UFFD_GUARD_MAP_WRITE "
			"in flags");
	err = region_check_source(region);
	if (!err)
		err = refuse_store(region->guard, source_check_store(&region->source));
	if (err)
		return err;

	/* The fill that let a recent store through may not have set presence yet: wait for it. */
	uint64_t end;
	scanners_pass(region);
	copier_expect(region->guard, length);
	change_begin(region);
	epoch_synchronize(&region->fills);
	err = write_back_locked(region, offset, length, &end);
	evict_excess(region);
	change_end(region);
	return err && end == offset ? err : (ssize_t)(end - offset);
}

/* SPDX-License-Identifier: MIT */
/*
 * Resize: a number moves, within the reserve.
 *
 * What is behind the new length, or behind the old one, is taken away, and of the page in which the
 * shorter of the two ends, the rest is brought up to date: the file's bytes come, or zeros. The
 * length moves first, so that no fill that begins afterwards works with the old one. If anything
 * fails, it moves back.
 */
#include "base/cancel.h"
#include "calls/refresh.h"
#include "calls/scanners.h"
#include "pages/change.h"
#include "pages/direct.h"
#include "pages/eager.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/publish.h"
#include "state/refuse.h"
#include "state/region.h"

#include <errno.h>

/* The part of the page at the boundary that comes or goes; the pages behind it. */
/* model: direct resize, protocol resize */
static int resize_locked(struct uffd_guard_region *region, size_t length)
{
	size_t before = atomic_exchange(&region->length, length);
	store_window_drop(&region->source.window);
	epoch_synchronize(&region->fills); /* those that worked with the old length */
	int err = direct_retract(region);
	if (err)
		return err;

	/* Pages behind the shorter of the two hold zeros that a stray access made, or bytes that
	 * leave. */
	size_t shorter = min_u64(before, length), longer = max_u64(before, length);
	uint64_t boundary = max_u64(page_ceil(shorter), region_direct_end(region)),
		 end = page_ceil(longer);
	if (end > boundary)
		err = resident_drop_synced(
			region, boundary / page_size(), (end - boundary) / page_size());
	if (!err && length > before && guard_is_eager(region->guard) && end > boundary)
		err = eager_fill(region, boundary / page_size(), (end - boundary) / page_size());
	uint64_t rest = min_u64(page_ceil(shorter), longer) - shorter;
	if (!err && shorter >= region_direct_end(region))
		err = length > before ? refresh_range(region, before, rest)
				      : refresh_zeros(region, length, rest);
	if (!err)
		direct_extend(region);
	if (!err && region->flags & UFFD_GUARD_MAP_ONLY_DIRECT &&
		region_direct_end(region) < length)
		err = refuse(region->guard, -EPERM,
			"uffd_guard_resize: length is beyond the file, and the region was mapped "
			"with ONLY_DIRECT");
	return err;
}

/* Without a descriptor, no further than the file is known to be. */
static size_t room_of(const struct uffd_guard_region *region)
{
	const struct source *source = &region->source;
	return source->memory ? source->memory_length : region_reserve(region);
}

int uffd_guard_resize(struct uffd_guard_region *region, size_t length)
{
	UNCANCELLED;
	int err = region_check_range(region, 0, 0);
	if (err)
		return err;
	if (length == 0)
		return refuse(region->guard, -EINVAL, "uffd_guard_resize: length is 0");
	if (length > room_of(region))
		return refuse(
			region->guard, -ENOSPC, "uffd_guard_resize: length is beyond the reserve");

	err = region_check_source(region);
	if (err)
		return err;

	scanners_pass(region);
	change_begin(region);
	const size_t before = atomic_load(&region->length);
	if (region->source.memory && length > before)
		err = direct_grow(region, length);
	if (!err)
		err = resize_locked(region, length);
	if (err)
		atomic_store(&region->length, before);
	publish_shape(region);
	change_end(region);
	return err;
}

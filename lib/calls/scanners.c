/* SPDX-License-Identifier: MIT */
/*
 * Files on a tmpfs are read by pread(2), with a thread ready that stands in for the handler should
 * a scanner of files hold it up (daemon/relief.c). When that has happened, or where the program
 * asks for it beforehand, they are read through a mapping (file/view.c). The handler may not make
 * that: a client can hold up who maps its file. So callers make it, with the first call that reads.
 */
#include "calls/scanners.h"

#include "base/lock.h"
#include "daemon/handler.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

static bool can_have_views(struct uffd_guard *guard)
{
	lock_take(&guard->lock);
	if (guard->holes.fd < 0 && guard->has_views) {
		const int err = view_prepare(&guard->holes);
		guard->has_views = !err || err == -EMFILE || err == -ENFILE || err == -ENOMEM;
	}
	const bool is_open = uffd_is_ours(&guard->holes);
	lock_give(&guard->lock);
	return is_open;
}

static void open_view(struct uffd_guard_region *region, size_t reserve)
{
	struct uffd_guard *guard = region->guard;
	struct source *source = &region->source;
	if (guard_is_eager(guard))
		view_open_without_faults(&source->view, source->fd, source->offset, reserve);
	else if (can_have_views(guard))
		view_open(&source->view, &guard->holes, source->fd, source->offset, reserve);
}

void scanners_expect(struct uffd_guard_region *region, size_t reserve)
{
	struct uffd_guard *guard = region->guard;
	if (source_may_be_scanned(&region->source) && guard->has_views)
		open_view(region, reserve);
	if (guard_is_eager(guard) || !source_may_be_scanned(&region->source) ||
		handler_expect_scanners(guard->handler))
		return;
	atomic_store(&guard->has_views, true); /* nobody would stand in */
	open_view(region, reserve);
}

void scanners_pass(struct uffd_guard_region *region)
{
	const struct uffd_guard *guard = region->guard;
	if (source_may_be_scanned(&region->source) && atomic_load(&guard->has_met_scanner) &&
		guard->has_views)
		open_view(region, region_reserve(region));
}

/* SPDX-License-Identifier: MIT */
/*
 * Files on a tmpfs are read by pread(2), with a thread ready that stands in for the handler should
 * a scanner of files hold it up (daemon/relief.c, daemon/scanned_reads.c). Callers read them by
 * pread(2) as well, but before they do they have the handler find out whether a scanner is asked,
 * or in EAGER a child process (file/inquiry.c).
 *
 * Where one is, or does not answer, and where the program asks for it beforehand, they are read
 * through a mapping (file/view.c). The handler may not make that: a client can hold up who maps its
 * file. So callers make it, with the first call that reads. Where it cannot be made, and the
 * scanner has not answered, the call ends as if a file that may block had not.
 */
#include "calls/scanners.h"

#include "base/clock.h"
#include "base/lock.h"
#include "daemon/handler.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

static bool can_have_views(struct uffd_guard *guard)
{
	lock_take(&guard->lock);
	if (guard->holes.fd < 0 && !guard->are_views_denied) {
		const int err = view_prepare(&guard->holes);
		guard->are_views_denied = err && err != -EMFILE && err != -ENFILE && err != -ENOMEM;
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
	if (!source_may_be_scanned(&region->source))
		return;
	const bool has_stand_in = guard_is_eager(guard) || handler_expect_scanners(guard->handler);
	if (guard->has_views || !has_stand_in)
		open_view(region, reserve);
}

static bool has_met_scanner(const struct uffd_guard_region *region)
{
	return atomic_load(&region->guard->has_met_scanner);
}

static enum inquiry_state ask_aside(struct uffd_guard_region *region, uint64_t deadline)
{
	struct source *source = &region->source;
	if (atomic_load(&source->view.is_there))
		return INQUIRY_SCANNED; /* it is read past scanners as it is */
	const enum inquiry_state answer =
		inquiry_make_aside(&source->inquiry, source->fd, &source->file, deadline);
	if (answer == INQUIRY_ASKED)
		atomic_store(&region->guard->has_met_scanner, true);
	return answer;
}

/* Without a thread that would stand in, the handler is not sent to a scanner. */
static enum inquiry_state ask(struct uffd_guard_region *region)
{
	const struct uffd_guard *guard = region->guard;
	struct source *source = &region->source;
	const uint64_t deadline = now_ns() + guard->read_deadline_ms * NS_PER_MS;
	if (has_met_scanner(region))
		return INQUIRY_ASKED; /* it is left at that */
	if (guard_is_eager(guard))
		return ask_aside(region, deadline);
	if (!handler_expect_scanners(guard->handler))
		return INQUIRY_SCANNED; /* for all we know */
	return inquiry_await(&source->inquiry, source->fd, handler_inbox(guard->handler), deadline);
}

void scanners_pass(struct uffd_guard_region *region)
{
	struct source *source = &region->source;
	if (!source_may_be_scanned(source) ||
		(!has_met_scanner(region) && inquiry_is_free(&source->inquiry)))
		return;
	const enum inquiry_state answer = ask(region);
	if (answer != INQUIRY_FREE)
		open_view(region, region_reserve(region));
	atomic_store(&source->is_held_up, answer != INQUIRY_FREE && answer != INQUIRY_SCANNED);
}

void scanners_pass_if_met(struct uffd_guard_region *region)
{
	if (source_may_be_scanned(&region->source) && has_met_scanner(region))
		open_view(region, region_reserve(region));
}

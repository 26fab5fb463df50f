/* SPDX-License-Identifier: MIT */
/*
 * Promise P8: what was lost and asked for is reported, and nothing else is.
 *
 * A byte must be reported if the file cannot have had it at any moment at which the page may have
 * been filled. It may have been reported before it was looked at, since the library fills zeros
 * ahead of need; what was delivered or taken meanwhile is not owed again. A report must be about
 * bytes that the file lacked at some moment since the last time.
 */
#include "view.h"

#include "trace.h"

/* ---- What is owed ---- */

/* What is owed from before a dispatch is told from what came during it. */
static bool is_dispatching;

static void owe(struct view *view, uint64_t start, uint64_t end)
{
	struct stretch *last = view->n_owed > 0 ? &view->owed[view->n_owed - 1] : NULL;
	if (start >= end || view->tells_no_events)
		return;
	if (last && last->end == start && !is_dispatching)
		last->end = end;
	else if (view->n_owed < MOST_OWED) /* else it is let pass */
		view->owed[view->n_owed++] = (struct stretch){ .start = start, .end = end };
}

static bool reports_losses(const struct view *view)
{
	return uffd_guard_region_mode(view->region) != UFFD_GUARD_MODE_EAGER;
}

static void owe_of_page(struct view *view, const struct page *page, uint64_t start, uint64_t end,
	uint64_t page_start)
{
	const uint64_t told = page_start + page->told, told_end = page_start + page->told_end;
	if (start >= end)
		return;
	if (!page->may_be_taken && !(start >= told && end <= told_end))
		view->is_loss_due = true;
	owe(view, start, least(end, most(told, start)));
	owe(view, most(start, least(told_end, end)), end);
}

/* Where the file ended at best, as an offset into the region. */
static uint64_t best_end(const struct view *view, uint8_t since, uint8_t until)
{
	const uint64_t size = file_most_size(view->file, since, least(until, moment_now()));
	return size > view->offset ? size - view->offset : 0;
}

static void note_times(struct view *view, const struct page *page, uint64_t start, uint64_t end)
{
	const struct page_times *times = page->times;
	const uint64_t page_start = start;
	for (uint64_t at = start, next; at < end; at = next) {
		const size_t i = at - page_start;
		for (next = at + 1; next < end; next++) {
			if (times->since[next - page_start] != times->since[i] ||
				times->until[next - page_start] != times->until[i])
				break;
		}
		owe_of_page(view, page, most(at, best_end(view, times->since[i], times->until[i])),
			next, page_start);
	}
}

void losses_note_filled(struct view *view, size_t index)
{
	const struct page *page = &view->pages[index];
	const uint64_t start = (uint64_t)index * PAGE, end = least(start + PAGE, view->length);
	if (!reports_losses(view))
		return;
	if (page->times)
		note_times(view, page, start, end);
	else
		owe_of_page(view, page, most(start, best_end(view, page->since, page->until)), end,
			start);
}

void losses_note_brought(struct view *view, uint64_t start, uint64_t end, uint8_t since)
{
	const uint64_t page_start = start / PAGE * PAGE;
	if (reports_losses(view))
		owe_of_page(view, &view->pages[start / PAGE],
			most(start, best_end(view, since, moment_now())), end, page_start);
}

void losses_note_asked(struct view *view, uint64_t start, uint64_t end)
{
	start = most(start, best_end(view, moment_now(), moment_now()));
	if (start >= end || !reports_losses(view))
		return;
	view->is_loss_due = true;
	owe(view, start, end);
}

void losses_note_length(struct view *view)
{
	view->most_since_taken = most(view->most_since_taken, view->length);
	view->most_since_dispatched = most(view->most_since_dispatched, view->length);
}

/* ---- What is reported ---- */

static void check_reasons(const struct view *view, uint32_t reasons)
{
	if (reasons & ~UFFD_GUARD_LOST_TRUNCATED)
		fail("region %p has lost something for reasons %#x", (void *)view->region,
			(unsigned)reasons);
}

/* Whether the file lacked bytes from @offset of the region on. */
static bool was_cut(const struct view *view, uint64_t offset, uint8_t since)
{
	return file_least_size(view->file, since, moment_now()) <= view->offset + offset;
}

void losses_check_taken(struct view *view, uint32_t reasons)
{
	check_reasons(view, reasons);
	if (view->is_loss_due && !reasons)
		fail("region %p has lost bytes, but take_losses answers 0", (void *)view->region);
	if (reasons && !was_cut(view, view->most_since_taken - 1, view->taken_at))
		fail("region %p cannot have lost bytes, but take_losses answers %#x",
			(void *)view->region, (unsigned)reasons);

	for (size_t page = 0; reasons && page < pages_in(view->reserve); page++)
		view->pages[page].may_be_taken = !view->pages[page].seen || view->pages[page].marks;
	view->is_loss_due = false;
	view->taken_at = moment_now();
	view->most_since_taken = view->length;
}

#define MOST_DELIVERED 4096

static struct {
	const struct view *view;
	uint64_t start, end;
} delivered[MOST_DELIVERED];
static size_t n_delivered;

void losses_begin_dispatch(void)
{
	n_delivered = 0;
	is_dispatching = true;
}

static void note_told(struct view *view, uint64_t start, uint64_t end)
{
	for (size_t index = start / PAGE; index < pages_in(end); index++) {
		struct page *page = &view->pages[index];
		const uint64_t page_start = (uint64_t)index * PAGE;
		const uint16_t from = (uint16_t)(most(start, page_start) - page_start),
			       to = (uint16_t)(least(end, page_start + PAGE) - page_start);
		const bool is_first = page->told == page->told_end;
		page->told = is_first ? from : (uint16_t)least(page->told, from);
		page->told_end = is_first ? to : (uint16_t)most(page->told_end, to);
	}
}

void losses_note_event(
	struct view *view, const struct uffd_guard_event *event, bool may_be_too_much)
{
	const uint64_t end = event->offset + event->length;
	trace("	event: region %p lost [%llu, %llu)", (void *)view->region,
		(unsigned long long)event->offset, (unsigned long long)end);
	check_reasons(view, event->reasons);
	if (!event->reasons || event->error || event->length == 0 || end < event->offset ||
		end > view->most_since_dispatched)
		fail("an event has reasons %#x, error %d, length %llu; the region %zu bytes",
			(unsigned)event->reasons, event->error, (unsigned long long)event->length,
			view->most_since_dispatched);
	if (!may_be_too_much && !was_cut(view, event->offset, view->dispatched_at))
		fail("the bytes were not lost: the file had more than %llu all the time",
			(unsigned long long)(view->offset + event->offset));

	note_told(view, event->offset, end);
	if (n_delivered < MOST_DELIVERED) {
		delivered[n_delivered].view = view;
		delivered[n_delivered].start = event->offset;
		delivered[n_delivered++].end = end;
	}
}

/* How far from @start on there were events. */
static uint64_t delivered_up_to(const struct view *view, uint64_t start)
{
	uint64_t end = start, before;
	do {
		before = end;
		for (size_t i = 0; i < n_delivered; i++) {
			if (delivered[i].view == view && delivered[i].start <= end)
				end = most(end, delivered[i].end);
		}
	} while (end > before);
	return end;
}

void losses_end_dispatch(struct view *view, size_t n_owed_before)
{
	is_dispatching = false;
	for (size_t i = 0; i < n_owed_before; i++) {
		const struct stretch *owed = &view->owed[i];
		if (n_delivered < MOST_DELIVERED && delivered_up_to(view, owed->start) < owed->end)
			fail("region %p has lost [%llu, %llu), but there was no event that says so",
				(void *)view->region, (unsigned long long)owed->start,
				(unsigned long long)owed->end);
	}
	for (size_t i = n_owed_before; i < view->n_owed; i++)
		view->owed[i - n_owed_before] = view->owed[i];
	view->n_owed -= n_owed_before;
	view->dispatched_at = moment_now();
	view->most_since_dispatched = view->length;
}

/* SPDX-License-Identifier: MIT */
/*
 * What each byte of a region may be: promises P3 to P6 as a set of values for each byte, kept as
 * "what the file held from this moment to that".
 *
 * A page that was never looked at is unknown, for the handler may have filled it at any time ahead
 * of need. The first look at any byte is a look at the whole page, so that afterwards all is known
 * and has to stay. Only where a budget lets the library take pages away may they become newer by
 * themselves.
 */
#include "view.h"

#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static uint64_t file_page(const struct view *view, size_t page)
{
	return view->offset / PAGE + page;
}

static const struct block *block_now(const struct view *view, size_t page)
{
	return file_block(view->file, file_page(view, page));
}

/* Bytes of the page that are inside the region. */
static size_t length_in(const struct view *view, size_t page)
{
	const uint64_t start = (uint64_t)page * PAGE;
	return start < view->length ? (size_t)least(view->length - start, PAGE) : 0;
}

bool view_is_direct(const struct view *view, size_t page)
{
	return (uint64_t)page * PAGE < view->direct_end;
}

static bool may_evict(const struct view *view, const struct page *page)
{
	return view->may_evict &&
	       !(page->is_stored && (view->flags & UFFD_GUARD_MAP_WRITE)); /* these are spared */
}

bool view_is_sure(const struct view *view, const struct page *page)
{
	return page->seen && !may_evict(view, page);
}

bool view_has_page(const struct view *view, size_t page)
{
	return view_is_direct(view, page) ||
	       (view->pages[page].is_filled && !may_evict(view, &view->pages[page]));
}

/* ---- Times ---- */

static void set_unknown(struct view *view, size_t page)
{
	const struct page before = view->pages[page];
	view->pages[page] = (struct page){
		.since = moment_now(),
		.until = FOREVER,
		.is_shared = before.is_shared,
		.marks = before.marks,
	};
}

/* A copy of the page's times that may be changed. */
static struct page_times *split_times(const struct page *page)
{
	struct page_times *times = arena_take(sizeof(*times));
	if (page->times) {
		*times = *page->times;
	} else {
		memset(times->since, page->since, PAGE);
		memset(times->until, page->until, PAGE);
	}
	return times;
}

static uint8_t since_of(const struct page *page, size_t place)
{
	return page->times ? page->times->since[place] : page->since;
}

static uint8_t until_of(const struct page *page, size_t place)
{
	return page->times ? page->times->until[place] : page->until;
}

/* ---- Looking ---- */

bool view_byte_may_be(const struct view *view, size_t index, size_t place, uint8_t byte)
{
	const struct page *page = &view->pages[index];
	return file_had_byte(view->file, file_page(view, index), place, byte, since_of(page, place),
		       until_of(page, place)) ||
	       view_may_be_newer(view, index, place, byte);
}

static void fail_byte(const struct view *view, size_t page, const uint8_t *got, size_t place)
{
	const struct page *known = &view->pages[page];
	const struct block *now = block_now(view, page);
	size_t n = 1;
	while (place + n < length_in(view, page) && n < 8)
		n++;
	fail("byte %llu of region %p (page %zu, place %zu) is %#x (tag %d). The file has %#x (tag "
	     "%d) there now.\n%s %#x; since moment %u, until %u, now %u. Filled for certain: %d, "
	     "stored to: %d, direct up to %llu. take_losses answers %#x",
		(unsigned long long)(page * PAGE + place), (void *)view->region, page, place,
		got[place], tag_of_byte(place, got[place]), now->bytes[place],
		tag_of_byte(place, now->bytes[place]), known->seen ? "It was seen as" : "Not seen",
		known->seen ? known->seen->bytes[place] : 0, since_of(known, place),
		until_of(known, place), moment_now(), known->is_filled, known->is_stored,
		(unsigned long long)view->direct_end,
		(unsigned)uffd_guard_region_take_losses(view->region));
}

static void check_direct(const struct view *view, size_t page, const struct block *got)
{
	/* A private page that was stored to is a copy; else it is the file. */
	const struct block *is =
		view->pages[page].seen ? view->pages[page].seen : block_now(view, page);
	for (size_t i = 0; i < length_in(view, page); i++) {
		if (got->bytes[i] != is->bytes[i])
			fail_byte(view, page, got->bytes, i);
	}
}

static void check_seen(const struct view *view, size_t page, const struct block *got)
{
	const struct page *known = &view->pages[page];
	const bool is_sure = view_is_sure(view, known);
	for (size_t i = 0; i < length_in(view, page); i++) {
		if (got->bytes[i] != known->seen->bytes[i] &&
			(is_sure ? !view_may_be_newer(view, page, i, got->bytes[i])
				 : !view_byte_may_be(view, page, i, got->bytes[i])))
			fail_byte(view, page, got->bytes, i);
	}
}

static void check_unseen(
	const struct view *view, size_t page, const struct block *got, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (!view_byte_may_be(view, page, i, got->bytes[i]))
			fail_byte(view, page, got->bytes, i);
	}
}

/* The page as a whole is what the file held at one moment: most are. */
static const struct block *find_whole(const struct view *view, size_t page, const struct block *got)
{
	const struct page *known = &view->pages[page];
	return known->times ? NULL
			    : file_find_block(view->file, file_page(view, page), got->bytes,
				      length_in(view, page), known->since, known->until);
}

static void check_tail(const struct view *view, size_t page, const struct block *got)
{
	for (size_t i = length_in(view, page); i < PAGE; i++) {
		if (got->bytes[i] != 0)
			fail("byte %zu of page %zu is %#x (tag %d), though behind the length", i,
				page, got->bytes[i], tag_of_byte(i, got->bytes[i]));
	}
}

/* Times go on: what is seen may become newer only where pages can be taken away. */
static void note_seen(struct view *view, size_t page, const struct block *block)
{
	struct page *known = &view->pages[page];
	known->seen = block;
	known->is_filled = true;
	losses_note_filled(view, page);
}

void view_look(struct view *view, size_t page)
{
	const size_t length = length_in(view, page);
	struct page *known = &view->pages[page];
	struct block got;
	memcpy(got.bytes, view->data + page * PAGE, PAGE);

	if (view_is_direct(view, page)) {
		check_direct(view, page, &got);
		return;
	}
	check_tail(view, page, &got);
	if (known->seen && memcmp(got.bytes, known->seen->bytes, length) == 0)
		return;
	if (known->seen) {
		check_seen(view, page, &got);
		known->seen = block_kept(&got);
		return;
	}
	const struct block *whole = find_whole(view, page, &got);
	if (!whole)
		check_unseen(view, page, &got, 0, length);
	note_seen(view, page, whole ? whole : block_kept(&got));
}

void view_look_at_all(struct view *view)
{
	for (size_t page = 0; page < pages_in(view->length); page++)
		view_look(view, page);
}

void view_look_behind(const struct view *view, uint64_t offset)
{
	const bool shows_file = view_is_direct(view, offset / PAGE);
	uint8_t got = *(volatile unsigned char *)(view->data + offset);
	if (got && !shows_file)
		fail("byte %llu is %#x (tag %d), though behind the length",
			(unsigned long long)offset, got, tag_of_byte(offset % PAGE, got));
}

/* ---- Storing ---- */

static void note_direct_store(
	struct view *view, size_t page, const struct block *stored, size_t from, size_t to)
{
	struct page *known = &view->pages[page];
	if (known->is_shared)
		file_note_stored(view->file, page * PAGE + from + view->offset, to - from, stored);
	else
		known->seen = block_patched(
			known->seen ? known->seen : block_now(view, page), stored, from, to);
}

void view_note_store(
	struct view *view, size_t page, const struct block *stored, size_t from, size_t to)
{
	struct page *known = &view->pages[page];
	if (view_is_direct(view, page)) {
		note_direct_store(view, page, stored, from, to);
		view_look(view, page);
		return;
	}
	struct block got;
	memcpy(got.bytes, view->data + page * PAGE, PAGE);
	for (size_t i = from; i < to; i++) {
		if (got.bytes[i] != stored->bytes[i] && !may_evict(view, known) &&
			!view_may_be_newer(view, page, i, got.bytes[i]))
			fail("byte %zu of page %zu is %#x, not what was stored to it", i, page,
				got.bytes[i]);
	}
	if (!known->seen) {
		check_unseen(view, page, &got, 0, from);
		check_unseen(view, page, &got, to, most(to, length_in(view, page)));
		note_seen(view, page, block_kept(&got));
	} else {
		known->seen = block_patched(known->seen, stored, from, to);
	}
	known->is_stored = true;
	view_note_store_over_marks(known, from, to);
	view_look(view, page);
}

/* ---- What calls do ---- */

static void fill_page(struct view *view, size_t page)
{
	struct page *known = &view->pages[page];
	if (view_is_direct(view, page) || known->is_filled || view->may_evict)
		return;
	if (known->times) {
		struct page_times *times = split_times(known);
		for (size_t i = 0; i < PAGE; i++)
			times->until[i] = least(times->until[i], moment_now());
		known->times = times;
	} else {
		known->until = moment_now();
	}
	known->is_filled = true;
	losses_note_filled(view, page);
}

void view_note_filled(struct view *view, uint64_t offset, uint64_t length)
{
	if (length == 0)
		return;
	for (size_t page = offset / PAGE; page < pages_in(offset + length); page++)
		fill_page(view, page);
}

/* Marks stay when rectangles are refreshed, and may bring over what is newer still. */
static void raise_marks(struct page *page, size_t from, size_t to)
{
	for (size_t i = from; page->marks && i < to; i++) {
		if (page->marks->newer[i] != NEVER)
			page->marks->newer[i] = moment_now();
		if (page->marks->marked[i] != NEVER)
			page->marks->marked[i] = moment_now();
	}
}

/* A filled page has the file's bytes of now; one that is not may get those of later too. */
static void refresh_whole(struct view *view, size_t page)
{
	struct page *known = &view->pages[page];
	const bool is_filled = known->is_filled, was_seen = known->seen;
	set_unknown(view, page);
	known->is_filled = is_filled;
	if (is_filled && !view->may_evict)
		known->until = moment_now();
	if (was_seen)
		known->seen = block_now(view, page);
}

static void refresh_part(struct view *view, size_t page, size_t from, size_t to)
{
	struct page *known = &view->pages[page];
	struct page_times *times = split_times(known);
	const bool is_exact = known->is_filled && !view->may_evict;
	memset(times->since + from, moment_now(), to - from);
	memset(times->until + from, is_exact ? moment_now() : FOREVER, to - from);
	known->times = times;
	if (known->seen)
		known->seen = block_patched(known->seen, block_now(view, page), from, to);
	/* With a budget: the stores that were the reason to spare it may be gone. */
	known->is_stored = known->is_stored && !view->may_evict;
}

void view_note_refreshed(struct view *view, uint64_t offset, uint64_t length)
{
	for (uint64_t end = offset + length, next; offset < end; offset = next) {
		const size_t page = offset / PAGE;
		next = least((page + 1) * PAGE, end);
		if (view_is_direct(view, page))
			continue;
		raise_marks(&view->pages[page], offset % PAGE, (next - 1) % PAGE + 1);
		if (view->pages[page].is_filled && !view->may_evict)
			losses_note_asked(view, offset, next);
		if (next - page * PAGE == length_in(view, page) && offset % PAGE == 0)
			refresh_whole(view, page);
		else
			refresh_part(view, page, offset % PAGE, (next - 1) % PAGE + 1);
	}
}

void view_note_discarded(struct view *view, uint64_t offset, uint64_t length)
{
	for (uint64_t end = offset + length, next; offset < end; offset = next) {
		const size_t page = offset / PAGE;
		next = least((page + 1) * PAGE, end);
		if (next - page * PAGE == length_in(view, page) && offset % PAGE == 0)
			set_unknown(view, page);
		else
			view_note_refreshed(view, offset, next - offset);
	}
}

/* ---- ensure ---- */

/* A page that was seen is looked at at once: what was marked has to be newer than the mark. */
static void ensure_seen(struct view *view, size_t page, size_t from, size_t to)
{
	struct page *known = &view->pages[page];
	struct block got;
	memcpy(got.bytes, view->data + page * PAGE, PAGE);
	for (size_t i = from; i < to; i++) {
		const uint8_t marked = known->marks->marked[i];
		if (marked != NEVER && !file_had_byte(view->file, file_page(view, page), i,
					       got.bytes[i], marked, moment_now()))
			fail_byte(view, page, got.bytes, i);
	}
	struct block expected = *known->seen;
	for (size_t i = from; i < to; i++) {
		if (known->marks->marked[i] != NEVER)
			expected.bytes[i] = got.bytes[i];
	}
	known->seen = block_kept(&expected);
	view_look(view, page);
}

static bool is_marked_as_one(const struct view *view, size_t page, size_t from, size_t to)
{
	const uint8_t *marked = view->pages[page].marks->marked;
	return from == 0 && to >= length_in(view, page) && marked[0] != NEVER &&
	       memcmp(marked, marked + 1, to - 1) == 0;
}

/* One that was not holds the file's bytes since the mark. */
static void ensure_times(struct view *view, size_t page, size_t from, size_t to)
{
	struct page *known = &view->pages[page];
	const uint8_t until = known->is_filled && !view->may_evict ? moment_now() : FOREVER;
	if (is_marked_as_one(view, page, from, to) && !known->times) {
		known->since = (uint8_t)most(known->since, known->marks->marked[0]);
		known->until = until;
		return;
	}
	struct page_times *times = split_times(known);
	for (size_t i = from; i < to; i++) {
		const uint8_t marked = known->marks->marked[i];
		if (marked != NEVER)
			times->since[i] = (uint8_t)most(times->since[i], marked);
		if (known->marks->newer[i] != NEVER)
			times->until[i] = until;
	}
	known->times = times;
}

static void ensure_losses(struct view *view, size_t page, size_t from, size_t to)
{
	const struct page_marks *marks = view->pages[page].marks;
	for (size_t i = from, next; i < to; i = next) {
		for (next = i + 1; next < to && marks->marked[next] == marks->marked[i];)
			next++;
		if (marks->marked[i] != NEVER)
			losses_note_brought(
				view, page * PAGE + i, page * PAGE + next, marks->marked[i]);
	}
}

static void ensure_in_page(struct view *view, size_t page, size_t from, size_t to)
{
	struct page *known = &view->pages[page];
	if (view_is_direct(view, page) || !page_has_marks(known, from, to))
		return;
	if (known->is_filled && !view->may_evict)
		ensure_losses(view, page, from, to);
	ensure_times(view, page, from, to);
	if (known->seen)
		ensure_seen(view, page, from, to);
	known->is_stored = known->is_stored && !view->may_evict; /* as in refresh_part() */
}

void view_note_ensured(struct view *view, uint64_t offset, uint64_t length)
{
	for (uint64_t at = offset, end = offset + length, next; at < end; at = next) {
		next = least((at / PAGE + 1) * PAGE, end);
		ensure_in_page(view, at / PAGE, at % PAGE, (next - 1) % PAGE + 1);
	}
	view_forget_marks(view, offset, length);
	view_note_filled(view, offset, length);
}

/* ---- Resize, and what is DIRECT ---- */

static bool may_be_direct(const struct view *view)
{
	return view->flags & UFFD_GUARD_MAP_DIRECT && view->file->is_tmpfs &&
	       file_seals(view->file) & F_SEAL_SHRINK;
}

/* Whether a part that becomes DIRECT now keeps stores. A mapping in place of the descriptor keeps
 * them as it did from the beginning, whatever was sealed since. */
static bool is_shared(const struct view *view, const struct page *before)
{
	if (view->direct_end > 0 && uffd_guard_region_get_fd(view->region) == -EBADF)
		return before->is_shared;
	return view->flags & UFFD_GUARD_MAP_WRITE && !view->is_read_only &&
	       !(file_seals(view->file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

static void extend_direct(struct view *view)
{
	const uint64_t covered =
		view->file->size > view->offset ? view->file->size - view->offset : 0;
	const uint64_t end = pages_in(least(covered, view->length)) * PAGE;
	if (may_be_direct(view) && (view->direct_end > 0 || covered >= view->length) &&
		end > view->direct_end) {
		for (size_t page = view->direct_end / PAGE; page < end / PAGE; page++) {
			set_unknown(view, page);
			view->pages[page].is_shared = is_shared(view, &view->pages[page]);
		}
		view->direct_end = end;
		view->file->was_direct = true;
	}

	const bool is_direct = uffd_guard_region_mode(view->region) == UFFD_GUARD_MODE_DIRECT;
	if (is_direct != (view->direct_end > 0))
		fail("the region's mode is%s DIRECT", is_direct ? "" : " not");
}

bool view_note_made_direct(struct view *view)
{
	view->flags |= UFFD_GUARD_MAP_DIRECT;
	extend_direct(view);
	return view->direct_end >= view->length;
}

void view_begin(struct view *view)
{
	view->pages = arena_take(pages_in(view->reserve) * sizeof(*view->pages));
	memset(view->pages, 0, pages_in(view->reserve) * sizeof(*view->pages));
	for (size_t page = 0; page < pages_in(view->reserve); page++)
		set_unknown(view, page);
	view->taken_at = view->dispatched_at = moment_now();
	losses_note_length(view);
	extend_direct(view);
}

void view_note_resized(struct view *view, size_t length)
{
	const size_t before = view->length;
	const uint64_t shorter = least(before, length), longer = most(before, length);
	view->length = length;
	losses_note_length(view);
	view->direct_end = least(view->direct_end, pages_in(length) * PAGE);
	for (size_t page = most(pages_in(shorter), view->direct_end / PAGE);
		page < pages_in(longer); page++)
		set_unknown(view, page);
	if (length > before && before % PAGE)
		view_note_refreshed(view, before, least(pages_in(before) * PAGE, length) - before);
	extend_direct(view);
}

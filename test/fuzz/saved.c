/* SPDX-License-Identifier: MIT */
/* What write_back may have made of the client's file. */
#include "view.h"

#include "trace.h"

#include <string.h>
#include <unistd.h>

/*
 * The header says that pages never touched are not written. But some are filled ahead of need, and
 * saved when all is, over what the client has written to them since. 0: take the header at its
 * word.
 */
#define SAVES_WHAT_WAS_FILLED_AHEAD 1

/*
 * Whether write_back may have left the file's byte so. What was never touched stays what the file
 * has; a page that was filled is saved, if it is not taken away before.
 */
static bool saved_byte_may_be(const struct view *view, size_t index, size_t place, uint8_t byte)
{
	const struct page *page = &view->pages[index];
	const uint64_t file_page = view->offset / PAGE + index;
	const bool is_unchanged = byte == file_block(view->file, file_page)->bytes[place];
	if (view_is_direct(view, index))
		return is_unchanged;
	if (view_is_sure(view, page))
		return byte == page->seen->bytes[place];
	if (page->seen && byte == page->seen->bytes[place])
		return true;
	if (page->is_filled && !view->may_evict)
		return view_byte_may_be(view, index, place, byte);
	return is_unchanged ||
	       (SAVES_WHAT_WAS_FILLED_AHEAD && view_byte_may_be(view, index, place, byte));
}

/* What most pages are: as they were, or as the region is. */
static bool is_plain(const struct view *view, size_t page, const struct block *before,
	const struct block *got, size_t from, size_t to)
{
	const struct page *known = &view->pages[page];
	if (from == to || view_is_direct(view, page) || !known->is_filled)
		return memcmp(got, before, sizeof(*got)) == 0;
	return view_is_sure(view, known) && memcmp(got->bytes, before->bytes, from) == 0 &&
	       memcmp(got->bytes + from, known->seen->bytes + from, to - from) == 0 &&
	       memcmp(got->bytes + to, before->bytes + to, PAGE - to) == 0;
}

/* @got is what the file's page holds now; bytes [from, to) of it were to be saved. */
static void check_page(
	const struct view *view, size_t page, const struct block *got, size_t from, size_t to)
{
	const struct block *before = file_block(view->file, view->offset / PAGE + page);
	if (is_plain(view, page, before, got, from, to))
		return;
	for (size_t i = 0; i < PAGE; i++) {
		const bool is_saved = i >= from && i < to;
		if (is_saved ? !saved_byte_may_be(view, page, i, got->bytes[i])
			     : got->bytes[i] != before->bytes[i])
			fail("write_back has left %#x (tag %d) in the file for byte %llu of the "
			     "region; before there was %#x (tag %d)",
				got->bytes[i], tag_of_byte(i, got->bytes[i]),
				(unsigned long long)(page * PAGE + i), before->bytes[i],
				tag_of_byte(i, before->bytes[i]));
	}
}

static void read_file_page(const struct view *view, size_t page, struct block *got)
{
	const off_t at = (off_t)(view->offset + page * PAGE);
	memset(got, 0, sizeof(*got));
	if (pread(view->file->fd, got->bytes, PAGE, at) < 0)
		fail("the client's file cannot be read");
}

static size_t place_in_page(size_t page, uint64_t at)
{
	const uint64_t start = (uint64_t)page * PAGE;
	return at > start ? (size_t)least(at - start, PAGE) : 0;
}

static void note_page(struct view *view, size_t page, uint64_t start, uint64_t end)
{
	const uint64_t file_page = view->offset / PAGE + page;
	struct block got;
	read_file_page(view, page, &got);
	check_page(view, page, &got, place_in_page(page, start), place_in_page(page, end));
	if (memcmp(file_block(view->file, file_page), &got, sizeof(got)) != 0)
		file_note_page(view->file, file_page, block_kept(&got));
	/* With a budget: what is saved need not be spared any more. */
	view->pages[page].is_stored &= !view->may_evict;
}

void view_note_saved(struct view *view, uint64_t start, uint64_t end)
{
	/* The pages before and behind too. */
	const size_t first = start / PAGE - (start >= PAGE),
		     last = least(pages_in(end) + 1, pages_in(view->reserve));
	file_note_change();
	for (size_t page = first; page < last; page++)
		note_page(view, page, start, end);
	file_note_allocated(view->file);
}

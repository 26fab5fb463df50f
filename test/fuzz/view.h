/* SPDX-License-Identifier: MIT */
/* A region as the model knows it: what each byte of it may be, and what has to be reported. */
#pragma once

#include "file.h"

#include <uffd_guard.h>

#define VIEW_PAGES FILE_PAGES

struct page_times {
	uint8_t since[PAGE], until[PAGE];
};

#define NEVER FOREVER

/* For each byte the moment of its latest mark, and that from which on it may become newer by
 * itself: marks.c. */
struct page_marks {
	uint8_t marked[PAGE], newer[PAGE];
};

/*
 * A page that nobody has looked at yet holds, byte by byte, what the file held at some moment from
 * @since (the latest refresh) to @until (when it was filled for certain; FOREVER: not yet). With
 * the first look all of it is known, and must stay.
 */
struct page {
	const struct block *seen;	/* or NULL */
	const struct page_times *times; /* where the bytes differ, else NULL */
	struct page_marks *marks;	/* or NULL */
	uint8_t since, until;
	bool is_filled;		 /* for certain, and not to be taken away */
	bool is_stored;		 /* to, by us */
	bool is_shared;		 /* DIRECT, and stores are the file's */
	bool may_be_taken;	 /* its loss may have been taken already by take_losses */
	uint16_t told, told_end; /* bytes whose loss was delivered since @since */
};

struct stretch {
	uint64_t start, end;
};

#define MOST_OWED 64

struct view {
	struct uffd_guard_region *region;
	size_t guard; /* number in the world */
	unsigned char *data;
	struct file *file;
	uint64_t offset; /* into the file */
	size_t length, reserve;
	uint32_t flags;
	bool is_read_only; /* the descriptor was */
	bool may_evict;
	uint64_t direct_end;
	struct page *pages;

	uint32_t n_marks; /* rectangles, at most; 0: none since all were ensured */
	struct stretch marked;
	uint8_t marked_since;

	bool tells_no_events;		/* they are not wanted, or the guard was destroyed */
	struct stretch owed[MOST_OWED]; /* to be delivered by the next dispatch */
	size_t n_owed;
	bool is_loss_due; /* take_losses has something */
	uint8_t taken_at, dispatched_at;
	size_t most_since_taken, most_since_dispatched; /* lengths */
};

static inline size_t pages_in(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE;
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- What bytes may be (view.c) ---- */

/* After the region was mapped, in the same moment. */
void view_begin(struct view *view);

/* Look at a page, and compare. */
void view_look(struct view *view, size_t page);
void view_look_at_all(struct view *view);
/* Bytes behind the length, up to the reserve, are zeros. */
void view_look_behind(const struct view *view, uint64_t offset);

/* We have stored to bytes [from, to) of the page: compare, and the rest of it too. */
void view_note_store(
	struct view *view, size_t page, const struct block *stored, size_t from, size_t to);

/* What calls of the library have done. */
void view_note_filled(struct view *view, uint64_t offset, uint64_t length);
void view_note_refreshed(struct view *view, uint64_t offset, uint64_t length);
void view_note_discarded(struct view *view, uint64_t offset, uint64_t length);
void view_note_resized(struct view *view, size_t length);

/* ensure has answered: what was marked is newer than its mark, and all is there. */
void view_note_ensured(struct view *view, uint64_t offset, uint64_t length);
/* Judged again by make_direct. True: all is DIRECT. */
bool view_note_made_direct(struct view *view);

/* ---- Marks (marks.c) ---- */

void view_note_marked(struct view *view, const struct uffd_guard_rect *rect);
/* The library has forgotten what was marked there. */
void view_forget_marks(struct view *view, uint64_t offset, uint64_t length);
/* The bytes may have been brought over before they were stored to, or may still be. */
void view_note_store_over_marks(struct page *page, size_t from, size_t to);
/* Whether the byte may have come from a mark that is not ensured yet. */
bool view_may_be_newer(const struct view *view, size_t page, size_t place, uint8_t byte);
/* Whether any of its bytes may have come from a mark, or still may. */
bool page_has_marks(const struct page *page, size_t from, size_t to);

/* Whether the page is there for certain: no system call can find it missing. */
bool view_has_page(const struct view *view, size_t page);
bool view_is_direct(const struct view *view, size_t page);
/* Whether what was seen is all that can be there. */
bool view_is_sure(const struct view *view, const struct page *page);
/* Whether the byte may be so without having been looked at. */
bool view_byte_may_be(const struct view *view, size_t page, size_t place, uint8_t byte);

/* write_back has saved bytes [start, end): look at the file (saved.c). */
void view_note_saved(struct view *view, uint64_t start, uint64_t end);

/* ---- What has to be reported (losses.c) ---- */

/* The page is filled for certain: what the file cannot have had was lost. */
void losses_note_filled(struct view *view, size_t page);
/* Filled bytes have been brought over at some moment since @since. */
void losses_note_brought(struct view *view, uint64_t start, uint64_t end, uint8_t since);
/* The library has just answered a call about these bytes. */
void losses_note_asked(struct view *view, uint64_t start, uint64_t end);
void losses_note_length(struct view *view);
void losses_check_taken(struct view *view, uint32_t reasons);

/* A dispatch: its events, and then what each region was owed before it. */
void losses_begin_dispatch(void);
void losses_note_event(
	struct view *view, const struct uffd_guard_event *event, bool may_be_too_much);
void losses_end_dispatch(struct view *view, size_t n_owed_before);

/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a reader brings words up to date, each a call of the library or a few. The
 * library has to choose by itself how it reads, so ranges are also given to it as rectangles that
 * cover them, in no order and overlapping.
 */
#include "renew.h"

#include "reader.h"
#include "slot.h"
#include "stress_server.h"
#include "watchdog.h"

#include <errno.h>

#define MOST_SPANS 8

void call_begin(struct reader *reader, struct slot *slot, struct changes *changes)
{
	if (changes)
		change_begin(changes);
	watch_begin(reader->watch, WATCHED_CALL, slot->file);
}

bool call_end(struct reader *reader, struct slot *slot, struct changes *changes,
	const struct calm *resizes, const char *name, int64_t result)
{
	watch_end(reader->watch);
	if (changes)
		change_end(changes);
	if (result == -ERANGE && !calm_held(&slot->resizes, resizes))
		return false;
	judge_call(&reader->server->judge, name, slot->file, result);
	return result >= 0;
}

bool call_on_extent(struct reader *reader, struct slot *slot, const struct extent *extent,
	range_fn *call, const char *name, struct changes *changes)
{
	call_begin(reader, slot, changes);
	int err = call(slot->region, bytes(extent->first), bytes(extent->n_words));
	return call_end(reader, slot, changes, &extent->resizes, name, err);
}

/* ---- Ways ---- */

static bool renew_by_refresh(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_extent(
		reader, slot, extent, uffd_guard_refresh, "uffd_guard_refresh", &slot->mutations);
}

bool renew_by_discard(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_extent(
		reader, slot, extent, uffd_guard_discard, "uffd_guard_discard", &slot->mutations);
}

/* Make spans that cover the extent, overlap, and are in no order. */
static unsigned choose_spans(
	struct reader *reader, const struct extent *extent, struct uffd_guard_span *spans)
{
	unsigned n = 1 + (unsigned)rng_below(&reader->rng, MOST_SPANS);
	for (unsigned i = 0; i < n; i++) {
		uint64_t first = extent->n_words * (uint64_t)i / n;
		uint64_t end = extent->n_words * (uint64_t)(i + 1) / n;
		first -= rng_below(&reader->rng, first + 1) / 4;
		spans[i].offset = bytes(extent->first + first);
		spans[i].length = bytes(end - first);
	}
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned other = (unsigned)rng_below(&reader->rng, i + 1);
		struct uffd_guard_span span = spans[i];
		spans[i] = spans[other];
		spans[other] = span;
	}
	return n;
}

static bool renew_by_spans(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	struct uffd_guard_span spans[MOST_SPANS];
	unsigned n = choose_spans(reader, extent, spans);
	call_begin(reader, slot, &slot->mutations);
	int err = uffd_guard_refresh_spans(slot->region, spans, n);
	return call_end(
		reader, slot, &slot->mutations, &extent->resizes, "uffd_guard_refresh_spans", err);
}

/* Read by uffd_guard_read(), which does not touch the region. */
static bool read_directly(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	call_begin(reader, slot, NULL);
	ssize_t n = uffd_guard_read(
		slot->region, bytes(extent->first), reader->reading.words, bytes(extent->n_words));
	return call_end(reader, slot, NULL, &extent->resizes, "uffd_guard_read", n);
}

/* ---- Rectangles ---- */

#define N_COLUMNS  4
#define MOST_RECTS (N_COLUMNS + 1)

/* Columns of rows that cover the extent, and what is left of it behind the last whole row. */
static unsigned choose_rects(
	struct reader *reader, const struct extent *extent, struct uffd_guard_rect *rects)
{
	const uint64_t width = bytes(1 + rng_below(&reader->rng, 64));
	const uint64_t stride = N_COLUMNS * width, all = bytes(extent->n_words);
	const uint64_t n_rows = all / stride, start = bytes(extent->first);
	unsigned n = 0;
	for (unsigned i = 0; n_rows > 0 && i < N_COLUMNS; i++) {
		const unsigned column = (i + 1) * 3 % N_COLUMNS;
		rects[n++] =
			(struct uffd_guard_rect){ start + column * width, stride, width, n_rows };
	}
	const uint64_t rest = n_rows * stride;
	if (rest < all)
		rects[n++] = (struct uffd_guard_rect){ start + rest, all - rest, all - rest, 1 };
	return n;
}

typedef int rects_fn(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects);

static bool call_on_rects(struct reader *reader, struct slot *slot, const struct extent *extent,
	rects_fn *call, const char *name, struct changes *changes)
{
	struct uffd_guard_rect rects[MOST_RECTS];
	const unsigned n = choose_rects(reader, extent, rects);
	call_begin(reader, slot, changes);
	int err = call(slot->region, rects, n);
	return call_end(reader, slot, changes, &extent->resizes, name, err);
}

static bool renew_by_rects(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_rects(reader, slot, extent, uffd_guard_refresh_rects,
		"uffd_guard_refresh_rects", &slot->mutations);
}

static bool renew_by_update(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_extent(
		reader, slot, extent, uffd_guard_update, "uffd_guard_update", &slot->mutations);
}

static bool renew_by_update_rects(
	struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_rects(reader, slot, extent, uffd_guard_update_rects,
		"uffd_guard_update_rects", &slot->mutations);
}

static bool read_rect_directly(
	struct reader *reader, struct slot *slot, const struct extent *extent)
{
	const uint64_t width = bytes(1 + rng_below(&reader->rng, extent->n_words));
	const uint64_t n_rows = bytes(extent->n_words) / width;
	const uint64_t rest = bytes(extent->n_words) - n_rows * width;
	const struct uffd_guard_rect rect = { bytes(extent->first), width, width, n_rows };
	char *to = (char *)reader->reading.words;
	call_begin(reader, slot, NULL);
	ssize_t n = uffd_guard_read_rect(slot->region, &rect, to, width);
	if (n >= 0 && rest > 0)
		n = uffd_guard_read(
			slot->region, rect.offset + n_rows * width, to + n_rows * width, rest);
	return call_end(reader, slot, NULL, &extent->resizes, "uffd_guard_read_rect", n);
}

/* ---- In steps ---- */

bool renew_mark(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_rects(
		reader, slot, extent, uffd_guard_mark_rects, "uffd_guard_mark_rects", NULL);
}

bool renew_begin(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	call_begin(reader, slot, NULL);
	int err = uffd_guard_begin(slot->region);
	return call_end(reader, slot, NULL, &extent->resizes, "uffd_guard_begin", err);
}

static bool ensure(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return call_on_extent(
		reader, slot, extent, uffd_guard_ensure, "uffd_guard_ensure", &slot->mutations);
}

static bool renew_by_marks(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	return renew_mark(reader, slot, extent) &&
	       (rng_one_in(&reader->rng, 2) || renew_begin(reader, slot, extent)) &&
	       ensure(reader, slot, extent);
}

/* ---- Choosing ---- */

static const struct renewal always[] = {
	{ .renew = renew_by_refresh },
	{ .renew = renew_by_spans },
	{ .renew = renew_by_discard },
	{ .renew = renew_by_rects },
	{ .renew = renew_by_update },
	{ .renew = renew_by_update_rects },
	{ .renew = read_directly, .is_past_the_region = true },
	{ .renew = read_rect_directly, .is_past_the_region = true },
};
#define N_ALWAYS (sizeof(always) / sizeof(always[0]))

static const struct renewal with_marks[] = {
	{ .renew = renew_by_marks },
	{ .renew = ensure, .asks_for_marked = true },
};

const struct renewal *renew_choose(struct reader *reader, const struct slot *slot)
{
	if (slot->uses_marks && rng_one_in(&reader->rng, 3))
		return &with_marks[rng_below(&reader->rng, 2)];
	return &always[rng_below(&reader->rng, N_ALWAYS)];
}

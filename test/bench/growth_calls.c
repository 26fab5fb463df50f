/* SPDX-License-Identifier: MIT */
/*
 * What is measured at n, 2n, 4n, ... of calls that bring bytes over, store them or give them back:
 * proportional to the pages, rectangles or marks that they are given, and to nothing else.
 */
#include "../support/time_ns.h"
#include "growth_cost.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_PAGES    ((size_t)16384)
#define MOST_RECTS    ((size_t)2048)
#define MOST_MARKS    ((size_t)64)    /* each new mark is compared with as many, from there on */
#define RECT_STRIDE   ((size_t)15360) /* of a picture 3840 pixels wide */
#define RECT_LENGTH   ((size_t)64)
#define RECT_ROWS     ((size_t)2)
#define N_REPETITIONS 64

/* ---- A filled region of a file of its own, and memory as large ---- */

static void finish(struct cost *cost)
{
	uffd_guard_unmap(cost->region);
	free(cost->rects);
	free(cost->memory);
	if (cost->fd > 0)
		close(cost->fd);
}

static int prepare(struct cost *cost, size_t length)
{
	struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_MAP_POPULATE | UFFD_GUARD_MAP_WRITE,
	};
	cost->memory = calloc(1, length);
	cost->fd = file_create_filled(length);
	if (!cost->memory || cost->fd < 0)
		return cost->memory ? cost->fd : -ENOMEM;
	return uffd_guard_map(cost->bench->guard, cost->fd, length, &options, &cost->region);
}

static size_t length_of(const struct cost *cost)
{
	return cost->n * cost->bench->page_size;
}

static int prepare_pages(struct cost *cost)
{
	return prepare(cost, length_of(cost));
}

static int prepare_most_pages(struct cost *cost)
{
	return prepare(cost, MOST_PAGES * cost->bench->page_size);
}

static int prepare_rects(struct cost *cost)
{
	cost->rects = calloc(MOST_RECTS, sizeof(*cost->rects));
	if (!cost->rects)
		return -ENOMEM;
	for (size_t i = 0; i < MOST_RECTS; i++)
		cost->rects[i] = (struct uffd_guard_rect){
			.offset = i * RECT_ROWS * RECT_STRIDE,
			.stride = RECT_STRIDE,
			.width = RECT_LENGTH,
			.height = RECT_ROWS,
		};
	return prepare(cost, MOST_RECTS * RECT_ROWS * RECT_STRIDE);
}

static double since(uint64_t start, ssize_t result)
{
	return result < 0 ? (double)result : (double)(clock_ns() - start);
}

/*
 * All that there is, n a call, so that at every n the same memory is read, which the processor's
 * caches hold or not. The time of one call.
 */
typedef ssize_t part_fn(struct cost *cost, size_t first);

static double time_parts(struct cost *cost, part_fn *part, size_t most)
{
	ssize_t result = 0;
	uint64_t start = clock_ns();
	for (size_t first = 0; first < most && result >= 0; first += cost->n)
		result = part(cost, first);
	const double ns = since(start, result);
	return ns < 0 ? ns : ns * (double)cost->n / (double)most;
}

/* ---- Pages ---- */

static ssize_t populate(struct cost *cost, size_t page)
{
	return uffd_guard_populate(cost->region, page * cost->bench->page_size, length_of(cost));
}

static double sample_populate(struct cost *cost)
{
	int err = uffd_guard_discard(cost->region, 0, MOST_PAGES * cost->bench->page_size);
	return err ? err : time_parts(cost, populate, MOST_PAGES);
}

static ssize_t discard(struct cost *cost, size_t page)
{
	return uffd_guard_discard(cost->region, page * cost->bench->page_size, length_of(cost));
}

static double sample_discard(struct cost *cost)
{
	int err = uffd_guard_populate(cost->region, 0, MOST_PAGES * cost->bench->page_size);
	return err ? err : time_parts(cost, discard, MOST_PAGES);
}

static ssize_t refresh(struct cost *cost, size_t page)
{
	return uffd_guard_refresh(cost->region, page * cost->bench->page_size, length_of(cost));
}

static double sample_refresh(struct cost *cost)
{
	return time_parts(cost, refresh, MOST_PAGES);
}

static ssize_t read_pages(struct cost *cost, size_t page)
{
	const size_t at = page * cost->bench->page_size;
	return uffd_guard_read(cost->region, at, cost->memory + at, length_of(cost));
}

static double sample_read(struct cost *cost)
{
	return time_parts(cost, read_pages, MOST_PAGES);
}

static ssize_t write_pages(struct cost *cost, size_t page)
{
	const size_t at = page * cost->bench->page_size;
	return uffd_guard_write(cost->region, at, cost->memory + at, length_of(cost));
}

static double sample_write(struct cost *cost)
{
	return time_parts(cost, write_pages, MOST_PAGES);
}

static ssize_t write_back(struct cost *cost, size_t page)
{
	return uffd_guard_write_back(cost->region, page * cost->bench->page_size, length_of(cost));
}

static double sample_write_back(struct cost *cost)
{
	return time_parts(cost, write_back, MOST_PAGES);
}

/* ---- A region's size matters to none of these ---- */

static double sample_resize(struct cost *cost)
{
	const size_t length = length_of(cost), page = cost->bench->page_size;
	uint64_t start = clock_ns();
	int err = 0;
	for (int i = 0; i < N_REPETITIONS && !err; i++)
		err = uffd_guard_resize(cost->region, length - (i % 2 ? 0 : page));
	return since(start, err) / (err ? 1 : N_REPETITIONS);
}

static double sample_look(struct cost *cost)
{
	const struct uffd_guard_rect rect = { .stride = 64, .width = 64, .height = 1 };
	uint64_t start = clock_ns();
	int err = 0;
	for (int i = 0; i < N_REPETITIONS && !err; i++) {
		err = uffd_guard_mark_rects(cost->region, &rect, 1);
		if (!err)
			err = uffd_guard_begin(cost->region);
		if (!err)
			err = uffd_guard_ensure(cost->region, 0, 64);
		uffd_guard_region_take_losses(cost->region);
	}
	return since(start, err) / (err ? 1 : N_REPETITIONS);
}

/* ---- Rectangles and marks ---- */

static ssize_t update_rects(struct cost *cost, size_t first)
{
	return uffd_guard_update_rects(cost->region, cost->rects + first, cost->n);
}

static double sample_update_rects(struct cost *cost)
{
	return time_parts(cost, update_rects, MOST_RECTS);
}

static ssize_t ensure_all(struct cost *cost)
{
	return uffd_guard_ensure(cost->region, 0, uffd_guard_region_length(cost->region));
}

static double sample_mark_rects(struct cost *cost)
{
	ssize_t result = ensure_all(cost); /* takes the marks of before */
	uint64_t start = clock_ns();
	if (result == 0)
		result = uffd_guard_mark_rects(cost->region, cost->rects, cost->n);
	return since(start, result);
}

/* Each rectangle is marked by a call of its own, as for a client with many commits to a frame. */
static ssize_t mark_and_look(struct cost *cost, size_t first)
{
	int err = 0;
	for (size_t i = 0; i < cost->n && !err; i++)
		err = uffd_guard_mark_rects(cost->region, cost->rects + first + i, 1);
	if (!err)
		err = uffd_guard_begin(cost->region);
	return err ? err : ensure_all(cost);
}

static double sample_marks(struct cost *cost)
{
	return time_parts(cost, mark_and_look, MOST_RECTS);
}

static struct uffd_guard_rect rows_at(const struct cost *cost, size_t row)
{
	return (struct uffd_guard_rect){
		.offset = row * RECT_STRIDE,
		.stride = RECT_STRIDE,
		.width = RECT_LENGTH,
		.height = cost->n,
	};
}

static ssize_t read_rows(struct cost *cost, size_t row)
{
	const struct uffd_guard_rect rect = rows_at(cost, row);
	return uffd_guard_read_rect(cost->region, &rect, cost->memory, RECT_LENGTH);
}

static double sample_read_rect(struct cost *cost)
{
	return time_parts(cost, read_rows, MOST_RECTS);
}

static ssize_t write_rows(struct cost *cost, size_t row)
{
	const struct uffd_guard_rect rect = rows_at(cost, row);
	return uffd_guard_write_rect(cost->region, &rect, cost->memory, RECT_LENGTH);
}

static double sample_write_rect(struct cost *cost)
{
	return time_parts(cost, write_rows, MOST_RECTS);
}

const struct cost_kind call_kinds[] = {
	{ "mark, begin, ensure of 64 bytes, losses", "pages", 0, 16, MOST_PAGES, prepare_pages,
		sample_look, finish },
	{ "resize by a page", "pages", 0, 16, MOST_PAGES, prepare_pages, sample_resize, finish },
	{ "populate", "pages", 1, 16, MOST_PAGES, prepare_most_pages, sample_populate, finish },
	{ "refresh", "pages", 1, 16, MOST_PAGES, prepare_most_pages, sample_refresh, finish },
	{ "discard", "pages", 1, 16, MOST_PAGES, prepare_most_pages, sample_discard, finish },
	{ "read", "pages", 1, 16, MOST_PAGES, prepare_most_pages, sample_read, finish },
	{ "write", "pages", 1, 16, MOST_PAGES, prepare_most_pages, sample_write, finish },
	{ "write_back", "pages", 1, 16, MOST_PAGES, prepare_most_pages, sample_write_back, finish },
	{ "read_rect", "rows", 1, 1, MOST_RECTS, prepare_rects, sample_read_rect, finish },
	{ "write_rect", "rows", 1, 1, MOST_RECTS, prepare_rects, sample_write_rect, finish },
	{ "update_rects", "rects", 1, 1, MOST_RECTS, prepare_rects, sample_update_rects, finish },
	{ "mark_rects", "rects", 1, MOST_MARKS, MOST_RECTS, prepare_rects, sample_mark_rects,
		finish },
	{ "marks of a rectangle each, begin, ensure", "marks", 1, MOST_MARKS, MOST_RECTS,
		prepare_rects, sample_marks, finish },
	{ NULL, NULL, 0, 0, 0, NULL, NULL, NULL },
};

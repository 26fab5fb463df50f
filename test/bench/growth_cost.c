/* SPDX-License-Identifier: MIT */
/* What is measured at n, 2n, 4n, ...: calls whose cost should not depend on the number of regions
 * and pages, and calls whose cost should be proportional to their spans or events. Calls that are
 * given pages, rectangles or marks are in growth_calls.c. */
#include "growth_cost.h"

#include "../support/time_ns.h"
#include "place.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define POOL_LENGTH ((size_t)64 << 10)
#define N_POOLS	    64
#define N_TOUCHES   256
#define N_REFRESHES 64
#define SPAN_LENGTH 576 /* a row of 144 pixels */
#define MOST_SPANS  8192

static void cost_finish(struct cost *cost)
{
	touches_destroy(&cost->touches);
	pools_unmap(&cost->pools);
	uffd_guard_unmap(cost->region);
	free(cost->spans);
	if (cost->fd > 0)
		close(cost->fd);
}

/* n regions beside the one that is measured. */
static int prepare_pools(struct cost *cost)
{
	if (!pools_fit(cost->n))
		return -EMFILE;
	int err = pools_map(&cost->pools, cost->bench->guard, cost->n);
	if (err)
		return err;
	err = bench_random_fd(cost->bench);
	return err < 0 ? err : 0;
}

/* ---- Map, read one page, unmap ---- */

static int map_and_unmap(const struct cost *cost, size_t length)
{
	struct uffd_guard_region *region;
	int err = uffd_guard_map(cost->bench->guard, cost->bench->random_fd, length, NULL, &region);
	if (!err)
		uffd_guard_unmap(region);
	return err;
}

static double time_maps(const struct cost *cost, size_t length)
{
	int err = 0;
	uint64_t start = clock_ns();
	for (int i = 0; i < N_POOLS && !err; i++)
		err = map_and_unmap(cost, length);
	return err ? err : (double)(clock_ns() - start) / N_POOLS;
}

static double sample_map(struct cost *cost)
{
	return time_maps(cost, POOL_LENGTH);
}

static int prepare_file(struct cost *cost)
{
	int err = bench_random_fd(cost->bench);
	return err < 0 ? err : 0;
}

static double sample_map_pages(struct cost *cost)
{
	return time_maps(cost, cost->n * cost->bench->page_size);
}

/* ---- Lookup: the same faults in one region, with n others ---- */

static double sample_lookup(struct cost *cost)
{
	struct touches touches;
	struct uffd_guard_region *region;
	struct series singles = { .n = 0 };
	if (!touches_create(&touches, N_TOUCHES))
		return -ENOMEM;
	int err = uffd_guard_map(
		cost->bench->guard, cost->bench->random_fd, RANDOM_LENGTH, NULL, &region);
	double ns = err;
	if (!err) {
		touches_scatter(&touches, uffd_guard_region_data(region), RANDOM_LENGTH,
			cost->bench->page_size);
		place_threads(PLACE_SAME_CORE);
		touches_run(&touches, 0, touches.n, &singles);
		place_threads(PLACE_ANYWHERE);
		ns = series_median(&singles);
		uffd_guard_unmap(region);
	}
	series_finish(&singles);
	touches_destroy(&touches);
	return ns;
}

/* ---- Refresh ---- */

static int map_filled(struct cost *cost, size_t length)
{
	struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_MAP_POPULATE,
	};
	int err = bench_random_fd(cost->bench);
	if (err < 0)
		return err;
	return uffd_guard_map(
		cost->bench->guard, cost->bench->random_fd, length, &options, &cost->region);
}

static int prepare_spans(struct cost *cost)
{
	const size_t distance = RANDOM_LENGTH / 4 / MOST_SPANS;
	cost->spans = calloc(MOST_SPANS, sizeof(*cost->spans));
	if (!cost->spans)
		return -ENOMEM;
	for (size_t i = 0; i < MOST_SPANS; i++)
		cost->spans[i] = (struct uffd_guard_span){ .offset = i * distance + 100,
			.length = SPAN_LENGTH };
	return map_filled(cost, RANDOM_LENGTH / 4);
}

/* All spans that there are, n a call: so that at every n the same memory is read, which the
 * processor's caches hold or not. */
static double sample_spans(struct cost *cost)
{
	int err = 0;
	uint64_t start = clock_ns();
	for (size_t i = 0; i < MOST_SPANS && !err; i += cost->n)
		err = uffd_guard_refresh_spans(cost->region, cost->spans + i, cost->n);
	return err ? err : (double)(clock_ns() - start) * (double)cost->n / MOST_SPANS;
}

static int prepare_filled_pages(struct cost *cost)
{
	return map_filled(cost, cost->n * cost->bench->page_size);
}

static double sample_refresh(struct cost *cost)
{
	int err = 0;
	uint64_t start = clock_ns();
	for (int i = 0; i < N_REFRESHES && !err; i++)
		err = uffd_guard_refresh(
			cost->region, cost->n / 2 * cost->bench->page_size, SPAN_LENGTH);
	return err ? err : (double)(clock_ns() - start) / N_REFRESHES;
}

/* ---- Dispatch ---- */

static void ignore_event(const struct uffd_guard_event *event, void *data)
{
	(void)event;
	(void)data;
}

/* Touch every other page of an empty file, so that losses are not merged. */
static int prepare_lost(struct cost *cost)
{
	cost->fd = file_create(0);
	if (cost->fd < 0)
		return cost->fd;
	return uffd_guard_map(cost->bench->guard, cost->fd, 2 * cost->n * cost->bench->page_size,
		NULL, &cost->region);
}

static double sample_dispatch(struct cost *cost)
{
	const size_t page = cost->bench->page_size;
	int err = uffd_guard_discard(cost->region, 0, 2 * cost->n * page);
	for (size_t i = 0; i < cost->n && !err; i++)
		err = uffd_guard_populate(cost->region, 2 * i * page, page);
	if (err)
		return err;
	uint64_t start = clock_ns();
	err = uffd_guard_dispatch(cost->bench->guard, ignore_event, NULL);
	return err < 0 ? err : (double)(clock_ns() - start);
}

const struct cost_kind cost_kinds[] = {
	{ "map, unmap with other regions", "regions", 0, 16, 8192, prepare_pools, sample_map,
		cost_finish },
	{ "fault with other regions", "regions", 0, 16, 8192, prepare_pools, sample_lookup,
		cost_finish },
	{ "map, unmap of a region", "pages", 0, 16, 65536, prepare_file, sample_map_pages,
		cost_finish },
	{ "refresh of a span in a filled region", "pages", 0, 16, 65536, prepare_filled_pages,
		sample_refresh, cost_finish },
	{ "refresh of spans", "spans", 1, 1, MOST_SPANS, prepare_spans, sample_spans, cost_finish },
	{ "dispatch of events", "events", 1, 1, 1024, prepare_lost, sample_dispatch, cost_finish },
	{ NULL, NULL, 0, 0, 0, NULL, NULL, NULL },
};

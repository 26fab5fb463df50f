/* SPDX-License-Identifier: MIT */
/*
 * Spans that lie close to each other, like the rows of a damaged rectangle: a system call for each
 * costs more than reading the bytes between them as well, into a scratch buffer.
 */
#include "pages/gather.h"

#include "base/check.h"

#include "base/rows.h"
#include "state/guard.h"
#include "state/region.h"

#include <sys/uio.h>

#define MOST_BETWEEN  1024 /* beyond, reading it costs more than a system call saves */
#define MOST_GATHERED 64

size_t gather_count(
	const struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	check(n_spans > 0);
	const size_t page = page_size(), first = spans[0].offset / page;
	const struct uffd_guard_span *last = &spans[min_u64(n_spans, MOST_GATHERED) - 1];
	const uint64_t end = min_u64(last->offset + last->length, atomic_load(&region->length));
	if (n_spans < 2 || region_tracks_stores(region) || region->source.blocking ||
		spans[0].offset >= end || spans[0].offset < region_direct_end(region))
		return 1;

	size_t n_pages;
	if (region_run(region, first, page_ceil(end) / page - first, &n_pages) != PRESENCE_HELD)
		return 1;
	const size_t n = spans_count_close(spans, n_spans, MOST_BETWEEN,
		min_u64(end, (first + n_pages) * page), MOST_GATHERED);
	return max_u64(n, 1);
}

bool gather_read(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans)
{
	char between[MOST_BETWEEN];
	struct iovec parts[2 * MOST_GATHERED];
	uint64_t at = spans[0].offset, length = 0;
	int n_parts = 0;
	for (size_t i = 0; i < n_spans; i++) {
		const uint64_t gap = spans[i].offset - at;
		if (gap > 0)
			parts[n_parts++] = (struct iovec){ between, gap };
		parts[n_parts++] = (struct iovec){ (void *)region_address(region, spans[i].offset),
			spans[i].length };
		at = spans[i].offset + spans[i].length;
		length += spans[i].length;
	}
	if (!source_read_parts(&region->source, spans[0].offset, parts, n_parts))
		return false;
	stats_add(&region->guard->stats->bytes_refreshed, length);
	return true;
}

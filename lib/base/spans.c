/* SPDX-License-Identifier: MIT */
#include "base/spans.h"

#include "base/page.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	const struct uffd_guard_span *a = left, *b = right;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool are_sorted(const struct uffd_guard_span *spans, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (spans[i].offset < spans[i - 1].offset)
			return false;
	}
	return true;
}

static uint64_t end_of(const struct uffd_guard_span *span)
{
	return span->offset + span->length;
}

size_t spans_merge(struct uffd_guard_span *spans, size_t n_spans)
{
	if (!are_sorted(spans, n_spans))
		qsort(spans, n_spans, sizeof(*spans), compare);
	size_t last = 0;
	for (size_t i = 1; i < n_spans; i++) {
		const uint64_t end = end_of(&spans[last]);
		if (spans[i].offset <= end)
			spans[last].length = max_u64(end, end_of(&spans[i])) - spans[last].offset;
		else
			spans[++last] = spans[i];
	}
	return n_spans ? last + 1 : 0;
}

size_t spans_count_close(const struct uffd_guard_span *spans, size_t n_spans, uint64_t gap,
	uint64_t end, size_t most)
{
	size_t n = 0;
	while (n < min_u64(n_spans, most) && end_of(&spans[n]) <= end &&
		(n == 0 || spans[n].offset - end_of(&spans[n - 1]) <= gap))
		n++;
	return n;
}

/* SPDX-License-Identifier: MIT */
/* Ranges that are refreshed in one call: put in order, and those that lie near each other found.
 * Pure arithmetic. */
#pragma once

#include <uffd_guard.h>

/* Sorts spans, joins what touches, and answers how many are left. */
size_t spans_merge(struct uffd_guard_span *spans, size_t n_spans);

/* How many spans, from the first on, follow each other with no more than @gap bytes in between, end
 * at @end or before, and are @most at most. The spans are merged. */
size_t spans_count_close(const struct uffd_guard_span *spans, size_t n_spans, uint64_t gap,
	uint64_t end, size_t most);

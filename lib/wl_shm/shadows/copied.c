/* SPDX-License-Identifier: MIT */
/*
 * What was copied in this batch of requests need not be copied again: the client cannot have heard
 * yet that the compositor has released it, and may not have changed it. So a hundred commits of one
 * picture at once are one copy, and so are those of a hundred buffers on the same bytes. The rest
 * of what a program may cause is bounded by its allowance.
 */
#include "shadows/copied.h"

static bool contains(const struct uffd_guard_rect *outer, const struct uffd_guard_rect *rect)
{
	if (rect->offset < outer->offset)
		return false;
	const uint64_t from = rect->offset - outer->offset;
	if (outer->height == 1)
		return from + (rect->height - 1) * rect->stride + rect->width <= outer->width;
	return rect->stride == outer->stride &&
	       from % outer->stride + rect->width <= outer->width &&
	       from / outer->stride + rect->height <= outer->height;
}

static unsigned count(const struct copied *copied, uint32_t batch)
{
	if (copied->batch != batch)
		return 0;
	return copied->n_added < COPIED_RECTS ? copied->n_added : COPIED_RECTS;
}

bool copied_has(const struct copied *copied, uint32_t batch, const struct uffd_guard_rect *rect)
{
	const unsigned n = count(copied, batch);
	for (unsigned i = 0; i < n; i++) {
		if (contains(&copied->rects[i], rect))
			return true;
	}
	return false;
}

void copied_add(struct copied *copied, uint32_t batch, const struct uffd_guard_rect *rect)
{
	if (copied->batch != batch)
		copied->n_added = 0;
	copied->batch = batch;
	copied->rects[copied->n_added++ % COPIED_RECTS] = *rect;
}

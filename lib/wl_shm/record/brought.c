/* SPDX-License-Identifier: MIT */
/*
 * A client may lay several buffers over the same bytes. What is known of one of them (all is as it
 * was committed, but for what changed since) is no longer true when bytes of it were brought over
 * for another one.
 */
#include "record/brought.h"

#include <string.h>

static bool is_same(const struct buffer_layout *a, const struct buffer_layout *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool overlaps(struct byte_range a, struct byte_range b)
{
	return a.start < b.end && b.start < a.end;
}

/* The place of @layout, or of the one that was brought over longest ago. */
static unsigned place_of(const struct brought *brought, const struct buffer_layout *layout)
{
	unsigned oldest = 0;
	for (unsigned i = 0; i < BROUGHT_LAYOUTS; i++) {
		if (brought->latest[i].at && is_same(&brought->latest[i].layout, layout))
			return i;
		if (brought->latest[i].at < brought->latest[oldest].at)
			oldest = i;
	}
	return oldest;
}

static void forget(struct brought *brought, unsigned i)
{
	const struct byte_range range = brought->latest[i].range, others = brought->others;
	if (others.end == 0)
		brought->others = range;
	else
		brought->others = (struct byte_range){
			range.start < others.start ? range.start : others.start,
			range.end > others.end ? range.end : others.end,
		};
	if (brought->latest[i].at > brought->others_at)
		brought->others_at = brought->latest[i].at;
}

uint64_t brought_note(
	struct brought *brought, const struct buffer_layout *layout, struct byte_range range)
{
	const unsigned i = place_of(brought, layout);
	if (brought->latest[i].at && !is_same(&brought->latest[i].layout, layout))
		forget(brought, i);
	brought->latest[i].layout = *layout;
	brought->latest[i].range = range;
	brought->latest[i].at = ++brought->now;
	return brought->now;
}

bool brought_has_others(const struct brought *brought, const struct buffer_layout *layout,
	struct byte_range range, uint64_t at)
{
	if (brought->others_at > at && overlaps(brought->others, range))
		return true;
	for (unsigned i = 0; i < BROUGHT_LAYOUTS; i++) {
		if (brought->latest[i].at > at && overlaps(brought->latest[i].range, range) &&
			!is_same(&brought->latest[i].layout, layout))
			return true;
	}
	return false;
}

bool brought_is_last(const struct brought *brought, const struct buffer_layout *layout,
	struct byte_range range, uint64_t at)
{
	const unsigned i = place_of(brought, layout);
	return at && brought->latest[i].at == at && is_same(&brought->latest[i].layout, layout) &&
	       !brought_has_others(brought, layout, range, at);
}

/* SPDX-License-Identifier: MIT */
/*
 * How far around a fault to fill. Pure arithmetic on what is filled already, which is all the
 * history there is: no state that two readers of one region could spoil for each other.
 *
 * A reader that goes on from filled pages reads in sequence, and gets as much again as lies behind;
 * a page with nothing before it is a jump, and gets itself. So a window doubles while reading goes
 * on, and falls to one page with the first jump into unread space. The first page of a region is
 * where most reading begins: a little more.
 */
#include "pages/window.h"

#include "base/page.h"

#define AHEAD_FROM   128
#define AHEAD_FACTOR 4
#define FIRST_PAGES  8
#define ZEROS_FACTOR 16
#define ZEROS_LEAST  16
#define ZEROS_MOST   1024

struct window window_around(size_t page, size_t n_before, size_t n_absent)
{
	size_t wanted = page == 0 ? FIRST_PAGES : n_before;
	wanted = min_u64(wanted, WINDOW_MOST_PAGES);
	wanted = min_u64(wanted, n_absent);
	return (struct window){ .first = page, .n_pages = wanted ? wanted : 1 };
}

size_t window_ahead(size_t n_pages)
{
	return n_pages >= AHEAD_FROM ? n_pages * AHEAD_FACTOR : 0;
}

size_t window_of_zeros(size_t n_pages)
{
	size_t wanted = n_pages * ZEROS_FACTOR;
	wanted = min_u64(max_u64(wanted, ZEROS_LEAST), ZEROS_MOST);
	return max_u64(wanted, n_pages);
}

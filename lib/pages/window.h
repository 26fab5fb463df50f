/* SPDX-License-Identifier: MIT */
/* How far around a fault to fill. Any thread: arithmetic. */
#pragma once

#include <stddef.h>

#define WINDOW_MOST_PAGES 512 /* 2 MiB of 4 KiB pages */

struct window {
	size_t first, n_pages;
};

/*
 * How much to fill for a fault on @page: @n_before pages directly before it are filled already,
 * @n_absent from it on are not. Both may be counted no further than WINDOW_MOST_PAGES.
 */
struct window window_around(size_t page, size_t n_before, size_t n_absent);

/* How many pages to fill behind a window of @n_pages before anybody asks for them. */
size_t window_ahead(size_t n_pages);

/* How many pages of zeros to fill, all in all, where @n_pages were wanted: they are much cheaper.
 */
size_t window_of_zeros(size_t n_pages);

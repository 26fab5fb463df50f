/* SPDX-License-Identifier: MIT */
#pragma once

#include "series.h"

#include <stddef.h>

/* Addresses to load from, in this order. None of their pages was touched before. */
struct touches {
	const volatile char **at;
	size_t n, room;
};

/* False without memory. */
bool touches_create(struct touches *touches, size_t room);
void touches_destroy(struct touches *touches);
void touches_add(struct touches *touches, const void *address);
/* Add as many touches as there is room for: one in each stretch of the memory, never near that of
 * the next stretch, so that no two look like sequential reading. */
void touches_scatter(struct touches *touches, const void *data, size_t length, size_t page_size);
/* Shuffle, into the same order in every run. */
void touches_shuffle(struct touches *touches);

/* Make the touches from @first to @end, and add the nanoseconds of each to @singles unless it is
 * NULL. Answers the mean. */
double touches_run(const struct touches *touches, size_t first, size_t end, struct series *singles);

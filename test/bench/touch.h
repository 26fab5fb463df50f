/* SPDX-License-Identifier: MIT */
#pragma once

#include "series.h"

#include <stddef.h>

/* Bytes to load, in this order, none of whose pages was touched before. */
struct touches {
	const volatile char **at;
	size_t n, room;
};

/* False without memory. */
bool touches_create(struct touches *touches, size_t room);
void touches_destroy(struct touches *touches);
void touches_add(struct touches *touches, const void *address);
/* As many as there is room for, one in each stretch of the memory and never near the one in the
 * next stretch, so that no two look like a reader that goes on. */
void touches_scatter(struct touches *touches, const void *data, size_t length, size_t page_size);
/* The same order in every run. */
void touches_shuffle(struct touches *touches);

/* Load touches from @first to @end; nanoseconds of each into @singles, NULL: of none. Answers the
 * mean. */
double touches_run(const struct touches *touches, size_t first, size_t end, struct series *singles);

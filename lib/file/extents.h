/* SPDX-License-Identifier: MIT */
/* Data and holes of a file, without reading it. Callers' threads. */
#pragma once

#include "file/source.h"

/* Called with bytes of the region, in whole pages. */
typedef int extent_fn(void *data, uint64_t offset, uint64_t length);

/*
 * Call @fn for all pages of the range that may be something else than a hole. 0, or the first error
 * of @fn.
 */
int extents_for_each_data(
	const struct source *source, uint64_t offset, uint64_t length, extent_fn *fn, void *data);

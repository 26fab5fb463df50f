/* SPDX-License-Identifier: MIT */
/* Reads that the kernel ends before they have all. */
#pragma once

#include "base/page.h"

#include <stdbool.h>
#include <stddef.h>

/* A read of @length bytes into a buffer has returned @result for the part from @from on, or a
 * negative errno. @got: bytes that are there. Whether the file may have more: then @from is where
 * the next part begins. That is the page it stopped in, for a copy that starts at an odd byte would
 * tear words that the client writes whole. */
static inline bool short_read_goes_on(size_t *from, size_t *got, size_t length, int result)
{
	const size_t before = *got;
	if (result >= 0)
		*got = max_u64(before, *from + (size_t)result);
	if (result < 0 || *got <= before || *got == length)
		return false;
	*from = page_floor(*got);
	return true;
}

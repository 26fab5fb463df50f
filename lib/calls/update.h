/* SPDX-License-Identifier: MIT */
/* Bringing over what the client has changed. Callers' threads. */
#pragma once

#include <uffd_guard.h>

/* 0, or what uffd_guard_refresh_rects() answers if one of them is not inside the region. */
int rects_check(const struct uffd_guard_region *region, const struct uffd_guard_rect *rects,
	size_t n_rects);

static inline struct uffd_guard_rect rect_of_range(uint64_t offset, uint64_t length)
{
	return (struct uffd_guard_rect){ offset, length, length, 1 };
}

/* SPDX-License-Identifier: MIT */
/* A range of bytes in three parts: bytes of a page it begins in, whole pages, bytes of the page it
 * ends in. */
#pragma once

#include <stdint.h>

struct uffd_guard_region;

typedef int part_fn(struct uffd_guard_region *region, uint64_t start, uint64_t end);

/*
 * Call @on_bytes for what lies within one page and @on_pages for whole pages, in ascending order,
 * none for an empty part; stop at the first error and return it. The last page counts as whole if
 * the range reaches the region's end. If there is no whole page, each call of @on_bytes is within
 * one page all the same.
 */
int for_parts(struct uffd_guard_region *region, uint64_t start, uint64_t end, part_fn *on_bytes,
	part_fn *on_pages);

/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct uffd_guard_region;

/* What install.h does with a userfaultfd, without one. */
int eager_copy(uintptr_t start, const void *source, size_t length, size_t *done);
int eager_zeros(uintptr_t start, size_t length, size_t *done);

/*
 * Read what the file has for the pages of the range that presence says are absent, whatever they
 * hold; what it does not have becomes zeros and is reported. The caller holds region->lock, or
 * nobody knows the region yet.
 */
int eager_fill(struct uffd_guard_region *region, size_t first, size_t n_pages);

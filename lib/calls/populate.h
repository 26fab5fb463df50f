/* SPDX-License-Identifier: MIT */
/* Callers' threads. */
#pragma once

#include <stdint.h>

struct uffd_guard_region;

/* Fill the absent pages of a range that was checked. */
int populate_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

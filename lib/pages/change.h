/* SPDX-License-Identifier: MIT */
/* Changes to a region, one at a time. Callers, and the copier. */
#pragma once

#include <stdbool.h>

struct uffd_guard_region;

/* Begin and end a change to a region (refresh, discard, resize, write_back): one at a time, one
 * deadline for all that is read of a file that may block. Between them the thread holds
 * region->lock. Not nested. */
void change_begin(struct uffd_guard_region *region);
/* The copier: begin if no caller is at it or wants to be. */
bool change_try_begin(struct uffd_guard_region *region);
void change_end(struct uffd_guard_region *region);

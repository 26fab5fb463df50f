/* SPDX-License-Identifier: MIT */
/* Counters where others may see them, if UFFD_GUARD_STATS asks for it: base/published.h. Callers'
 * threads. */
#pragma once

#include "base/published.h"

struct uffd_guard;
struct uffd_guard_region;

/* Publish the guard's counters if the environment asks for it. Where that fails, the guard goes on
 * without, and says so in its log. */
void publish_begin(struct uffd_guard *guard);
void publish_end(struct uffd_guard *guard);

/* Publish a region, from before its first fill until after its last. */
void publish_region(struct uffd_guard_region *region);
void publish_shape(struct uffd_guard_region *region); /* length and mode may have changed */
void publish_withdraw(struct uffd_guard_region *region);

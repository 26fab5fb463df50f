/* SPDX-License-Identifier: MIT */
/* The file itself in place of copies (DIRECT). Callers' threads, with region->lock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct uffd_guard_region;

/* Make as much of the region the file itself as is safe now: at map, and at each resize after the
 * length has been set. The caller holds region->lock, or no other thread knows the region yet. What
 * cannot be direct is left as it is. */
void direct_extend(struct uffd_guard_region *region);

/* The same, if a seal that was asked for has come meanwhile. Not where stores are meant to be kept:
 * those that were not written back would be gone. */
void direct_settle(struct uffd_guard_region *region);

/* If all of the region is direct, and the file has all that it may grow to, @room bytes, keep a
 * mapping of the file in place of the descriptor. Map only: no other thread knows the region yet.
 */
void direct_release_descriptor(struct uffd_guard_region *region, uint64_t room);

/* Make the region direct as far as @length, before it gets that long: where there is no descriptor,
 * the handler could not read what is touched meanwhile. 0 or -ENOMEM. */
int direct_grow(struct uffd_guard_region *region, size_t length);

/* The region has become shorter: what leaves it is the file no more. The caller holds region->lock.
 */
int direct_retract(struct uffd_guard_region *region);

/* SPDX-License-Identifier: MIT */
/* A region's address space. Callers' threads; mapping_drop() on the handler too. */
#pragma once

#include <uffd_guard.h>

#include <stddef.h>
#include <stdint.h>

struct range;

/* Address space without access, @size bytes; where huge pages fit in, aligned to them. */
int mapping_reserve(struct range *range, const struct uffd_guard_map_options *options, size_t size);
void mapping_release(const struct uffd_guard *guard, const struct range *range);

/* Register a part that is mapped without access, and only then allow access. A child of fork() sees
 * zeros in all of it; a core dump leaves it out. */
int mapping_make_accessible(struct uffd_guard_region *region, uint64_t offset, size_t size);

/* Put a mapping made elsewhere in the place of [start, start + length): all of it, at once, or
 * nothing, and then it is unmapped. */
int mapping_put_over(uintptr_t start, void *scratch, size_t length);

/* Show there, too, what a mapping of a file shows. Nothing may be mapped there afterwards, if it
 * fails. */
int mapping_show_again(uintptr_t start, void *memory, size_t length);

/* Make memory that is mapped read as zero again, without keeping any for it. */
int mapping_drop(uintptr_t start, size_t length);

/* SPDX-License-Identifier: MIT */
/* Files that a scanner of files may watch, and that one was met which does not answer. Callers. */
#pragma once

#include <stddef.h>

struct uffd_guard_region;

/* Before anybody reads the file of a region that is being mapped. */
void scanners_expect(struct uffd_guard_region *region, size_t reserve);

/* Before a call reads it: past scanners, if one was met meanwhile. */
void scanners_pass(struct uffd_guard_region *region);

/* SPDX-License-Identifier: MIT */
/* Files that a scanner of files may watch, and that one was met which does not answer. Callers. */
#pragma once

#include <stddef.h>

struct uffd_guard_region;

/* Before anybody reads the file of a region that is being mapped. */
void scanners_expect(struct uffd_guard_region *region, size_t reserve);

/* Before a call reads it, at most until the deadline: find out whether a scanner has to be asked,
 * and read past it then. */
void scanners_pass(struct uffd_guard_region *region);
/* The same for a call that is to return at once: past scanners, if one was met. */
void scanners_pass_if_met(struct uffd_guard_region *region);

/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef void part_fn(void *data, uint64_t offset, uint64_t length, bool is_hole);

/* Call @fn for the parts of these bytes of a file, in order: holes, and what may be data. Never
 * waits for anybody. Any thread. */
void holes_for_each_part(int fd, uint64_t offset, uint64_t length, part_fn *fn, void *data);

/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Which modes of the library a run is about. */
enum mode { MODE_LAZY, MODE_DIRECT, MODE_EAGER, MODE_MIXED };

/* As the command line has them; ends with NULL. */
extern const char *const mode_names[];

/* Its client has sealed it against shrinking, and the server maps it DIRECT. In a mixed run four
 * files in a row are: LAZY, DIRECT, EAGER, and DIRECT where the rest is EAGER. */
static inline bool mode_seals_file(enum mode mode, uint32_t file)
{
	return mode == MODE_DIRECT || (mode == MODE_MIXED && file % 2 == 1);
}

/* Its region is of the guard that has no userfaultfd. */
static inline bool mode_makes_file_eager(enum mode mode, uint32_t file)
{
	return mode == MODE_EAGER || (mode == MODE_MIXED && file % 4 >= 2);
}

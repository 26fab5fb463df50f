/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The mode of a run: --mode. */
enum mode { MODE_LAZY, MODE_DIRECT, MODE_EAGER, MODE_MIXED };

/* The names for --mode; ends with NULL. */
extern const char *const mode_names[];

/* Whether the client seals the file against shrinking, and the server maps it DIRECT. In a mixed
 * run four files in a row are LAZY, DIRECT, EAGER, and DIRECT on the guard of the EAGER ones. */
static inline bool mode_seals_file(enum mode mode, uint32_t file)
{
	return mode == MODE_DIRECT || (mode == MODE_MIXED && file % 2 == 1);
}

/* Whether the region of the file is on the guard without userfaultfd. */
static inline bool mode_makes_file_eager(enum mode mode, uint32_t file)
{
	return mode == MODE_EAGER || (mode == MODE_MIXED && file % 4 >= 2);
}

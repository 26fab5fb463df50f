/* SPDX-License-Identifier: MIT */
/* Taking the process to its limits, and back. */
#pragma once

#include <stddef.h>

/* All descriptors that the soft limit allows, which is lowered so that these are few. */
void use_up_descriptors(void);
/* The soft limit to the hard one. */
void raise_descriptor_limit(void);
/* Open descriptors whose file is called so in /proc: "anon_inode:[userfaultfd]". Needs one. */
size_t count_fds_of(const char *file);

/* All mappings that vm.max_map_count allows; each is of two pages. What was a hole of less in the
 * address space stays one. */
struct mappings {
	char **pieces;
	size_t n_pieces;
};
void use_up_mappings(struct mappings *mappings);
void give_mappings_back(struct mappings *mappings);

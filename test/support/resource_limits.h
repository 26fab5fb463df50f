/* SPDX-License-Identifier: MIT */
/* Taking the process to its limits, and back. */
#pragma once

#include <stddef.h>

/* All descriptors that the soft limit allows, which is lowered so that these are few. */
void use_up_descriptors(void);
/* The soft limit to the hard one. */
void raise_descriptor_limit(void);
/* All mappings that vm.max_map_count allows, a page each. */
struct mappings {
	char **pieces;
	size_t n_pieces;
};
void use_up_mappings(struct mappings *mappings);
void give_mappings_back(struct mappings *mappings);

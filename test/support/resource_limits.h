/* SPDX-License-Identifier: MIT */
/* Use up resources of the process, and give them back. */
#pragma once

#include <stddef.h>

/* Lower the soft limit, and use up all descriptors below it. */
void use_up_descriptors(void);
/* Raise the soft limit to the hard one. */
void raise_descriptor_limit(void);
/* Map single pages until vm.max_map_count is reached. */
struct mappings {
	char **pieces;
	size_t n_pieces;
};
void use_up_mappings(struct mappings *mappings);
void give_mappings_back(struct mappings *mappings);

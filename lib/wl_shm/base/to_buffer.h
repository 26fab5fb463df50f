/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/damage.h"

/* How a surface shows its buffer: what a commit made current. */
struct mapping {
	int32_t width, height; /* of the buffer, in pixels */
	int32_t scale;	       /* 0 is 1 */
	int32_t transform;     /* enum wl_output_transform */
	/* wp_viewport: the part of the (scaled, turned) buffer that is shown, and the size it is
	 * shown in. In 1/256, as the protocol has it; -1 where not set. */
	int32_t source_x, source_y, source_width, source_height;
	int32_t shown_width, shown_height; /* not in 1/256 */
};

#define MAPPING_INIT                                                                               \
	{                                                                                          \
		.source_width = -1, .source_height = -1, .shown_width = -1, .shown_height = -1     \
	}

bool mapping_is_same(const struct mapping *a, const struct mapping *b);

/* Pixels of the buffer that may show in @rect of the surface. */
struct rect mapping_to_buffer(const struct mapping *mapping, struct rect rect);

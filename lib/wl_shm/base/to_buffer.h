/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/damage.h"

/* How a surface shows its buffer: what a commit made current. */
struct surface_view {
	int32_t width, height; /* of the buffer, in pixels */
	int32_t scale;	       /* 0 is 1 */
	int32_t transform;     /* enum wl_output_transform */
	/* wp_viewport: the part of the (scaled, turned) buffer that is shown, and the size it is
	 * shown in. In 1/256, as the protocol has it; -1 where not set. */
	int32_t source_x, source_y, source_width, source_height;
	int32_t shown_width, shown_height; /* not in 1/256 */
};

#define SURFACE_VIEW_INIT                                                                          \
	{                                                                                          \
		.source_width = -1, .source_height = -1, .shown_width = -1, .shown_height = -1     \
	}

bool surface_view_is_same(const struct surface_view *a, const struct surface_view *b);

/* Pixels of the buffer that may show in @rect of the surface. */
struct rect surface_view_to_buffer(const struct surface_view *view, struct rect rect);

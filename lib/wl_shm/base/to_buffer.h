/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/damage.h"

/* How a surface shows its buffer, as of its last commit. */
struct surface_view {
	int32_t width, height; /* of the buffer, in pixels */
	int32_t scale;	       /* 0 means 1 */
	int32_t transform;     /* enum wl_output_transform */
	/* wp_viewport: the part of the (scaled, turned) buffer that is shown, in 1/256 as in the
	 * protocol, and the size that it is shown in, in pixels. -1: not set. */
	int32_t source_x, source_y, source_width, source_height;
	int32_t shown_width, shown_height; /* in pixels */
};

#define SURFACE_VIEW_INIT                                                                          \
	{                                                                                          \
		.source_width = -1, .source_height = -1, .shown_width = -1, .shown_height = -1     \
	}

bool surface_view_is_same(const struct surface_view *a, const struct surface_view *b);

/* Pixels of the buffer that may be visible in @rect of the surface. */
struct rect surface_view_to_buffer(const struct surface_view *view, struct rect rect);

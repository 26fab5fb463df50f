/* SPDX-License-Identifier: MIT */
/*
 * From a place on a surface to the pixels of its buffer: through the viewport, the scale, and the
 * transform, in this order. Results are rounded outwards: every pixel that is touched is included.
 */
#include "base/to_buffer.h"

#include <string.h>

#define FIXED 256.0 /* units of wl_fixed_t in a pixel */

/* In pixels, with fractions: a pixel of a surface need not be a whole number of a buffer's. */
struct area {
	double x1, y1, x2, y2;
};

struct turn {
	bool swaps, mirrors_x, mirrors_y; /* mirrored first, then swapped */
};

/* Index: enum wl_output_transform. From the surface back to the buffer. */
static const struct turn turns[] = {
	{ false, false, false }, /* normal */
	{ true, true, false },	 /* 90 */
	{ false, true, true },	 /* 180 */
	{ true, false, true },	 /* 270 */
	{ false, true, false },	 /* flipped */
	{ true, false, false },	 /* flipped 90 */
	{ false, false, true },	 /* flipped 180 */
	{ true, true, true },	 /* flipped 270 */
};
#define N_TURNS ((int32_t)(sizeof(turns) / sizeof(turns[0])))

bool surface_view_is_same(const struct surface_view *a, const struct surface_view *b)
{
	return memcmp(a, b, sizeof(*a)) == 0; /* ints only, no padding */
}

/* One of the two alone is a protocol error, which the compositor posts after this. */
static bool has_source(const struct surface_view *view)
{
	return view->source_width > 0 && view->source_height > 0;
}

static bool has_size(const struct surface_view *view)
{
	return view->shown_width > 0 && view->shown_height > 0;
}

static bool has_viewport(const struct surface_view *view)
{
	return has_source(view) || has_size(view);
}

static struct area through_viewport(
	const struct surface_view *view, struct rect rect, double width, double height)
{
	double x = 0, y = 0;
	if (has_source(view)) {
		x = view->source_x / FIXED;
		y = view->source_y / FIXED;
		width = view->source_width / FIXED;
		height = view->source_height / FIXED;
	}
	double by_x = 1, by_y = 1;
	if (has_size(view)) {
		by_x = width / view->shown_width;
		by_y = height / view->shown_height;
	}
	/* Clients round in different ways, so add a pixel on each side. */
	return (struct area){
		x + (rect.x1 - 1.0) * by_x,
		y + (rect.y1 - 1.0) * by_y,
		x + (rect.x2 + 1.0) * by_x,
		y + (rect.y2 + 1.0) * by_y,
	};
}

static struct area turned(struct area area, const struct turn *turn, double width, double height)
{
	if (turn->mirrors_x)
		area = (struct area){ width - area.x2, area.y1, width - area.x1, area.y2 };
	if (turn->mirrors_y)
		area = (struct area){ area.x1, height - area.y2, area.x2, height - area.y1 };
	if (turn->swaps)
		area = (struct area){ area.y1, area.x1, area.y2, area.x2 };
	return area;
}

static int32_t clamp(double value, int32_t most)
{
	return value <= 0 ? 0 : value >= most ? most : (int32_t)value;
}

static struct rect outwards(struct area area, int32_t width, int32_t height)
{
	struct rect rect = {
		clamp(area.x1, width),
		clamp(area.y1, height),
		clamp(area.x2, width),
		clamp(area.y2, height),
	};
	rect.x2 += rect.x2 < area.x2 && rect.x2 < width;
	rect.y2 += rect.y2 < area.y2 && rect.y2 < height;
	return rect;
}

struct rect surface_view_to_buffer(const struct surface_view *view, struct rect rect)
{
	const int32_t width = view->width, height = view->height;
	if (rect_is_empty(rect))
		return rect;
	if (view->transform < 0 || view->transform >= N_TURNS)
		return (struct rect){ 0, 0, width, height };

	const struct turn *turn = &turns[view->transform];
	const double scale = view->scale > 0 ? view->scale : 1;
	const double turned_width = turn->swaps ? height : width,
		     turned_height = turn->swaps ? width : height;
	struct area area = { rect.x1, rect.y1, rect.x2, rect.y2 };
	if (has_viewport(view))
		area = through_viewport(view, rect, turned_width / scale, turned_height / scale);
	area = (struct area){ area.x1 * scale, area.y1 * scale, area.x2 * scale, area.y2 * scale };
	return outwards(turned(area, turn, turned_width, turned_height), width, height);
}

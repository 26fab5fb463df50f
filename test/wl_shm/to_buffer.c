/* SPDX-License-Identifier: MIT */
#include "base/to_buffer.h"

#include "../support/runner.h"

#include <wayland-server-protocol.h>

#define WIDTH  300 /* of the buffer */
#define HEIGHT 200

static const struct row {
	const char *what;
	struct surface_view view; /* but for width and height */
	struct rect on_surface, in_buffer;
} rows[] = {
#define NO_VIEWPORT .source_width = -1, .source_height = -1, .shown_width = -1, .shown_height = -1
#define TURN(t)                                                                                    \
	{                                                                                          \
		.transform = WL_OUTPUT_TRANSFORM_##t, NO_VIEWPORT                                  \
	}
	{ "as it is", TURN(NORMAL), { 10, 20, 40, 30 }, { 10, 20, 40, 30 } },
	/* The top left 10x5 of the surface, as libweston turns it. */
	{ "90", TURN(90), { 0, 0, 10, 5 }, { 0, 190, 5, 200 } },
	{ "180", TURN(180), { 0, 0, 10, 5 }, { 290, 195, 300, 200 } },
	{ "270", TURN(270), { 0, 0, 10, 5 }, { 295, 0, 300, 10 } },
	{ "flipped", TURN(FLIPPED), { 0, 0, 10, 5 }, { 290, 0, 300, 5 } },
	{ "flipped 90", TURN(FLIPPED_90), { 0, 0, 10, 5 }, { 0, 0, 5, 10 } },
	{ "flipped 180", TURN(FLIPPED_180), { 0, 0, 10, 5 }, { 0, 195, 10, 200 } },
	{ "flipped 270", TURN(FLIPPED_270), { 0, 0, 10, 5 }, { 295, 190, 300, 200 } },
	{ "scale 2", { .scale = 2, NO_VIEWPORT }, { 10, 20, 40, 30 }, { 20, 40, 80, 60 } },
	{ "scale 2, turned by 90", { .scale = 2, .transform = WL_OUTPUT_TRANSFORM_90, NO_VIEWPORT },
		{ 0, 0, 10, 5 }, { 0, 180, 10, 200 } },
	{ "all of it, and more", TURN(90), { INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX },
		{ 0, 0, WIDTH, HEIGHT } },
	{ "beside it", TURN(NORMAL), { 400, 0, 500, 10 }, { 300, 0, 300, 10 } },
	/* With a viewport a pixel of the surface more on each side. */
	{ "shown at half the size",
		{ .source_width = -1,
			.source_height = -1,
			.shown_width = 150,
			.shown_height = 100 },
		{ 10, 10, 20, 20 }, { 18, 18, 42, 42 } },
	{ "a part",
		{ .source_x = 100 * 256,
			.source_y = 50 * 256,
			.source_width = 100 * 256,
			.source_height = 100 * 256,
			.shown_width = -1,
			.shown_height = -1 },
		{ 10, 10, 20, 20 }, { 109, 59, 121, 71 } },
	{ "a part, shown at twice the size",
		{ .source_x = 100 * 256,
			.source_y = 50 * 256,
			.source_width = 100 * 256,
			.source_height = 100 * 256,
			.shown_width = 200,
			.shown_height = 200 },
		{ 10, 10, 20, 20 }, { 104, 54, 111, 61 } },
	{ "a part of a fraction",
		{ .source_x = 128,
			.source_y = 0,
			.source_width = 100 * 256,
			.source_height = 100 * 256,
			.shown_width = 100,
			.shown_height = 100 },
		{ 10, 10, 20, 20 }, { 9, 9, 22, 21 } },
	{ "shown without a height",
		{ .source_width = -1, .source_height = -1, .shown_width = 100, .shown_height = 0 },
		{ 10, 10, 20, 20 }, { 10, 10, 20, 20 } },
	{ "a part without a height",
		{ .source_width = 256, .source_height = 0, .shown_width = -1, .shown_height = -1 },
		{ 10, 10, 20, 20 }, { 10, 10, 20, 20 } },
	{ "a transform that there is not", { .transform = 8, NO_VIEWPORT }, { 0, 0, 1, 1 },
		{ 0, 0, WIDTH, HEIGHT } },
};

START_TEST(damage_is_mapped)
{
	const struct row *row = &rows[_i];
	struct surface_view view = row->view;
	view.width = WIDTH;
	view.height = HEIGHT;
	const struct rect got = surface_view_to_buffer(&view, row->on_surface),
			  want = row->in_buffer;
	ck_assert_msg(
		got.x1 == want.x1 && got.y1 == want.y1 && got.x2 == want.x2 && got.y2 == want.y2,
		"%s: %d,%d to %d,%d", row->what, got.x1, got.y1, got.x2, got.y2);
}
END_TEST

static TCase *to_buffer(void)
{
	TCase *tcase = tcase_create("to_buffer");
	tcase_add_loop_test(tcase, damage_is_mapped, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	return tcase;
}

RUNNER_MAIN("to_buffer", to_buffer)

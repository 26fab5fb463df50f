/* SPDX-License-Identifier: MIT */
#include "base/formats.h"

#include "../support/runner.h"

#include <wayland-server-protocol.h>

static const struct row {
	uint32_t code;
	unsigned pixel_bytes, plane_eighths; /* 0: unknown */
} rows[] = {
	{ WL_SHM_FORMAT_ARGB8888, 4, 8 },
	{ WL_SHM_FORMAT_XRGB8888, 4, 8 },
	{ WL_SHM_FORMAT_C8, 1, 8 },
	{ WL_SHM_FORMAT_R8, 1, 8 },
	{ WL_SHM_FORMAT_RGB565, 2, 8 },
	{ WL_SHM_FORMAT_YUYV, 2, 8 },
	{ WL_SHM_FORMAT_RGB888, 3, 8 },
	{ WL_SHM_FORMAT_ABGR2101010, 4, 8 },
	{ WL_SHM_FORMAT_XYUV8888, 4, 8 },
	{ WL_SHM_FORMAT_ABGR16161616F, 8, 8 },
	{ WL_SHM_FORMAT_AXBXGXRX106106106106, 8, 8 },
	{ WL_SHM_FORMAT_YUV410, 1, 9 },
	{ WL_SHM_FORMAT_YUV420, 1, 12 },
	{ WL_SHM_FORMAT_NV12, 1, 12 },
	{ WL_SHM_FORMAT_NV16, 1, 16 },
	{ WL_SHM_FORMAT_YUV444, 1, 24 },
	{ WL_SHM_FORMAT_P010, 2, 12 },
	{ WL_SHM_FORMAT_NV15, 1, 12 },
	{ 0x30333050, 1, 12 }, /* P030, which older headers lack */
	{ WL_SHM_FORMAT_Y210, 4, 8 },
	{ WL_SHM_FORMAT_XRGB8888_A8, 0, 0 },
	{ 2, 0, 0 },
	{ UINT32_MAX, 0, 0 },
};

START_TEST(format_is_known)
{
	const struct row *row = &rows[_i];
	const struct format *format = format_find(row->code);
	ck_assert_uint_eq(format ? format->pixel_bytes : 0, row->pixel_bytes);
	ck_assert_uint_eq(format ? format->plane_eighths : 0, row->plane_eighths);
	ck_assert(format_has_rows_of_pixels(format) == (row->plane_eighths == 8));
}
END_TEST

START_TEST(last_pair_of_a_row_is_whole)
{
	ck_assert_uint_eq(format_bytes_of_row(format_find(WL_SHM_FORMAT_YUYV), 63), 128);
	ck_assert_uint_eq(format_bytes_of_row(format_find(WL_SHM_FORMAT_YUYV), 64), 128);
	ck_assert_uint_eq(format_bytes_of_row(format_find(WL_SHM_FORMAT_RGB565), 63), 126);
}
END_TEST

static TCase *formats(void)
{
	TCase *tcase = tcase_create("formats");
	tcase_add_loop_test(tcase, format_is_known, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tcase, last_pair_of_a_row_is_whole);
	return tcase;
}

RUNNER_MAIN("formats", formats)

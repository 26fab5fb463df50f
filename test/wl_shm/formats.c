/* SPDX-License-Identifier: MIT */
#include "base/formats.h"

#include "../support/runner.h"

#include <wayland-server-protocol.h>

static const struct row {
	uint32_t code;
	unsigned pixel_bytes; /* 0: unknown */
	bool has_more_planes;
} rows[] = {
	{ WL_SHM_FORMAT_ARGB8888, 4, false },
	{ WL_SHM_FORMAT_XRGB8888, 4, false },
	{ WL_SHM_FORMAT_C8, 1, false },
	{ WL_SHM_FORMAT_R8, 1, false },
	{ WL_SHM_FORMAT_RGB565, 2, false },
	{ WL_SHM_FORMAT_YUYV, 2, false },
	{ WL_SHM_FORMAT_RGB888, 3, false },
	{ WL_SHM_FORMAT_ABGR2101010, 4, false },
	{ WL_SHM_FORMAT_XYUV8888, 4, false },
	{ WL_SHM_FORMAT_ABGR16161616F, 8, false },
	{ WL_SHM_FORMAT_AXBXGXRX106106106106, 8, false },
	{ WL_SHM_FORMAT_YUV410, 1, true },
	{ WL_SHM_FORMAT_YUV420, 1, true },
	{ WL_SHM_FORMAT_NV12, 1, true },
	{ WL_SHM_FORMAT_NV16, 1, true },
	{ WL_SHM_FORMAT_YUV444, 1, true },
	{ WL_SHM_FORMAT_P010, 2, true },
	{ WL_SHM_FORMAT_NV15, 1, true },
	{ 0x30333050, 1, true }, /* P030, which older headers lack */
	{ WL_SHM_FORMAT_Y210, 4, false },
	{ WL_SHM_FORMAT_XRGB8888_A8, 0, false },
	{ 2, 0, false },
	{ UINT32_MAX, 0, false },
};

START_TEST(format_is_known)
{
	const struct row *row = &rows[_i];
	const struct format *format = format_find(row->code);
	ck_assert_uint_eq(format ? format->pixel_bytes : 0, row->pixel_bytes);
	ck_assert(format_has_rows_of_pixels(format) == (format && !row->has_more_planes));
}
END_TEST

START_TEST(last_pair_of_a_row_is_whole)
{
	ck_assert_uint_eq(format_bytes_of_row(format_find(WL_SHM_FORMAT_YUYV), 63), 128);
	ck_assert_uint_eq(format_bytes_of_row(format_find(WL_SHM_FORMAT_YUYV), 64), 128);
	ck_assert_uint_eq(format_bytes_of_row(format_find(WL_SHM_FORMAT_RGB565), 63), 126);
}
END_TEST

/* The codes as in drm_fourcc.h, since older headers of wl_shm lack some; and the bytes of all
 * planes in a buffer of 7 rows of 9 bytes, by the descriptions there, each plane's rows and bytes
 * of a row rounded up. */
static const struct {
	const char *codes;
	uint64_t bytes;
} planes[] = {
	{ "YUV9YVU9", 9 * 7 + 2 * 3 * 2 },
	{ "NV12NV21P010P012P016NV15P030", 9 * 7 + 9 * 4 },
	{ "YU12YV12", 9 * 7 + 2 * 5 * 4 },
	{ "YU11YV11", 9 * 7 + 2 * 3 * 7 },
	{ "NV16NV61P210NV20", 9 * 7 + 9 * 7 },
	{ "YU16YV16", 9 * 7 + 2 * 5 * 7 },
	{ "NV24NV42NV30", 9 * 7 + 18 * 7 },
	{ "YU24YV24Q410Q401", 9 * 7 + 2 * 9 * 7 },
	{ "AR24YUYVRG16C8  RG24Y210AB10", 9 * 7 },
};

START_TEST(planes_of_odd_sizes_have_their_last_rows_and_columns)
{
	for (const char *at = planes[_i].codes; *at; at += 4) {
		const uint32_t code = (uint32_t)at[0] | (uint32_t)at[1] << 8 |
				      (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
		const struct format *format = format_find(code);
		/* AR24 itself has another number. */
		ck_assert(format || code == 0x34325241);
		ck_assert_uint_eq(format_bytes_of_planes(format ? format : format_find(0), 9, 7),
			planes[_i].bytes);
	}
	ck_assert_uint_eq(format_bytes_of_planes(NULL, 9, 7), 3 * 9 * 7);
}
END_TEST

static TCase *formats(void)
{
	TCase *tcase = tcase_create("formats");
	tcase_add_loop_test(tcase, format_is_known, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tcase, last_pair_of_a_row_is_whole);
	tcase_add_loop_test(tcase, planes_of_odd_sizes_have_their_last_rows_and_columns, 0,
		(int)(sizeof(planes) / sizeof(planes[0])));
	return tcase;
}

RUNNER_MAIN("formats", formats)

/* SPDX-License-Identifier: MIT */
/*
 * The formats of wl_shm: how many bytes a row needs at least, and how much other planes add to the
 * first. The table has codes, not names of enum wl_shm_format, because older headers have fewer of
 * those. Formats that are missing (packed to odd bits, tiled, with planes of alpha) get what
 * libwayland assumes of all: at least one byte for each pixel.
 */
#include "base/formats.h"

#include <stddef.h>
#include <string.h>

struct group {
	const char *codes; /* four characters for each format, as in drm_fourcc.h */
	struct format format;
};

#define ONE_PLANE(bytes)                                                                           \
	{                                                                                          \
		.pixel_bytes = (bytes)                                                             \
	}
#define ONE_PLANE_PAIRED(bytes)                                                                    \
	{                                                                                          \
		.pixel_bytes = (bytes), .is_paired = true                                          \
	}
/* The planes of colours: how many, their stride in eighths of the first's, rows that share one. */
#define PLANES(bytes, n, eighths, rows)                                                            \
	{                                                                                          \
		.pixel_bytes = (bytes), .n_colour_planes = (n),                                    \
		.colour_stride_eighths = (eighths), .rows_of_a_colour = (rows)                     \
	}

static const struct group groups[] = {
	{ "AR24XR24XB24RX24BX24AB24RA24BA24XR30XB30RX30BX30AR30AB30RA30BA30AYUVXYUVRG32GR32",
		ONE_PLANE(4) },
	{ "Y410XV30", ONE_PLANE(4) },
	{ "Y210Y212Y216", ONE_PLANE_PAIRED(4) },
	{ "C8  RGB8BGR8R8  ", ONE_PLANE(1) },
	{ "XR12XB12RX12BX12AR12AB12RA12BA12XR15XB15RX15BX15AR15AB15RA15BA15RG16BG16",
		ONE_PLANE(2) },
	{ "R16 RG88GR88", ONE_PLANE(2) },
	{ "YUYVYVYUUYVYVYUY", ONE_PLANE_PAIRED(2) },
	{ "RG24BG24VU24", ONE_PLANE(3) },
	{ "XR4HXB4HAR4HAB4HXR48XB48AR48AB48Y412Y416XV36XV48AB10", ONE_PLANE(8) },
	{ "YUV9YVU9", PLANES(1, 2, 2, 4) },
	{ "NV12NV21", PLANES(1, 1, 8, 2) },
	{ "YU11YV11", PLANES(1, 2, 2, 1) },
	{ "YU12YV12", PLANES(1, 2, 4, 2) },
	{ "NV16NV61", PLANES(1, 1, 8, 1) },
	{ "YU16YV16", PLANES(1, 2, 4, 1) },
	{ "NV24NV42", PLANES(1, 1, 16, 1) },
	{ "YU24YV24", PLANES(1, 2, 8, 1) },
	{ "P010P012P016", PLANES(2, 1, 8, 2) },
	{ "P210", PLANES(2, 1, 8, 1) },
	{ "Q410Q401", PLANES(2, 2, 8, 1) },
	/* Ten bits for each colour, without gaps: more than a byte for each pixel. */
	{ "NV15P030", PLANES(1, 1, 8, 2) },
	{ "NV20", PLANES(1, 1, 8, 1) },
	{ "NV30", PLANES(1, 1, 16, 1) },
};

/* wl_shm gives these two other numbers than drm_fourcc.h. */
#define ARGB8888 0
#define XRGB8888 1

static uint32_t code_of(const char *characters)
{
	uint32_t code = 0;
	for (unsigned i = 0; i < 4; i++)
		code |= (uint32_t)(unsigned char)characters[i] << (8 * i);
	return code;
}

const struct format *format_find(uint32_t code)
{
	if (code == ARGB8888 || code == XRGB8888)
		return &groups[0].format;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		for (const char *at = groups[i].codes; *at; at += 4) {
			if (code_of(at) == code)
				return &groups[i].format;
		}
	}
	return NULL;
}

uint64_t format_bytes_of_row(const struct format *format, int32_t width)
{
	const uint64_t n = (uint64_t)width;
	return (format->is_paired ? n + n % 2 : n) * format->pixel_bytes;
}

bool format_has_rows_of_pixels(const struct format *format)
{
	return format && format->n_colour_planes == 0;
}

uint64_t format_bytes_of_planes(const struct format *format, uint64_t stride, uint64_t height)
{
	/* Three whole planes is the most that a format has. */
	const struct format unknown = PLANES(1, 2, 8, 1);
	if (!format)
		format = &unknown;
	if (format->n_colour_planes == 0)
		return stride * height;
	const uint64_t colour_stride = (stride * format->colour_stride_eighths + 7) / 8,
		       rows = (height + format->rows_of_a_colour - 1) / format->rows_of_a_colour;
	return stride * height + format->n_colour_planes * colour_stride * rows;
}

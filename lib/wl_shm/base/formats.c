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

static const struct group groups[] = {
	{ "AR24XR24XB24RX24BX24AB24RA24BA24XR30XB30RX30BX30AR30AB30RA30BA30AYUVXYUVRG32GR32",
		{ 4, 8, false } },
	{ "Y410XV30", { 4, 8, false } },
	{ "Y210Y212Y216", { 4, 8, true } },
	{ "C8  RGB8BGR8R8  ", { 1, 8, false } },
	{ "XR12XB12RX12BX12AR12AB12RA12BA12XR15XB15RX15BX15AR15AB15RA15BA15RG16BG16",
		{ 2, 8, false } },
	{ "R16 RG88GR88", { 2, 8, false } },
	{ "YUYVYVYUUYVYVYUY", { 2, 8, true } },
	{ "RG24BG24VU24", { 3, 8, false } },
	{ "XR4HXB4HAR4HAB4HXR48XB48AR48AB48Y412Y416XV36XV48AB10", { 8, 8, false } },
	{ "YUV9YVU9", { 1, 9, false } },
	{ "NV12NV21YU11YV11YU12YV12", { 1, 12, false } },
	{ "NV16NV61YU16YV16", { 1, 16, false } },
	{ "NV24NV42YU24YV24", { 1, 24, false } },
	{ "P010P012P016", { 2, 12, false } },
	{ "P210", { 2, 16, false } },
	{ "Q410Q401", { 2, 24, false } },
	/* Ten bits for each colour, without gaps: more than a byte for each pixel. */
	{ "NV15P030", { 1, 12, false } },
	{ "NV20", { 1, 16, false } },
	{ "NV30", { 1, 24, false } },
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
	return format && format->plane_eighths == 8;
}

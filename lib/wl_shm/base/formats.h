/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The layout of the pixels of a wl_shm format in memory. */
struct format {
	uint8_t pixel_bytes; /* of a pixel in the first plane */
	bool is_paired;	     /* one plane, and two neighbouring pixels share their colours */
	/* Planes behind the first; an odd row or column has colours of its own. */
	uint8_t n_colour_planes;
	uint8_t colour_stride_eighths; /* of each, in eighths of the first plane's stride */
	uint8_t rows_of_a_colour;      /* rows of the first plane that share a row of these */
};

/* NULL: the format is not in the table. */
const struct format *format_find(uint32_t code);

/* Bytes of @width pixels in the first plane; with is_paired, @width is rounded up to a pair. */
uint64_t format_bytes_of_row(const struct format *format, int32_t width);

/* True if all bytes of a pixel lie at row * stride + column * pixel_bytes. False for NULL. */
bool format_has_rows_of_pixels(const struct format *format);

/* Bytes of all planes, each behind the one before. NULL counts as three whole planes. */
uint64_t format_bytes_of_planes(const struct format *format, uint64_t stride, uint64_t height);

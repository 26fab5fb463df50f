/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The layout of the pixels of a wl_shm format in memory. */
struct format {
	uint8_t pixel_bytes;   /* of a pixel in the first plane */
	uint8_t plane_eighths; /* size of all planes, in eighths of the first; 8: only one plane */
	bool is_paired;	       /* two neighbouring pixels share their colours */
};

/* NULL: the format is not in the table. */
const struct format *format_find(uint32_t code);

/* Bytes of @width pixels in the first plane; with is_paired, @width is rounded up to a pair. */
uint64_t format_bytes_of_row(const struct format *format, int32_t width);

/* True if all bytes of a pixel lie at row * stride + column * pixel_bytes. False for NULL. */
bool format_has_rows_of_pixels(const struct format *format);

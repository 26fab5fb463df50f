/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How the pixels of a wl_shm format lie in memory. */
struct format {
	uint8_t pixel_bytes;   /* in the first plane */
	uint8_t plane_eighths; /* bytes of all planes, in eighths of the first; 8: there is one */
	bool is_paired;	       /* two pixels share their colours */
};

/* NULL: nothing is known of it. */
const struct format *format_find(uint32_t code);

/* The first plane's, with the whole of the last pair. */
uint64_t format_bytes_of_row(const struct format *format, int32_t width);

/* Each pixel lies at row * stride + column * pixel_bytes, and nowhere else. */
bool format_has_rows_of_pixels(const struct format *format);

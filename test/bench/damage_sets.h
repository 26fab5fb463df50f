/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <uffd_guard.h>

#define DAMAGE_SETS	  16
#define DAMAGE_PER_SET	  16 /* spans, or rectangles */
#define DAMAGE_PIXEL_SIZE 4

struct damage {
	struct uffd_guard_span *spans;
	size_t n_spans;
};

/* What a client has changed in each of a series of frames. */
struct damages {
	struct damage sets[DAMAGE_SETS];
	unsigned n;
};

/* All answer NULL without memory. damages_destroy() frees. */
struct damages *damages_whole(size_t length);
/* One unaligned span in each sixteenth of the frame, together at least @share (up to 1) of it. */
struct damages *damages_spans(size_t length, double share);
/* Squares of @side pixels, one in each sixteenth of the frame, row by row. */
struct damages *damages_squares(uint32_t width, uint32_t height, uint32_t side);
void damages_destroy(void *damages);

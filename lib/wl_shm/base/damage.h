/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Pixels with x1 <= x < x2 and y1 <= y < y2. */
struct rect {
	int32_t x1, y1, x2, y2;
};

#define DAMAGE_RECTS 16

/* A set of pixels of a surface or a buffer. */
struct damage {
	bool is_whole; /* all pixels, whatever the size is */
	unsigned n_rects;
	struct rect rects[DAMAGE_RECTS];
};

/* A rectangle from the arguments of a request; {0} if width or height is not positive. */
struct rect rect_of_size(int32_t x, int32_t y, int32_t width, int32_t height);
struct rect rect_clip(struct rect rect, int32_t width, int32_t height);
bool rect_is_empty(struct rect rect);

void damage_clear(struct damage *damage);
bool damage_is_empty(const struct damage *damage);
void damage_add(struct damage *damage, struct rect rect);
void damage_add_all(struct damage *damage);
/* Pixels of all rectangles; not of a set that is_whole. */
uint64_t damage_area(const struct damage *damage);
void damage_join(struct damage *damage, const struct damage *other);

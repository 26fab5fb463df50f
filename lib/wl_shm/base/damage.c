/* SPDX-License-Identifier: MIT */
/*
 * Sets of pixels, as few rectangles. A set may cover more than was added to it, but never less: a
 * pixel too many costs time to refresh, a pixel too few stays wrong on the screen.
 */
#include "base/damage.h"

static int32_t min_i32(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static int32_t max_i32(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

static int32_t end_of(int32_t start, int32_t length)
{
	int64_t end = (int64_t)start + length;
	return end > INT32_MAX ? INT32_MAX : (int32_t)end;
}

bool rect_is_empty(struct rect rect)
{
	return rect.x1 >= rect.x2 || rect.y1 >= rect.y2;
}

struct rect rect_of_size(int32_t x, int32_t y, int32_t width, int32_t height)
{
	if (width <= 0 || height <= 0)
		return (struct rect){ 0 };
	return (struct rect){ x, y, end_of(x, width), end_of(y, height) };
}

struct rect rect_clip(struct rect rect, int32_t width, int32_t height)
{
	return (struct rect){
		max_i32(rect.x1, 0),
		max_i32(rect.y1, 0),
		min_i32(rect.x2, width),
		min_i32(rect.y2, height),
	};
}

static struct rect cover(struct rect a, struct rect b)
{
	return (struct rect){
		min_i32(a.x1, b.x1),
		min_i32(a.y1, b.y1),
		max_i32(a.x2, b.x2),
		max_i32(a.y2, b.y2),
	};
}

static double area(struct rect rect)
{
	return ((double)rect.x2 - rect.x1) * ((double)rect.y2 - rect.y1);
}

/* Pixels of the rectangle around both that are in neither; negative if they overlap. */
static double waste_of_joining(struct rect a, struct rect b)
{
	return area(cover(a, b)) - area(a) - area(b);
}

void damage_clear(struct damage *damage)
{
	damage->is_whole = false;
	damage->n_rects = 0;
}

bool damage_is_empty(const struct damage *damage)
{
	return !damage->is_whole && damage->n_rects == 0;
}

void damage_add_all(struct damage *damage)
{
	damage->is_whole = true;
	damage->n_rects = 0;
}

void damage_add(struct damage *damage, struct rect rect)
{
	if (damage->is_whole || rect_is_empty(rect))
		return;

	unsigned best = 0;
	for (unsigned i = 1; i < damage->n_rects; i++) {
		if (waste_of_joining(damage->rects[i], rect) <
			waste_of_joining(damage->rects[best], rect))
			best = i;
	}
	/* Text is damaged line by line: rectangles that fit together become one. */
	bool is_joined =
		damage->n_rects > 0 && (damage->n_rects == DAMAGE_RECTS ||
					       waste_of_joining(damage->rects[best], rect) <= 0);
	if (is_joined)
		damage->rects[best] = cover(damage->rects[best], rect);
	else
		damage->rects[damage->n_rects++] = rect;
}

uint64_t damage_area(const struct damage *damage)
{
	double sum = 0;
	for (unsigned i = 0; i < damage->n_rects; i++)
		sum += area(damage->rects[i]);
	return (uint64_t)sum;
}

void damage_join(struct damage *damage, const struct damage *other)
{
	if (other->is_whole)
		damage_add_all(damage);
	for (unsigned i = 0; i < other->n_rects; i++)
		damage_add(damage, other->rects[i]);
}

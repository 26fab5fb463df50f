/* SPDX-License-Identifier: MIT */
/* Choose the bytes of a frame that a client has changed. They are the same in every run, but differ
 * between the frames of a sample: otherwise all would be read from the processor's cache. */
#include "damage_sets.h"

#include "../support/rng.h"

#include <stdbool.h>
#include <stdlib.h>

#define ACROSS 4 /* squares side by side: ACROSS * ACROSS == DAMAGE_PER_SET */

static bool make_room(struct damage *damage, size_t n_spans)
{
	damage->spans = calloc(n_spans, sizeof(*damage->spans));
	return damage->spans != NULL;
}

static void add_span(struct damage *damage, uint64_t offset, uint64_t length)
{
	damage->spans[damage->n_spans++] =
		(struct uffd_guard_span){ .offset = offset, .length = length };
}

static struct damages *create(unsigned n_sets, size_t n_spans)
{
	struct damages *damages = calloc(1, sizeof(*damages));
	if (!damages)
		return NULL;
	for (; damages->n < n_sets; damages->n++) {
		if (!make_room(&damages->sets[damages->n], n_spans)) {
			damages_destroy(damages);
			return NULL;
		}
	}
	return damages;
}

void damages_destroy(void *self)
{
	struct damages *damages = self;
	for (unsigned i = 0; damages && i < damages->n; i++)
		free(damages->sets[i].spans);
	free(damages);
}

struct damages *damages_whole(size_t length)
{
	struct damages *damages = create(1, 1);
	if (damages)
		add_span(&damages->sets[0], 0, length);
	return damages;
}

static void scatter_spans(struct damage *damage, struct rng *rng, size_t length, size_t span_length)
{
	const size_t stretch = length / DAMAGE_PER_SET;
	for (size_t i = 0; i < DAMAGE_PER_SET; i++) {
		size_t n_places = (stretch - span_length) / DAMAGE_PIXEL_SIZE;
		size_t place = n_places ? rng_below(rng, n_places) | 1 : 0;
		add_span(damage, i * stretch + place * DAMAGE_PIXEL_SIZE, span_length);
	}
}

struct damages *damages_spans(size_t length, double share)
{
	if (share >= 1)
		return damages_whole(length);
	struct damages *damages = create(DAMAGE_SETS, DAMAGE_PER_SET);
	struct rng rng = { .state = 1 };
	size_t span_length = (size_t)(share * (double)(length / DAMAGE_PER_SET)) &
			     ~(size_t)(DAMAGE_PIXEL_SIZE - 1);
	span_length = span_length ? span_length : DAMAGE_PIXEL_SIZE;
	for (unsigned i = 0; damages && i < damages->n; i++)
		scatter_spans(&damages->sets[i], &rng, length, span_length);
	return damages;
}

static void add_square(struct damage *damage, uint32_t width, uint64_t x, uint64_t y, uint32_t side)
{
	for (uint32_t row = 0; row < side; row++)
		add_span(damage, ((y + row) * width + x) * DAMAGE_PIXEL_SIZE,
			(uint64_t)side * DAMAGE_PIXEL_SIZE);
}

static void scatter_squares(
	struct damage *damage, struct rng *rng, uint32_t width, uint32_t height, uint32_t side)
{
	const uint32_t cell_width = width / ACROSS, cell_height = height / ACROSS;
	for (uint32_t cell = 0; cell < DAMAGE_PER_SET; cell++) {
		uint64_t x = cell % ACROSS * cell_width + rng_below(rng, cell_width - side + 1);
		uint64_t y = cell / ACROSS * cell_height + rng_below(rng, cell_height - side + 1);
		add_square(damage, width, x, y, side);
	}
}

struct damages *damages_squares(uint32_t width, uint32_t height, uint32_t side)
{
	struct damages *damages = create(DAMAGE_SETS, (size_t)DAMAGE_PER_SET * side);
	struct rng rng = { .state = 2 };
	for (unsigned i = 0; damages && i < damages->n; i++)
		scatter_squares(&damages->sets[i], &rng, width, height, side);
	return damages;
}

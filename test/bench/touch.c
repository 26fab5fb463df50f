/* SPDX-License-Identifier: MIT */
/* Time each load by itself. Reading the clock costs some tens of nanoseconds, a fault some
 * thousands. */
#include "touch.h"

#include "../support/rng.h"
#include "../support/time_ns.h"

#include <stdlib.h>

bool touches_create(struct touches *touches, size_t room)
{
	*touches = (struct touches){ .at = calloc(room, sizeof(*touches->at)), .room = room };
	return touches->at != NULL;
}

void touches_destroy(struct touches *touches)
{
	free(touches->at);
	*touches = (struct touches){ .at = NULL };
}

void touches_add(struct touches *touches, const void *address)
{
	if (touches->n < touches->room)
		touches->at[touches->n++] = address;
}

void touches_scatter(struct touches *touches, const void *data, size_t length, size_t page_size)
{
	struct rng rng = { .state = 3 };
	size_t stretch = length / page_size / touches->room;
	touches->n = 0;
	for (size_t i = 0; i < touches->room; i++) {
		size_t page = i * stretch + stretch / 4 + rng_below(&rng, stretch / 2 + 1);
		touches_add(touches, (const char *)data + page * page_size);
	}
	touches_shuffle(touches);
}

void touches_shuffle(struct touches *touches)
{
	struct rng rng = { .state = 4 };
	for (size_t i = touches->n; i > 1; i--) {
		size_t other = rng_below(&rng, i);
		const volatile char *swapped = touches->at[i - 1];
		touches->at[i - 1] = touches->at[other];
		touches->at[other] = swapped;
	}
}

double touches_run(const struct touches *touches, size_t first, size_t end, struct series *singles)
{
	uint64_t sum = 0;
	for (size_t i = first; i < end; i++) {
		uint64_t start = clock_ns();
		(void)*touches->at[i];
		uint64_t ns = clock_ns() - start;
		sum += ns;
		if (singles)
			series_add(singles, (double)ns);
	}
	return end > first ? (double)sum / (double)(end - first) : 0;
}

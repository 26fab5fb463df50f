/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uffd_guard.h>

#define COPIED_RECTS 16

/* Bytes of a pool that were copied since the last turn of the event loop. */
struct copied {
	uint32_t batch;
	unsigned n_added;
	struct uffd_guard_rect rects[COPIED_RECTS];
};

/* True if all of @rect was copied in @batch. */
bool copied_has(const struct copied *copied, uint32_t batch, const struct uffd_guard_rect *rect);
void copied_add(struct copied *copied, uint32_t batch, const struct uffd_guard_rect *rect);

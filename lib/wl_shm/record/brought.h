/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/blocks.h"

#include <stdbool.h>
#include <stdint.h>

/* The arguments of wl_shm_pool.create_buffer. */
struct buffer_layout {
	int32_t offset, width, height, stride;
	uint32_t format;
};

#define BROUGHT_LAYOUTS 8

/* Which layouts of a pool's bytes were brought over last, and in which order: whether the bytes of
 * one are still those of its own picture. Under wl_shm_pool.lock. */
struct brought {
	struct {
		struct buffer_layout layout;
		struct byte_range range;
		uint64_t at; /* 0: none */
	} latest[BROUGHT_LAYOUTS];
	struct byte_range others; /* around all that are not in latest any more */
	uint64_t others_at, now;
};

/* Note that bytes of @range were brought over for @layout. Answers when. */
uint64_t brought_note(
	struct brought *brought, const struct buffer_layout *layout, struct byte_range range);

/* True if bytes of @range may have been brought over for another layout after @at. */
bool brought_has_others(const struct brought *brought, const struct buffer_layout *layout,
	struct byte_range range, uint64_t at);

/* True if @layout was brought over at @at last, and none of its bytes for another one since. */
bool brought_is_last(const struct brought *brought, const struct buffer_layout *layout,
	struct byte_range range, uint64_t at);

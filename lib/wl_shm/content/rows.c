/* SPDX-License-Identifier: MIT */
/* From pixels to bytes, and what it costs to bring these over. */
#include "content/rows.h"

/* Columns are rounded to pairs: some formats have colours for two pixels. */
static struct uffd_guard_rect bytes_of_rect(const struct wl_shm_buffer *buffer, struct rect rect)
{
	const struct buffer_layout *layout = &buffer->layout;
	const uint64_t stride = (uint64_t)layout->stride, width = buffer->format->pixel_bytes,
		       all = format_bytes_of_row(buffer->format, layout->width);
	const uint64_t x1 = (uint64_t)(rect.x1 & ~1), x2 = ((uint64_t)rect.x2 + 1) & ~UINT64_C(1);
	const uint64_t row = all < stride ? all : stride, end = x2 * width < row ? x2 * width : row;
	return (struct uffd_guard_rect){
		.offset = (uint64_t)layout->offset + (uint64_t)rect.y1 * stride + x1 * width,
		.stride = stride,
		.width = end - x1 * width,
		.height = (uint64_t)(rect.y2 - rect.y1),
	};
}

/* A row that is read by itself costs about as much as copying so many bytes. */
#define BYTES_OF_A_READ 4096

/* Rows that lie close together are read as one. */
static uint64_t cost_of_rect(const struct wl_shm_buffer *buffer, struct rect rect)
{
	const uint64_t stride = (uint64_t)buffer->layout.stride,
		       width = (uint64_t)(rect.x2 - rect.x1) * buffer->format->pixel_bytes,
		       least = stride < BYTES_OF_A_READ ? stride : BYTES_OF_A_READ;
	return (uint64_t)(rect.y2 - rect.y1) * (width > least ? width : least);
}

uint64_t rows_cost(const struct wl_shm_buffer *buffer, const struct damage *damage)
{
	uint64_t cost = 0;
	if (damage->is_whole || !format_has_rows_of_pixels(buffer->format))
		return buffer->length;
	for (unsigned i = 0; i < damage->n_rects; i++)
		cost += cost_of_rect(buffer, damage->rects[i]);
	return cost < buffer->length ? cost : buffer->length;
}

unsigned rows_of_damage(const struct wl_shm_buffer *buffer, const struct damage *damage,
	struct uffd_guard_rect rects[DAMAGE_RECTS])
{
	for (unsigned i = 0; i < damage->n_rects; i++)
		rects[i] = bytes_of_rect(buffer, damage->rects[i]);
	return damage->n_rects;
}

bool rows_are_dense(const struct wl_shm_buffer *buffer)
{
	const struct buffer_layout *layout = &buffer->layout;
	return format_has_rows_of_pixels(buffer->format) &&
	       format_bytes_of_row(buffer->format, layout->width) == (uint64_t)layout->stride;
}

/* SPDX-License-Identifier: MIT */
/* Calls of the library about content. */
#include "world.h"

#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void trace_call(const char *call, const struct view *view, struct extent extent)
{
	trace("%s [%llu, %llu) of region %p", call, (unsigned long long)extent.offset,
		(unsigned long long)(extent.offset + extent.length), (void *)view->region);
}

void expect_success(const char *call, int err)
{
	if (err)
		fail("%s: %s", call, strerror(-err));
}

void op_refresh(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct extent extent = record_extent(r, view->length);
	trace_call("refresh", view, extent);
	expect_success("refresh", uffd_guard_refresh(view->region, extent.offset, extent.length));
	view_note_refreshed(view, extent.offset, extent.length);
	view_forget_marks(view, extent.offset, extent.length);
}

#define MOST_SPANS 100

/* d: how many; e: how far apart, and in which order */
static size_t make_spans(
	const struct view *view, const struct record *r, struct uffd_guard_span spans[MOST_SPANS])
{
	static const uint8_t counts[8] = { 0, 1, 2, 3, 5, 8, 65, MOST_SPANS };
	static const uint16_t strides[8] = { 0, 1, 100, 500, 4095, 4096, 5000, 12288 };
	const struct extent first = record_extent(r, view->length);
	const size_t n = counts[r->d % 8];
	for (size_t i = 0; i < n; i++) {
		const uint64_t stride = strides[r->e % 8] * (uint64_t)i;
		const uint64_t offset = (first.offset + stride) % (view->length + 1);
		/* Back and forth, so that they have to be sorted. */
		const size_t place = r->e & 8 ? (i % 2 ? n - 1 - i / 2 : i / 2) : i;
		spans[place] = (struct uffd_guard_span){ .offset = offset,
			.length = least(first.length, view->length - offset) };
	}
	return n;
}

void op_refresh_spans(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	struct uffd_guard_span spans[MOST_SPANS];
	const size_t n = make_spans(view, r, spans);
	for (size_t i = 0; i < n; i++)
		trace("	[%llu, %llu)", (unsigned long long)spans[i].offset,
			(unsigned long long)(spans[i].offset + spans[i].length));
	trace("refresh_spans of region %p: these %zu", (void *)view->region, n);
	expect_success("refresh_spans", uffd_guard_refresh_spans(view->region, spans, n));
	for (size_t i = 0; i < n; i++)
		view_note_refreshed(view, spans[i].offset, spans[i].length);
}

void op_populate(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct extent extent = record_extent(r, view->length);
	trace_call("populate", view, extent);
	expect_success("populate", uffd_guard_populate(view->region, extent.offset, extent.length));
	view_note_filled(view, extent.offset, extent.length);
}

void op_discard(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct extent extent = record_extent(r, view->length);
	trace_call("discard", view, extent);
	expect_success("discard", uffd_guard_discard(view->region, extent.offset, extent.length));
	view_note_discarded(view, extent.offset, extent.length);
	view_forget_marks(view, extent.offset, extent.length);
}

/* ---- File to buffer ---- */

uint64_t file_bytes_from(const struct view *view, uint64_t offset)
{
	const uint64_t at = view->offset + offset;
	return view->file->size > at ? view->file->size - at : 0;
}

static void check_copied_page(
	const struct block *block, uint64_t place, const uint8_t *bytes, uint64_t length)
{
	if (memcmp(block->bytes + place, bytes, length) == 0)
		return;
	for (uint64_t i = 0; i < length; i++) {
		if (bytes[i] != block->bytes[place + i])
			fail("place %llu of a page in the buffer is %#x (tag %d), and should be "
			     "%#x (tag %d)",
				(unsigned long long)(place + i), bytes[i],
				tag_of_byte(place + i, bytes[i]), block->bytes[place + i],
				tag_of_byte(place + i, block->bytes[place + i]));
	}
}

void check_copy(const struct view *view, struct extent extent, const uint8_t *bytes)
{
	const uint64_t start = view->offset + extent.offset, end = start + extent.length;
	for (uint64_t at = start, next; at < end; at = next) {
		next = least((at / PAGE + 1) * PAGE, end);
		check_copied_page(file_block(view->file, at / PAGE), at % PAGE, bytes + at - start,
			next - at);
	}
}

void op_copy(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const struct extent extent = record_extent(r, view->length);
	const uint64_t real = least(extent.length, file_bytes_from(view, extent.offset));
	uint8_t *bytes = malloc(extent.length); /* as long as that, so that ASan sees more */
	if (!bytes && extent.length)
		return;
	trace_call("read", view, extent);
	ssize_t n = uffd_guard_read(view->region, extent.offset, bytes, extent.length);
	if (n != (ssize_t)real)
		fail("read answers %zd, and should %llu", n, (unsigned long long)real);
	check_copy(view, extent, bytes);
	free(bytes);
	losses_note_asked(view, extent.offset, extent.offset + extent.length);
}

/* ---- Region to file ---- */

int error_of_storing(const struct view *view)
{
	if (!(view->flags & UFFD_GUARD_MAP_WRITE))
		return -EACCES;
	if (view->is_read_only)
		return -EBADF;
	return file_seals(view->file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? -EPERM : 0;
}

/* A direct region that keeps no descriptor stores by its mapping, which a later F_SEAL_FUTURE_WRITE
 * leaves as it is, as it leaves the region's own memory.
 */
bool is_right_answer(const struct view *view, ssize_t n, int err, uint64_t real)
{
	const bool is_direct = uffd_guard_region_mode(view->region) == UFFD_GUARD_MODE_DIRECT;
	if (n == (err ? err : (ssize_t)real))
		return true;
	return n == (ssize_t)real && err == -EPERM && is_direct &&
	       !(file_seals(view->file) & F_SEAL_WRITE);
}

void op_write_back(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view || moment_is_last())
		return;
	const struct extent extent = record_extent(r, view->length);
	const int err = error_of_storing(view);
	const uint64_t real = least(extent.length, file_bytes_from(view, extent.offset));
	trace_call("write_back", view, extent);
	ssize_t n = uffd_guard_write_back(view->region, extent.offset, extent.length);
	if (!is_right_answer(view, n, err, real))
		fail("write_back answers %zd, and should %lld", n, err ? err : (long long)real);
	if (n >= 0)
		view_note_saved(view, extent.offset, extent.offset + real);
}

/* ---- Losses ---- */

void op_take_losses(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const uint32_t reasons = uffd_guard_region_take_losses(view->region);
	trace("take_losses of region %p: %#x", (void *)view->region, (unsigned)reasons);
	losses_check_taken(view, reasons);
}

void op_dispatch(struct world *world, const struct record *r)
{
	world_dispatch(world, r->a % N_WHILE);
}

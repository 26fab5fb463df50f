/* SPDX-License-Identifier: MIT */
/* What the server does with its pointer: loads, stores, system calls. */
#include "world.h"

#include "trace.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* At least a byte, since an access of nothing is none. */
static struct extent extent_to_touch(const struct view *view, const struct record *r)
{
	struct extent extent = record_extent(r, view->length);
	if (extent.offset == view->length)
		extent.offset--;
	extent.length = most(1, least(extent.length, view->length - extent.offset));
	return extent;
}

static void look_at_extent(struct view *view, struct extent extent)
{
	for (size_t page = extent.offset / PAGE; page < pages_in(extent.offset + extent.length);
		page++)
		view_look(view, page);
}

/* ---- Loads ---- */

enum how {
	FIRST_BYTE,
	WORD,
	PAGES_FORWARD,
	PAGES_BACKWARD,
	LAST_BYTE,
	ALL_AT_ONCE,
	BYTE_BY_BYTE,
	EVERY_OTHER_PAGE,
	N_HOW
};

/* What the first look has seen, to be compared with a second one. */
static unsigned char first_look[VIEW_PAGES * PAGE];

static void load(const struct view *view, uint64_t offset)
{
	first_look[offset] = *(const volatile unsigned char *)(view->data + offset);
}

static void load_again(const struct view *view, uint64_t offset)
{
	const unsigned char again = *(const volatile unsigned char *)(view->data + offset);
	/* What is begun comes over beside this. */
	if (first_look[offset] != again && !view->may_evict &&
		!view_may_be_newer(view, offset / PAGE, offset % PAGE, again))
		fail("byte %llu of region %p was %#x, and is %#x a moment later",
			(unsigned long long)offset, (void *)view->region, first_look[offset],
			again);
}

typedef void look_fn(const struct view *view, uint64_t offset);

/* One byte a page, from the first page to the last or the other way. */
static void for_pages(
	const struct view *view, struct extent extent, size_t step, bool is_backward, look_fn *look)
{
	const uint64_t first = extent.offset / PAGE,
		       n = pages_in(extent.offset + extent.length) - first;
	for (uint64_t i = 0; i < n; i += step) {
		const uint64_t page = is_backward ? first + n - 1 - i : first + i;
		look(view, most(page * PAGE, extent.offset));
	}
}

static void for_bytes(const struct view *view, struct extent extent, look_fn *look)
{
	for (uint64_t i = 0; i < extent.length; i++)
		look(view, extent.offset + i);
}

static void copy_all(const struct view *view, struct extent extent)
{
	memcpy(first_look + extent.offset, view->data + extent.offset, extent.length);
	if (memcmp(first_look + extent.offset, view->data + extent.offset, extent.length) != 0)
		for_bytes(view, extent, load_again);
}

/* Touches, in the order given, what is looked at afterwards. */
static struct extent touch(const struct view *view, struct extent extent, enum how how)
{
	switch (how) {
	case FIRST_BYTE:
	case WORD:
		extent.length = least(extent.length, how == WORD ? sizeof(uint64_t) : 1);
		copy_all(view, extent);
		break;
	case LAST_BYTE:
		extent.offset += extent.length - 1;
		extent.length = 1;
		copy_all(view, extent);
		break;
	case ALL_AT_ONCE:
		copy_all(view, extent);
		break;
	case BYTE_BY_BYTE:
		extent.length = least(extent.length, 4 * PAGE);
		for_bytes(view, extent, load);
		for_bytes(view, extent, load_again);
		break;
	default:
		for_pages(
			view, extent, how == EVERY_OTHER_PAGE ? 2 : 1, how == PAGES_BACKWARD, load);
		for_pages(view, extent, how == EVERY_OTHER_PAGE ? 2 : 1, how == PAGES_BACKWARD,
			load_again);
		break;
	}
	return extent;
}

void op_read(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	struct extent extent = extent_to_touch(view, r);
	trace("read [%llu, %llu) of region %p, way %d", (unsigned long long)extent.offset,
		(unsigned long long)(extent.offset + extent.length), (void *)view->region,
		r->d % N_HOW);
	look_at_extent(view, touch(view, extent, r->d % N_HOW));
}

void op_stray(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const uint64_t reserve = pages_in(view->reserve) * PAGE;
	const uint64_t offset = most(record_extent(r, reserve - 1).offset, view->length);
	if (offset >= reserve)
		return;
	trace("read byte %llu of region %p, behind its length", (unsigned long long)offset,
		(void *)view->region);
	view_look_behind(view, offset);
}

/* ---- Stores ---- */

#define MOST_STORED_PAGES 40

/* Stores behind a shared file's end are neither kept nor lost for certain: none are made. */
static struct extent extent_to_store(const struct view *view, const struct record *r)
{
	struct extent extent = extent_to_touch(view, r);
	extent.length = least(extent.length, MOST_STORED_PAGES * PAGE);
	if (!(view->flags & UFFD_GUARD_MAP_WRITE) || !view_is_direct(view, extent.offset / PAGE))
		return extent;
	const uint64_t file_end = view->file->size - least(view->offset, view->file->size);
	extent.length = least(
		extent.length, least(view->direct_end, file_end) -
				       least(extent.offset, least(view->direct_end, file_end)));
	return extent;
}

static void store_to_page(
	struct view *view, size_t page, const struct block *block, size_t from, size_t to)
{
	unsigned char *bytes = view->data + page * PAGE;
	if (to - from == 1)
		*(volatile unsigned char *)(bytes + from) = block->bytes[from];
	else
		memcpy(bytes + from, block->bytes + from, to - from);
	view_note_store(view, page, block, from, to);
}

void op_store(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view || moment_now() + MOST_STORED_PAGES > MOST_MOMENT)
		return;
	const struct extent extent = extent_to_store(view, r);
	const struct block *block = r->d % 8 == 7 ? block_of_zeros() : block_of_next_tag();
	trace("store to [%llu, %llu) of region %p, tag %d", (unsigned long long)extent.offset,
		(unsigned long long)(extent.offset + extent.length), (void *)view->region,
		tag_of_byte(0, block->bytes[0]));
	const uint64_t end = extent.offset + extent.length;
	for (uint64_t at = extent.offset, next; at < end; at = next) {
		next = least((at / PAGE + 1) * PAGE, end);
		store_to_page(view, at / PAGE, block, at % PAGE, (next - 1) % PAGE + 1);
	}
}

/* ---- System calls ---- */

#define MOST_SYSCALL_PAGES 40

static bool must_succeed(const struct world *world, const struct view *view, struct extent extent)
{
	if (world->guards[view->guard].features & UFFD_GUARD_FEATURE_KERNEL_FAULTS)
		return true;
	for (size_t page = extent.offset / PAGE; page < pages_in(extent.offset + extent.length);
		page++) {
		if (!view_has_page(view, page))
			return false;
	}
	return true;
}

void op_syscall(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	int fd = memfd_create("scratch", MFD_CLOEXEC);
	if (!view || fd < 0) {
		close(fd);
		return;
	}
	struct extent extent = extent_to_touch(view, r);
	extent.length = least(extent.length, MOST_SYSCALL_PAGES * PAGE);
	ssize_t n = pwrite(fd, view->data + extent.offset, extent.length, 0);
	const int err = n < 0 ? errno : 0;
	close(fd);
	trace("write(2) [%llu, %llu) of region %p somewhere: %zd",
		(unsigned long long)extent.offset,
		(unsigned long long)(extent.offset + extent.length), (void *)view->region, n);
	if (n == (ssize_t)extent.length)
		look_at_extent(view, extent);
	else if (must_succeed(world, view, extent))
		fail("a system call does not get at pages that are there: %s", strerror(err));
}

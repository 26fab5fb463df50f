/* SPDX-License-Identifier: MIT */
/* B3a, B4u, B4w, B4m: a frame in steps, into a buffer, into the client's file, and not at all. */
#include "../support/time_ns.h"
#include "bench.h"
#include "rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OTHER_WORK_NS (8 * UINT64_C(1000000)) /* of half a frame's time at 60 Hz */

/* What the contenders of one row share. */
struct copied {
	const struct bench *bench;
	int fd; /* -1: bench->frame_fd */
	size_t length;
	struct uffd_guard_region *region;
	char *buffer, *mapping;
	char *huge; /* as buffer, of huge pages where there are any */
};

static int fd_of(const struct copied *frame)
{
	return frame->fd < 0 ? frame->bench->frame_fd : frame->fd;
}

static void frame_finish(void *self)
{
	struct copied *frame = self;
	uffd_guard_unmap(frame->region);
	if (frame->buffer)
		munmap(frame->buffer, frame->length);
	if (frame->mapping)
		munmap(frame->mapping, frame->length);
	if (frame->huge)
		munmap(frame->huge, frame->length);
	if (frame->fd >= 0)
		close(frame->fd);
}

static char *map_filled(size_t length, int flags, int fd)
{
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

/* @is_stored_to: a file of its own, since the others' does not change. */
static int frame_open(
	struct copied *frame, const struct bench *bench, struct contest *contest, bool is_stored_to)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = is_stored_to ? UFFD_GUARD_MAP_WRITE : UFFD_GUARD_MAP_POPULATE };
	*frame = (struct copied){ .bench = bench, .length = bench->frame_length, .fd = -1 };
	contest->attached = frame;
	contest->detach = frame_finish;
	if (is_stored_to) {
		const int fd = file_create_filled(frame->length);
		if (fd < 0)
			return fd;
		frame->fd = fd;
	}
	frame->buffer = map_filled(frame->length, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	frame->mapping = map_filled(frame->length, MAP_SHARED, fd_of(frame));
	if (!frame->buffer || !frame->mapping)
		return -ENOMEM;
	return uffd_guard_map(bench->guard, fd_of(frame), frame->length, &options, &frame->region);
}

/* ---- The contenders ---- */

static double sample_pread(struct contender *contender)
{
	const struct copied *frame = contender->self;
	const uint64_t start = clock_ns();
	if (pread(fd_of(frame), frame->buffer, frame->length, 0) != (ssize_t)frame->length)
		return -EIO;
	return (double)(clock_ns() - start);
}

static double sample_read(struct contender *contender)
{
	const struct copied *frame = contender->self;
	const uint64_t start = clock_ns();
	const ssize_t n = uffd_guard_read(frame->region, 0, frame->buffer, frame->length);
	return n < 0 ? (double)n : (double)(clock_ns() - start);
}

static double sample_write(struct contender *contender)
{
	const struct copied *frame = contender->self;
	const uint64_t start = clock_ns();
	const ssize_t n = uffd_guard_write(frame->region, 0, frame->buffer, frame->length);
	return n < 0 ? (double)n : (double)(clock_ns() - start);
}

static double sample_write_huge(struct contender *contender)
{
	const struct copied *frame = contender->self;
	const uint64_t start = clock_ns();
	const ssize_t n = uffd_guard_write(frame->region, 0, frame->huge, frame->length);
	return n < 0 ? (double)n : (double)(clock_ns() - start);
}

static double sample_memcpy(struct contender *contender)
{
	const struct copied *frame = contender->self;
	const uint64_t start = clock_ns();
	memcpy(frame->mapping, frame->buffer, frame->length);
	return (double)(clock_ns() - start);
}

static double sample_refresh(struct contender *contender)
{
	const struct copied *frame = contender->self;
	const uint64_t start = clock_ns();
	const int err = uffd_guard_refresh(frame->region, 0, frame->length);
	return err ? err : (double)(clock_ns() - start);
}

static int mark(const struct copied *frame)
{
	const struct uffd_guard_rect all = { 0, frame->length, frame->length, 1 };
	return uffd_guard_mark_rects(frame->region, &all, 1);
}

static double sample_mark(struct contender *contender)
{
	const uint64_t start = clock_ns();
	const int err = mark(contender->self);
	return err ? err : (double)(clock_ns() - start);
}

/* Work that needs no memory of ours, on this thread. */
static void work_until(uint64_t end)
{
	while (clock_ns() < end)
		;
}

/* What the calling thread has spent of it: all but the other work. */
static double sample_begin(struct contender *contender)
{
	const struct copied *frame = contender->self;
	uint64_t start = clock_ns();
	int err = mark(frame);
	if (!err)
		err = uffd_guard_begin(frame->region);
	double ns = (double)(clock_ns() - start);
	work_until(clock_ns() + OTHER_WORK_NS);
	start = clock_ns();
	if (!err)
		err = uffd_guard_ensure(frame->region, 0, frame->length);
	ns += (double)(clock_ns() - start);
	return err ? err : ns;
}

/* ---- The rows ---- */

static int open_two(struct bench *bench, struct contest *contest, bool is_stored_to,
	double (*ours)(struct contender *), const char *name, double (*other)(struct contender *))
{
	static struct copied frame;
	const int err = frame_open(&frame, bench, contest, is_stored_to);
	if (err)
		return err;
	contest_add(contest, "uffd_guard", ours, &frame, NULL);
	contest->against = contest->n;
	contest_add(contest, name, other, &frame, NULL);
	return 0;
}

static int open_begin(struct bench *bench, struct contest *contest)
{
	return open_two(bench, contest, false, sample_begin, "pread", sample_pread);
}

static int open_read(struct bench *bench, struct contest *contest)
{
	return open_two(bench, contest, false, sample_read, "pread", sample_pread);
}

static char *map_huge(size_t length)
{
	char *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, length, MADV_HUGEPAGE);
	memset(memory, 1, length);
	return memory;
}

static int open_write(struct bench *bench, struct contest *contest)
{
	const int err =
		open_two(bench, contest, true, sample_write, "memcpy, mapped", sample_memcpy);
	struct copied *frame = contest->attached;
	frame->huge = err ? NULL : map_huge(frame->length);
	if (frame->huge)
		contest_add(contest, "uffd_guard, from huge pages", sample_write_huge, frame, NULL);
	return err;
}

static int open_mark(struct bench *bench, struct contest *contest)
{
	return open_two(bench, contest, false, sample_mark, "refresh", sample_refresh);
}

const struct row rows_copy[] = {
	{ "B3a", NULL, "mark, begin, 8 ms, ensure / pread", 0.1, 1.05, UNIT_NS, 3, open_begin },
	{ "B4u", NULL, "uffd_guard_read / pread", 0.62, 1.03, UNIT_NS, 2, open_read },
	{ "B4w", NULL, "uffd_guard_write / memcpy, mapped", 1.1, 1.2, UNIT_NS, 2, open_write },
	{ "B4m", NULL, "mark of a frame / refresh of it", 0.001, 0.001, UNIT_NS, 1, open_mark },
	{ NULL, NULL, NULL, 0, 0, UNIT_NS, 0, NULL },
};

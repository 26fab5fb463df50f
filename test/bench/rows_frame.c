/* SPDX-License-Identifier: MIT */
/* B1 to B6: frames. */
#include "../support/time_ns.h"
#include "bench.h"
#include "damage_sets.h"
#include "peer.h"
#include "rows.h"
#include "use.h"

#include <errno.h>
#include <unistd.h>

/* 1 % of a frame of 4k, as 16 spans of 20 KiB or as 16 squares of 144 pixels. */
#define SPAN_SHARE	(16 * 20480.0 / (3840.0 * 2160 * 4))
#define SQUARE_PER_LINE 15
/* The frame, and what is read into on the way. */
#define FRESH_FRAMES 2

/* How the contenders of a row are used; they differ in .peer. */
static struct use_options frame_use(
	const struct bench *bench, struct contest *contest, struct damages *damages)
{
	if (damages && !contest->attached) {
		contest->attached = damages;
		contest->detach = damages_destroy;
	}
	return (struct use_options){
		.fd = bench->frame_fd,
		.length = bench->frame_length,
		.damages = damages,
	};
}

static void add_hot(
	struct contest *contest, const struct use_options *options, const struct peer *peer)
{
	struct use_options hot = *options;
	hot.peer = peer;
	hot.is_cold = false;
	use_add(contest, &hot);
}

static void add_cold(
	struct contest *contest, const struct use_options *options, const struct peer *peer)
{
	struct use_options cold = *options;
	cold.peer = peer;
	cold.is_cold = true;
	use_add(contest, &cold);
}

/* The next contender is the one that ours is divided by. */
static void next_is_against(struct contest *contest)
{
	contest->against = contest->n;
}

static void add_limit(struct contest *contest, const struct use_options *options)
{
	struct use_options limit = *options;
	limit.reads = false;
	add_hot(contest, &limit, &peer_memcpy);
}

static int open_cold_read(struct bench *bench, struct contest *contest)
{
	struct use_options use = frame_use(bench, contest, damages_whole(bench->frame_length));
	if (!use.damages)
		return -ENOMEM;
	use.reads = true;
	contest->fresh_length = FRESH_FRAMES * bench->frame_length;
	peer_uffd_guard_use(bench->guard);
	add_cold(contest, &use, &peer_uffd_guard);
	next_is_against(contest);
	add_hot(contest, &use, &peer_pread_fresh);
	add_limit(contest, &use);
	add_cold(contest, &use, &peer_map_shared);
	add_hot(contest, &use, &peer_map_shared);
	add_cold(contest, &use, &peer_sigbus);
	add_cold(contest, &use, &peer_uffd_minimal);
	add_hot(contest, &use, &peer_pread);
	add_hot(contest, &use, &peer_uring);
	add_hot(contest, &use, &peer_wl_shm);
	return 0;
}

static double sample_populate(struct contender *contender)
{
	const struct bench *bench = contender->self;
	struct uffd_guard_region *region;
	int err = uffd_guard_map(bench->guard, bench->frame_fd, bench->frame_length, NULL, &region);
	if (err)
		return err;
	uint64_t start = clock_ns();
	err = uffd_guard_populate(region, 0, bench->frame_length);
	double ns = (double)(clock_ns() - start);
	uffd_guard_unmap(region);
	return err ? err : ns;
}

static int open_populate(struct bench *bench, struct contest *contest)
{
	struct use_options use = frame_use(bench, contest, damages_whole(bench->frame_length));
	if (!use.damages)
		return -ENOMEM;
	contest->fresh_length = FRESH_FRAMES * bench->frame_length;
	contest_add(contest, "uffd_guard", sample_populate, bench, NULL);
	next_is_against(contest);
	add_hot(contest, &use, &peer_pread_fresh);
	add_limit(contest, &use);
	add_hot(contest, &use, &peer_pread);
	add_hot(contest, &use, &peer_uring);
	return 0;
}

static int open_refresh(struct bench *bench, struct contest *contest)
{
	struct use_options use = frame_use(bench, contest, damages_whole(bench->frame_length));
	if (!use.damages)
		return -ENOMEM;
	peer_uffd_guard_use(bench->guard);
	add_hot(contest, &use, &peer_uffd_guard_populated);
	next_is_against(contest);
	add_hot(contest, &use, &peer_pread);
	add_limit(contest, &use);
	add_hot(contest, &use, &peer_pread_fresh);
	add_hot(contest, &use, &peer_uring);
	return 0;
}

static int open_refresh_and_read(struct bench *bench, struct contest *contest)
{
	struct use_options use = frame_use(bench, contest, damages_whole(bench->frame_length));
	if (!use.damages)
		return -ENOMEM;
	use.reads = true;
	peer_uffd_guard_use(bench->guard);
	add_hot(contest, &use, &peer_uffd_guard_populated);
	next_is_against(contest);
	add_hot(contest, &use, &peer_pread);
	add_limit(contest, &use);
	add_hot(contest, &use, &peer_pread_fresh);
	add_hot(contest, &use, &peer_uring);
	add_hot(contest, &use, &peer_map_shared);
	add_hot(contest, &use, &peer_sigbus);
	add_hot(contest, &use, &peer_wl_shm);
	return 0;
}

static int open_spans(struct bench *bench, struct contest *contest)
{
	struct use_options use =
		frame_use(bench, contest, damages_spans(bench->frame_length, SPAN_SHARE));
	if (!use.damages)
		return -ENOMEM;
	peer_uffd_guard_use(bench->guard);
	add_hot(contest, &use, &peer_uffd_guard_populated);
	next_is_against(contest);
	add_limit(contest, &use);
	add_hot(contest, &use, &peer_pread);
	add_hot(contest, &use, &peer_uring);
	return 0;
}

/* Two kinds of damage, that live as long as the contest. */
struct squares {
	struct damages *squares, *whole;
};

static void squares_finish(void *self)
{
	struct squares *both = self;
	damages_destroy(both->squares);
	damages_destroy(both->whole);
	*both = (struct squares){ .whole = NULL };
}

static int open_squares(struct bench *bench, struct contest *contest)
{
	static struct squares both;
	const uint32_t width = bench->options->frame.width, height = bench->options->frame.height;
	const uint32_t shorter = width < height ? width : height;

	both = (struct squares){
		.squares = damages_squares(width, height, shorter / SQUARE_PER_LINE),
		.whole = damages_whole(bench->frame_length),
	};
	contest->attached = &both;
	contest->detach = squares_finish;
	if (!both.squares || !both.whole)
		return -ENOMEM;
	struct use_options use = frame_use(bench, contest, both.squares);
	struct use_options whole = frame_use(bench, contest, both.whole);

	peer_uffd_guard_use(bench->guard);
	add_hot(contest, &use, &peer_uffd_guard_populated);
	next_is_against(contest);
	whole.name = "pread, whole";
	add_hot(contest, &whole, &peer_pread);
	whole.name = "uffd_guard, whole";
	add_hot(contest, &whole, &peer_uffd_guard_populated);
	add_limit(contest, &use);
	add_hot(contest, &use, &peer_pread);
	add_hot(contest, &use, &peer_uring);
	return 0;
}

/* What a display costs that shows one small change after the other. */
static int open_paced(struct bench *bench, struct contest *contest)
{
	const uint32_t width = bench->options->frame.width, height = bench->options->frame.height;
	const uint32_t shorter = width < height ? width : height;
	struct use_options use = frame_use(
		bench, contest, damages_squares(width, height, shorter / SQUARE_PER_LINE));
	if (!use.damages)
		return -ENOMEM;
	use.is_paced = true;
	peer_uffd_guard_use(bench->guard);
	add_hot(contest, &use, &peer_uffd_guard_populated);
	next_is_against(contest);
	add_hot(contest, &use, &peer_pread);
	return 0;
}

/* Use another file than the other rows, since it is sealed. */
struct direct {
	struct damages *damages;
	int fd;
};

static void direct_finish(void *self)
{
	struct direct *direct = self;
	damages_destroy(direct->damages);
	close(direct->fd);
}

static int open_direct(struct bench *bench, struct contest *contest)
{
	static struct direct direct;
	int fd = file_create_filled(bench->frame_length);
	if (fd < 0)
		return fd;
	direct = (struct direct){ .fd = fd, .damages = damages_whole(bench->frame_length) };
	contest->attached = &direct;
	contest->detach = direct_finish;
	if (!direct.damages)
		return -ENOMEM;
	struct use_options use = frame_use(bench, contest, direct.damages);
	use.fd = fd;
	use.reads = true;

	peer_uffd_guard_use(bench->guard);
	add_hot(contest, &use, &peer_uffd_guard_direct);
	next_is_against(contest);
	add_hot(contest, &use, &peer_map_shared);
	add_hot(contest, &use, &peer_sigbus);
	add_hot(contest, &use, &peer_wl_shm);
	return 0;
}

const struct row rows_frame[] = {
	{ "B1", NULL, "cold lazy read / mmap, pread, read", 0.45, 0.55, UNIT_NS, 4,
		open_cold_read },
	{ "B2", NULL, "populate of a frame / mmap, pread", 0.4, 0.45, UNIT_NS, 2, open_populate },
	{ "B3", NULL, "refresh of a frame / pread", 0.6, 1, UNIT_NS, 2, open_refresh },
	{ "B4", NULL, "refresh, read / pread, read", 0.7, 1, UNIT_NS, 3, open_refresh_and_read },
	{ "B5", NULL, "refresh of 16 spans, 1 % / memcpy", 2, 2, UNIT_NS, 1, open_spans },
	{ "B5r", NULL, "16 squares, 1 % / pread of the frame", 0.17, 0.21, UNIT_NS, 1,
		open_squares },
	{ "B6", NULL, "read in DIRECT / plain MAP_SHARED", 1.02, 1.02, UNIT_NS, 1, open_direct },
	{ "B12", NULL, "CPU a frame, 60 Hz, 16 squares / pread", 1.25, 1.25, UNIT_NS, 2,
		open_paced },
	{ NULL, NULL, NULL, 0, 0, UNIT_NS, 0, NULL },
};

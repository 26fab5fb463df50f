/* SPDX-License-Identifier: MIT */
/*
 * B7 and B8: single faults, scattered so that no two look like sequential reading. All contenders
 * make the same touches, on new memory each time, with reader and handler on the cores that the row
 * says.
 */
#include "bench.h"
#include "many_pools.h"
#include "peer.h"
#include "place.h"
#include "rows.h"
#include "touch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_WARM	      16 /* first touches that do not count */
#define N_TOUCHES     (512 + N_WARM)
#define N_REGIONS     10000
#define SPREAD_LENGTH ((size_t)N_REGIONS * POOL_PAGES * 4096)

/* Faults as one contender makes them. */
struct faults {
	struct bench *bench;
	const struct peer *peer;
	struct uffd_guard *guard;     /* the guard, if the peer is uffd_guard */
	struct uffd_guard *own_guard; /* to be destroyed */
	size_t length;		      /* of the region that is touched */
	enum place place;
	struct touches touches;
};

static void faults_close(void *self)
{
	struct faults *faults = self;
	touches_destroy(&faults->touches);
	uffd_guard_destroy(faults->own_guard);
	free(faults);
}

static double touch_placed(struct contender *contender)
{
	struct faults *faults = contender->self;
	int err = place_threads(faults->place);
	double ns = err;
	if (!err) {
		touches_run(&faults->touches, 0, N_WARM, NULL);
		ns = touches_run(&faults->touches, N_WARM, faults->touches.n, &contender->singles);
	}
	place_threads(PLACE_ANYWHERE);
	return ns;
}

static double sample_region(struct contender *contender)
{
	struct faults *faults = contender->self;
	struct damage none = { .n_spans = 0 };
	peer_uffd_guard_use(faults->guard);
	void *opened = faults->peer->open(faults->bench->random_fd, faults->length);
	if (!opened)
		return -errno;

	const char *data = faults->peer->begin(opened, &none);
	touches_scatter(&faults->touches, data, faults->length, faults->bench->page_size);
	double ns = touch_placed(contender);
	faults->peer->end(opened);
	faults->peer->close(opened);
	return ns;
}

/* How many times as long a fault takes with the small regions beside it. */
static double sample_slowdown(struct contender *contender)
{
	const struct faults *faults = contender->self;
	struct pools pools;
	const double alone = sample_region(contender);
	if (alone < 0)
		return alone;
	int err = pools_map(&pools, faults->bench->guard, N_REGIONS);
	if (err)
		return err;
	const double beside = sample_region(contender);
	contender->singles.n = 0; /* of both */
	pools_unmap(&pools);
	return beside < 0 ? beside : beside / alone;
}

static struct faults *faults_create(const struct faults *from)
{
	struct faults *faults = malloc(sizeof(*faults));
	if (!faults)
		return NULL;
	*faults = *from;
	if (touches_create(&faults->touches, N_TOUCHES))
		return faults;
	free(faults);
	return NULL;
}

/* ---- B7: ours with either loop, and the minimal one ---- */

static void add_loop(struct contest *contest, const char *name, struct bench *bench,
	enum loop_wish loop, enum place place)
{
	struct uffd_guard *guard = NULL;
	int err = guard_create(loop, &guard);
	struct faults *faults = err ? NULL
				    : faults_create(&(struct faults){
					      .bench = bench,
					      .peer = &peer_uffd_guard,
					      .guard = guard,
					      .own_guard = guard,
					      .length = RANDOM_LENGTH,
					      .place = place,
				      });
	errno = err ? -err : ENOMEM;
	contest_add(contest, name, sample_region, faults, faults_close);
	if (!faults)
		uffd_guard_destroy(guard);
}

static int open_single(struct bench *bench, struct contest *contest, enum place place)
{
	static const char *const names[] = {
		[LOOP_URING] = "uffd_guard, io_uring",
		[LOOP_POLL] = "uffd_guard, poll",
	};
	int fd = bench_random_fd(bench);
	if (fd < 0)
		return fd;
	enum loop_wish ours = uffd_guard_features(bench->guard) & UFFD_GUARD_FEATURE_IO_URING
				      ? LOOP_URING
				      : LOOP_POLL;
	enum loop_wish other = ours == LOOP_URING ? LOOP_POLL : LOOP_URING;

	add_loop(contest, names[ours], bench, ours, place);
	contest->against = contest->n;
	contest_add(contest, peer_uffd_minimal.name, sample_region,
		faults_create(&(struct faults){
			.bench = bench,
			.peer = &peer_uffd_minimal,
			.length = RANDOM_LENGTH,
			.place = place,
		}),
		faults_close);
	add_loop(contest, names[other], bench, other, place);
	if (place_threads(place) == -ENODEV)
		contender_give_up(&contest->contenders[0], "only one core may be used here");
	return place_threads(PLACE_ANYWHERE);
}

static int open_same_core(struct bench *bench, struct contest *contest)
{
	return open_single(bench, contest, PLACE_SAME_CORE);
}

static int open_two_cores(struct bench *bench, struct contest *contest)
{
	return open_single(bench, contest, PLACE_TWO_CORES);
}

/* ---- B8: at many regions ---- */

static void add_at_regions(
	struct contest *contest, const char *name, struct bench *bench, const struct peer *peer)
{
	struct faults *faults = faults_create(&(struct faults){
		.bench = bench,
		.peer = peer,
		.guard = bench->guard,
		.length = SPREAD_LENGTH,
		.place = PLACE_SAME_CORE,
	});
	contest_add(contest, name, sample_slowdown, faults, faults_close);
}

static void forget_pools(void *nothing)
{
	(void)nothing;
	pools_forget_files();
}

static int open_regions(struct bench *bench, struct contest *contest)
{
	int fd = bench_random_fd(bench);
	if (fd < 0)
		return fd;
	if (!pools_fit(N_REGIONS))
		return -EMFILE;
	contest->detach = forget_pools;
	add_at_regions(contest, peer_uffd_guard.name, bench, &peer_uffd_guard);
	contest->against = contest->n;
	add_at_regions(contest, peer_uffd_minimal.name, bench, &peer_uffd_minimal);
	return 0;
}

const struct row rows_fault[] = {
	{ "B7", NULL, "random fault, same core / minimal loop", 1, 1, UNIT_NS, 2, open_same_core },
	{ "B7x", "B7", "random fault, two cores / minimal loop", 0.75, 1, UNIT_NS, 2,
		open_two_cores },
	{ "B8", NULL, "slower with 10,000 regions / minimal loop", 1.05, 1.05, UNIT_TIMES, 4,
		open_regions },
	{ NULL, NULL, NULL, 0, 0, UNIT_NS, 0, NULL },
};

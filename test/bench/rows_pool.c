/* SPDX-License-Identifier: MIT */
/* B9 to B11: small pools, files that end early, and large pools that are hardly used. */
#include "../support/time_ns.h"
#include "bench.h"
#include "peer.h"
#include "rows.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- B9: map, first page, unmap. B10: past the end. Each with a file of its own ---- */

#define POOL_LENGTH ((size_t)64 << 10)
#define N_POOLS	    256
#define N_LOST	    2048 /* 8 MB of them, with pages of 4 KiB */

struct file_use {
	const struct bench *bench;
	const struct peer *peer;
	int fd;
};

static struct file_use *file_use_create(const struct bench *bench, const struct peer *peer, int fd)
{
	struct file_use *use = malloc(sizeof(*use));
	if (use)
		*use = (struct file_use){ .bench = bench, .peer = peer, .fd = fd };
	return use;
}

static void add_file_use(struct contest *contest, double (*sample)(struct contender *),
	const struct bench *bench, const struct peer *peer, int fd)
{
	struct contender *contender =
		contest_add(contest, peer->name, sample, file_use_create(bench, peer, fd), free);
	if (!peer->open)
		contender_give_up(contender, "not built");
}

static void close_file(void *attached)
{
	int *fd = attached;
	close(*fd);
}

static void attach_file(struct contest *contest, int fd)
{
	static int attached;
	attached = fd;
	contest->attached = &attached;
	contest->detach = close_file;
}

static double sample_pool(struct contender *contender)
{
	const struct file_use *use = contender->self;
	struct damage none = { .n_spans = 0 };
	uint64_t start = clock_ns();
	for (int i = 0; i < N_POOLS; i++) {
		void *opened = use->peer->open(use->fd, POOL_LENGTH);
		if (!opened)
			return -errno;
		(void)*(const volatile char *)use->peer->begin(opened, &none);
		use->peer->end(opened);
		use->peer->close(opened);
	}
	return (double)(clock_ns() - start) / N_POOLS;
}

/* The first page is filled by the calling thread: no other has to be woken. */
static double sample_pool_populated(struct contender *contender)
{
	const struct file_use *use = contender->self;
	int err = 0;
	uint64_t start = clock_ns();
	for (int i = 0; i < N_POOLS && !err; i++) {
		struct uffd_guard_region *region;
		err = uffd_guard_map(use->bench->guard, use->fd, POOL_LENGTH, NULL, &region);
		if (err)
			break;
		err = uffd_guard_populate(region, 0, use->bench->page_size);
		(void)*(const volatile char *)uffd_guard_region_data(region);
		uffd_guard_unmap(region);
	}
	return err ? err : (double)(clock_ns() - start) / N_POOLS;
}

static int open_pool_populated(struct bench *bench, struct contest *contest)
{
	int fd = file_create_filled(POOL_LENGTH);
	if (fd < 0)
		return fd;
	attach_file(contest, fd);
	contest_add(contest, "uffd_guard", sample_pool_populated,
		file_use_create(bench, &peer_uffd_guard, fd), free);
	contest->against = contest->n;
	add_file_use(contest, sample_pool, bench, &peer_map_shared, fd);
	return 0;
}

static int open_pool(struct bench *bench, struct contest *contest)
{
	int fd = file_create_filled(POOL_LENGTH);
	if (fd < 0)
		return fd;
	attach_file(contest, fd);
	peer_uffd_guard_use(bench->guard);
	add_file_use(contest, sample_pool, bench, &peer_uffd_guard, fd);
	contest->against = contest->n;
	add_file_use(contest, sample_pool, bench, &peer_map_shared, fd);
	add_file_use(contest, sample_pool, bench, &peer_sigbus, fd);
	add_file_use(contest, sample_pool, bench, &peer_uffd_minimal, fd);
	return 0;
}

static void ignore_event(const struct uffd_guard_event *event, void *data)
{
	(void)event;
	(void)data;
}

/* Nanoseconds for each lost page. The file has only one page. */
static double sample_lost(struct contender *contender)
{
	const struct file_use *use = contender->self;
	const size_t page = use->bench->page_size;
	struct damage none = { .n_spans = 0 };
	void *opened = use->peer->open(use->fd, (1 + N_LOST) * page);
	if (!opened)
		return -errno;

	uint64_t start = clock_ns();
	const volatile char *data = use->peer->begin(opened, &none);
	for (size_t i = 1; i <= N_LOST; i++)
		(void)data[i * page];
	use->peer->end(opened);
	double ns = (double)(clock_ns() - start) / N_LOST;
	use->peer->close(opened);
	uffd_guard_dispatch(use->bench->guard, ignore_event, NULL);
	return ns;
}

static int open_lost(struct bench *bench, struct contest *contest)
{
	int fd = file_create_filled(bench->page_size);
	if (fd < 0)
		return fd;
	attach_file(contest, fd);
	peer_uffd_guard_use(bench->guard);
	add_file_use(contest, sample_lost, bench, &peer_uffd_guard, fd);
	contest->against = contest->n;
	add_file_use(contest, sample_lost, bench, &peer_sigbus, fd);
	add_file_use(contest, sample_lost, bench, &peer_wl_shm, fd);
	add_file_use(contest, sample_lost, bench, &peer_uffd_minimal, fd);
	return 0;
}

/* ---- B11: memory ---- */

#define SPARSE_LENGTH ((size_t)1 << 30)
#define N_USED	      4
#define ALLOWED	      ((size_t)1 << 20)

static void touch_used(const volatile char *data)
{
	for (size_t i = 0; i < N_USED; i++)
		(void)data[i * (SPARSE_LENGTH / N_USED)];
}

static double bytes_resident(const struct bench *bench)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	uffd_guard_get_stats(bench->guard, &stats);
	return (double)stats.bytes_resident;
}

static double growth_of(double before, double after)
{
	return after > before ? after - before : 0;
}

/* Answer the larger of the figures of the library and the kernel. */
static double sample_resident(struct contender *contender)
{
	const struct file_use *use = contender->self;
	struct uffd_guard_region *region;
	double said = bytes_resident(use->bench), rss = status_bytes("RssAnon:");
	int err = uffd_guard_map(use->bench->guard, use->fd, SPARSE_LENGTH, NULL, &region);
	if (err)
		return err;
	touch_used(uffd_guard_region_data(region));
	said = growth_of(said, bytes_resident(use->bench));
	rss = growth_of(rss, status_bytes("RssAnon:"));
	uffd_guard_unmap(region);
	return said > rss ? said : rss;
}

static double sample_peer_resident(struct contender *contender)
{
	const struct file_use *use = contender->self;
	struct damage none = { .n_spans = 0 };
	double before = status_bytes("VmRSS:");
	void *opened = use->peer->open(use->fd, SPARSE_LENGTH);
	if (!opened)
		return -errno;
	touch_used(use->peer->begin(opened, &none));
	use->peer->end(opened);
	double after = status_bytes("VmRSS:");
	use->peer->close(opened);
	return growth_of(before, after);
}

static double sample_allowed(struct contender *contender)
{
	(void)contender;
	return ALLOWED;
}

static int fill_used(int fd, size_t page_size)
{
	char page[4096];
	memset(page, 1, sizeof(page));
	for (size_t i = 0; i < N_USED; i++) {
		if (pwrite(fd, page, page_size < sizeof(page) ? page_size : sizeof(page),
			    (off_t)(i * (SPARSE_LENGTH / N_USED))) < 0)
			return -errno;
	}
	return 0;
}

static int open_resident(struct bench *bench, struct contest *contest)
{
	int fd = file_create(SPARSE_LENGTH);
	int err = fd < 0 ? fd : fill_used(fd, bench->page_size);
	if (fd < 0)
		return err;
	attach_file(contest, fd);
	if (err)
		return err;
	contest_add(contest, "uffd_guard", sample_resident,
		file_use_create(bench, &peer_uffd_guard, fd), free);
	contest->against = contest->n;
	contest_add(contest, "1 MiB", sample_allowed, bench, NULL);
	add_file_use(contest, sample_peer_resident, bench, &peer_map_shared, fd);
	add_file_use(contest, sample_peer_resident, bench, &peer_uffd_minimal, fd);
	return 0;
}

const struct row rows_pool[] = {
	{ "B9", NULL, "map, first page, unmap / mmap, munmap", 2, 2, UNIT_NS, 1, open_pool },
	{ "B9p", NULL, "map, populate, unmap / mmap, munmap", 2, 2, UNIT_NS, 1,
		open_pool_populated },
	{ "B10", NULL, "a page past the end / SIGBUS handler", 0.05, 0.05, UNIT_NS, 1, open_lost },
	{ "B11", NULL, "4 pages of a 1 GiB sparse pool / 1 MiB", 1, 1, UNIT_BYTES, 1,
		open_resident },
	{ NULL, NULL, NULL, 0, 0, UNIT_NS, 0, NULL },
};

/* SPDX-License-Identifier: MIT */
/*
 * Try the library by its public interface: create a guard, and then do to it what a client would
 * do, from end to end. Each step is noted before it is done, where the parent sees it, so that the
 * parent can name the step that killed the child.
 */
#include "probe.h"

#include <errno.h>
#include <sys/mman.h>
#include <uffd_guard.h>
#include <unistd.h>

#define N_PAGES 3
#define OLD	7
#define NEW	9

static int create(uint32_t flags, struct uffd_guard **guard)
{
	const struct uffd_guard_options options = { .size = sizeof(options), .flags = flags };
	return uffd_guard_create(&options, guard);
}

int probe_guard(struct facts *facts)
{
	struct uffd_guard *guard;
	int err = create(0, &guard);
	if (!err)
		facts->guard_features = uffd_guard_features(guard);
	return err;
}

int probe_guard_kernel_faults(struct facts *facts)
{
	struct uffd_guard *guard;
	(void)facts;
	return create(UFFD_GUARD_REQUIRE_KERNEL_FAULTS, &guard);
}

/* ---- End to end: the last page is gone before it was read, and then it comes back ---- */

struct trip {
	uint32_t flags;
	enum uffd_guard_mode mode;
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	size_t page;
	int fd;
};

/* The byte that the test looks at in page @page. */
static size_t mark_of(const struct trip *trip, size_t page)
{
	return (page + 1) * trip->page - 1;
}

static int write_mark(const struct trip *trip, size_t page, unsigned char value)
{
	return pwrite(trip->fd, &value, 1, (off_t)mark_of(trip, page)) < 0 ? -errno : 0;
}

static int expect_mark(const struct trip *trip, size_t page, unsigned char value)
{
	const volatile unsigned char *data = uffd_guard_region_data(trip->region);
	return data[mark_of(trip, page)] == value ? 0 : -EBADMSG;
}

static int refresh(const struct trip *trip)
{
	return uffd_guard_refresh(trip->region, 0, N_PAGES * trip->page);
}

static int create_guard(struct trip *trip)
{
	return create(trip->flags, &trip->guard);
}

static int create_file(struct trip *trip)
{
	trip->page = (size_t)sysconf(_SC_PAGESIZE);
	trip->fd = memfd_create("uffd-guard-doctor", MFD_CLOEXEC);
	int err = trip->fd < 0 ? -errno : 0;
	for (size_t i = 0; i < N_PAGES && !err; i++)
		err = write_mark(trip, i, OLD);
	return err;
}

static int map_region(struct trip *trip)
{
	int err = uffd_guard_map(trip->guard, trip->fd, N_PAGES * trip->page, NULL, &trip->region);
	if (err)
		return err;
	return uffd_guard_region_mode(trip->region) == trip->mode ? 0 : -EOPNOTSUPP;
}

/* An EAGER region was filled before, and only sees the new end of the file in a refresh. */
static int truncate_file(struct trip *trip)
{
	if (ftruncate(trip->fd, (off_t)((N_PAGES - 1) * trip->page)) < 0)
		return -errno;
	return trip->mode == UFFD_GUARD_MODE_EAGER ? refresh(trip) : 0;
}

static int read_page(struct trip *trip)
{
	return expect_mark(trip, 0, OLD);
}

static int read_lost_page(struct trip *trip)
{
	return expect_mark(trip, N_PAGES - 1, 0);
}

static int take_loss(struct trip *trip)
{
	uint32_t losses = uffd_guard_region_take_losses(trip->region);
	return losses == UFFD_GUARD_LOST_TRUNCATED ? 0 : -EBADMSG;
}

static int regrow_file(struct trip *trip)
{
	int err = write_mark(trip, N_PAGES - 1, NEW);
	if (!err)
		err = refresh(trip);
	return err ? err : expect_mark(trip, N_PAGES - 1, NEW);
}

static int give_back(struct trip *trip)
{
	uffd_guard_unmap(trip->region);
	uffd_guard_destroy(trip->guard);
	return 0;
}

static int (*const steps[N_STEPS])(struct trip *) = {
	[STEP_CREATE] = create_guard,
	[STEP_FILE] = create_file,
	[STEP_MAP] = map_region,
	[STEP_TRUNCATE] = truncate_file,
	[STEP_READ] = read_page,
	[STEP_READ_LOST] = read_lost_page,
	[STEP_LOSS] = take_loss,
	[STEP_REGROW] = regrow_file,
	[STEP_END] = give_back,
};

static int travel(struct trip *trip, enum step *here, enum step end)
{
	int err = 0;
	for (unsigned step = 0; step <= end && !err; step++) {
		*here = (enum step)step;
		err = steps[step](trip);
	}
	return err;
}

int probe_lazy(struct facts *facts)
{
	struct trip trip = { .flags = 0, .mode = UFFD_GUARD_MODE_LAZY };
	return travel(&trip, &facts->step, STEP_END);
}

int probe_eager(struct facts *facts)
{
	struct trip trip = { .flags = UFFD_GUARD_ALLOW_EAGER, .mode = UFFD_GUARD_MODE_EAGER };
	return travel(&trip, &facts->eager_step, STEP_END);
}

/* ---- System calls ---- */

/* Hand a page that was never read to write(2). It writes into another file: the handler would wait
 * for the lock of the region's own. */
int probe_syscall_reads(struct facts *facts)
{
	struct trip trip = { .flags = 0, .mode = UFFD_GUARD_MODE_LAZY };
	enum step step;
	(void)facts;
	int err = travel(&trip, &step, STEP_MAP);
	if (err)
		return err;
	int fd = memfd_create("uffd-guard-doctor", MFD_CLOEXEC);
	if (fd < 0 || write(fd, uffd_guard_region_data(trip.region), 1) < 0)
		return -errno;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * In place of the library, for measuring: the functions that docs/examples/shm-server calls, done
 * as display servers do it without it. The file is mapped shared, and a handler of SIGBUS puts
 * zeros over a segment whose file has ended, for good (the X server's busfault.c). No more of the
 * header's promises are kept than that server needs.
 */
#include <uffd_guard.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct uffd_guard_region {
	struct uffd_guard_region *next;
	char *data;
	size_t length;
	uint32_t flags;
	volatile sig_atomic_t has_ended;
};

static struct uffd_guard_region *regions;

/* ---- The handler ---- */

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	for (struct uffd_guard_region *region = regions; region; region = region->next) {
		if ((size_t)((char *)info->si_addr - region->data) >= region->length)
			continue;
		region->has_ended = true;
		if (mmap(region->data, region->length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			return;
	}
	signal(signal_number, SIG_DFL); /* the load is repeated, and ends us */
}

int uffd_guard_create(const struct uffd_guard_options *options, struct uffd_guard **guard)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	(void)options;
	*guard = NULL;
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

/* ---- Regions ---- */

int uffd_guard_map(struct uffd_guard *guard, int fd, size_t length,
	const struct uffd_guard_map_options *options, struct uffd_guard_region **region)
{
	const int prot = options->flags & UFFD_GUARD_MAP_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	struct uffd_guard_region *fresh = calloc(1, sizeof(*fresh));
	(void)guard;
	if (!fresh)
		return -ENOMEM;
	fresh->data = mmap(NULL, length, prot, MAP_SHARED, fd, 0);
	if (fresh->data == MAP_FAILED) {
		int err = -errno;
		free(fresh);
		return err;
	}
	fresh->length = length;
	fresh->flags = options->flags;
	fresh->next = regions;
	regions = *region = fresh;
	return 0;
}

void uffd_guard_unmap(struct uffd_guard_region *region)
{
	struct uffd_guard_region **link = &regions;
	if (!region)
		return;
	while (*link != region)
		link = &(*link)->next;
	*link = region->next;
	munmap(region->data, region->length);
	free(region);
}

void *uffd_guard_region_data(const struct uffd_guard_region *region)
{
	return region->data;
}

size_t uffd_guard_region_length(const struct uffd_guard_region *region)
{
	return region->length;
}

enum uffd_guard_mode uffd_guard_region_mode(const struct uffd_guard_region *region)
{
	(void)region;
	return UFFD_GUARD_MODE_LAZY; /* so that copies are made below, where losses are told */
}

int uffd_guard_region_make_direct(struct uffd_guard_region *region, uint32_t flags)
{
	(void)region, (void)flags;
	return 1;
}

/* ---- Put and get ---- */

static int check(const struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	const bool is_inside =
		rect->height > 0 && rect->width > 0 && rect->offset <= region->length &&
		rect->width <= region->length - rect->offset &&
		(rect->height - 1) * rect->stride <= region->length - rect->offset - rect->width;
	return is_inside ? 0 : -ERANGE;
}

static ssize_t count_copied(
	const struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	return region->has_ended ? 0 : (ssize_t)(rect->width * rect->height);
}

static void copy_rows(char *to, size_t to_stride, const char *from, size_t from_stride,
	const struct uffd_guard_rect *rect)
{
	if (rect->width == to_stride && rect->width == from_stride) {
		memcpy(to, from, rect->width * rect->height);
		return;
	}
	for (uint64_t row = 0; row < rect->height; row++)
		memcpy(to + row * to_stride, from + row * from_stride, rect->width);
}

ssize_t uffd_guard_read_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	void *buffer, size_t buffer_stride)
{
	int err = check(region, rect);
	if (err)
		return err;
	copy_rows(buffer, buffer_stride, region->data + rect->offset, rect->stride, rect);
	return count_copied(region, rect);
}

ssize_t uffd_guard_write_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	const void *buffer, size_t buffer_stride)
{
	int err = check(region, rect);
	if (err)
		return err;
	if (!(region->flags & UFFD_GUARD_MAP_WRITE))
		return -EACCES;
	copy_rows(region->data + rect->offset, rect->stride, buffer, buffer_stride, rect);
	return count_copied(region, rect);
}

/* ---- Hidden windows: the mapping is always new ---- */

int uffd_guard_mark_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects)
{
	(void)n_rects;
	return check(region, rects);
}

int uffd_guard_ensure(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	(void)region, (void)offset, (void)length;
	return 0;
}

uint32_t uffd_guard_region_take_losses(struct uffd_guard_region *region)
{
	return region->has_ended ? UFFD_GUARD_LOST_TRUNCATED : 0;
}

ssize_t uffd_guard_write_back(struct uffd_guard_region *region, uint64_t offset, size_t length)
{
	(void)offset;
	return region->has_ended ? 0 : (ssize_t)length;
}

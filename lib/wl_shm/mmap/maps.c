/* SPDX-License-Identifier: MIT */
/*
 * The regions that stand for mappings of the program's, by address.
 *
 * There are few: keymaps, mapped, parsed and unmapped. One guard for all of them, made with the
 * first. The lock is never held while the library is called, for it maps and unmaps itself.
 */
#include "maps.h"

#include "../guard.h"
#include "../log.h"
#include "../stats.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_POPULATED ((size_t)4 << 20)

struct map {
	struct map *next;
	struct uffd_guard_region *region;
	uintptr_t start, end; /* in whole pages */
	size_t left;	      /* bytes that the program has not unmapped yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *maps; /* lock */

static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static struct uffd_guard *guard; /* NULL: there cannot be one */

static size_t page_ceil(size_t length)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (length + page - 1) / page * page;
}

static void make_guard(void)
{
	int err = guard_create(NULL, &guard);
	if (err)
		shm_log("files that clients pass are mapped unguarded: %s", strerror(-err));
}

/* ---- Making ---- */

static void enlist(struct map *map)
{
	pthread_mutex_lock(&lock);
	map->next = maps;
	maps = map;
	pthread_mutex_unlock(&lock);
}

/* A page of zeros more: parsers look for the end of a string, and it may be missing. */
static int map_region(struct map *map, int fd, size_t length, off_t offset)
{
	struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_ANY_FILE,
		.offset = (uint64_t)offset,
		.reserve = page_ceil(length) + page_ceil(1),
	};
	int err = uffd_guard_map(guard, fd, length, &options, &map->region);
	if (err == -EOPNOTSUPP) { /* on a disk, and nothing to read that with */
		options.flags = UFFD_GUARD_MAP_DIRECT;
		err = uffd_guard_map(guard, fd, length, &options, &map->region);
	}
	if (err)
		return err;
	map->start = (uintptr_t)uffd_guard_region_data(map->region);
	map->left = page_ceil(length);
	map->end = map->start + map->left;
	return 0;
}

void *maps_create(int fd, size_t length, off_t offset)
{
	pthread_once(&guard_once, make_guard);
	struct map *map = guard && length <= PTRDIFF_MAX ? calloc(1, sizeof(*map)) : NULL;
	if (!map)
		return NULL;
	if (map_region(map, fd, length, offset)) {
		free(map);
		return NULL;
	}
	/* What is handed to a system call must be there. That is not worth reading a large file. */
	if (length <= MOST_POPULATED)
		uffd_guard_populate(map->region, 0, length);
	enlist(map);
	stats_add(&stats()->files_mapped, 1);
	return (void *)map->start;
}

/* ---- Finding ---- */

/* Under the lock. The link that points to the first map that has a byte of [start, end), or NULL.
 */
static struct map **find(uintptr_t start, uintptr_t end)
{
	for (struct map **link = &maps; *link; link = &(*link)->next) {
		if ((*link)->start < end && start < (*link)->end)
			return link;
	}
	return NULL;
}

bool maps_has(const void *address)
{
	pthread_mutex_lock(&lock);
	bool has = find((uintptr_t)address, (uintptr_t)address + 1);
	pthread_mutex_unlock(&lock);
	return has;
}

/* ---- Taking away ---- */

/* Under the lock. Off the list, if nothing is left of it. */
static struct map *take_off(struct map **link, size_t n_unmapped)
{
	struct map *map = *link;
	map->left -= n_unmapped < map->left ? n_unmapped : map->left;
	if (map->left > 0)
		return NULL;
	*link = map->next;
	return map;
}

bool maps_unmap(void *address, size_t length)
{
	const uintptr_t start = (uintptr_t)address, end = start + page_ceil(length);
	struct map *done = NULL;

	pthread_mutex_lock(&lock);
	struct map **link = find(start, end);
	const bool is_inside = link && (*link)->start <= start && end <= (*link)->end;
	if (is_inside)
		done = take_off(link, end - start);
	pthread_mutex_unlock(&lock);
	if (done) {
		uffd_guard_unmap(done->region);
		free(done);
	}
	return is_inside;
}

void maps_abandon(void *address, size_t length)
{
	const uintptr_t start = (uintptr_t)address, end = start + page_ceil(length);
	pthread_mutex_lock(&lock);
	for (struct map **link; (link = find(start, end));)
		take_off(link,
			SIZE_MAX); /* its region stays, unused: unmapping it would hit others */
	pthread_mutex_unlock(&lock);
}

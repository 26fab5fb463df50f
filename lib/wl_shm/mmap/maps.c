/* SPDX-License-Identifier: MIT */
/*
 * The regions that replace mappings of the program, by address.
 *
 * There are few: keymaps, which are mapped, parsed and unmapped. One guard serves all of them; it
 * is created with the first. The lock is never held while the library is called, because the
 * library's own mmap(2) and munmap(2) come here too.
 *
 * A region can be unmapped only as a whole. If the program unmaps a part of it, or maps something
 * over it, maps_make_plain() replaces the region by plain memory first, and the kernel does the
 * rest.
 */
#include "mmap/maps.h"

#include "base/log.h"
#include "base/make_guard.h"
#include "base/pages.h"
#include "base/shm_stats.h"
#include "mmap/real.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MOST_POPULATED ((size_t)4 << 20)

struct map {
	struct map *next;
	struct uffd_guard_region *region;
	uintptr_t start, end; /* whole pages; a page of zeros follows */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *maps; /* lock; of struct map.next */

/* order: guard_lock, then lock: the library maps memory while it creates the guard */
static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uffd_guard *guard; /* guard_lock; NULL before it is needed, or if it cannot be had */

/* ---- fork(2) ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&guard_lock);
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&guard_lock);
}

/* The guard serves the parent only. Its regions are plain memory here, and the next maps_create()
 * makes another guard. */
static void after_fork_in_child(void)
{
	maps = NULL;
	guard = NULL;
	after_fork();
}

void maps_watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- Making ---- */

/* If it fails, for want of descriptors perhaps, the next map tries again. */
static int make_own_guard(void)
{
	pthread_mutex_lock(&guard_lock);
	int err = guard ? 0 : make_guard(NULL, 0, &guard);
	pthread_mutex_unlock(&guard_lock);
	if (err)
		shm_log("a file that a client passed is not mapped, since it cannot be guarded: %s",
			strerror(-err));
	return err;
}

static void enlist(struct map *map)
{
	pthread_mutex_lock(&lock);
	map->next = maps;
	maps = map;
	pthread_mutex_unlock(&lock);
}

/* Reserve one more page, of zeros: a parser may look for the end of a string that has none. */
static int map_region(struct map *map, int fd, size_t length, off64_t offset)
{
	struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_ANY_FILE,
		.offset = (uint64_t)offset,
		.reserve = page_ceil(length) + page_size(),
	};
	int err = uffd_guard_map(guard, fd, length, &options, &map->region);
	if (err)
		return err;
	map->start = (uintptr_t)uffd_guard_region_data(map->region);
	map->end = map->start + page_ceil(length);
	return 0;
}

/* Fill all pages, so that system calls may read them, and let a child of fork(2) have them. Not for
 * large files, of which all would be read. */
static void populate_map(struct map *map, size_t length)
{
	if (uffd_guard_populate(map->region, 0, length) == 0)
		madvise((void *)map->start, map->end - map->start, MADV_KEEPONFORK);
}

int maps_create(int fd, size_t length, off64_t offset, void **address)
{
	if (length > PTRDIFF_MAX)
		return -ENOMEM;
	int err = make_own_guard();
	if (err)
		return err;
	struct map *map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	err = map_region(map, fd, length, offset);
	if (err) {
		free(map);
		return err;
	}
	if (length <= MOST_POPULATED)
		populate_map(map, length);
	enlist(map);
	shm_stats_add(&shm_stats()->files_mapped, 1);
	*address = (void *)map->start;
	return 0;
}

/* ---- Finding ---- */

/* Under the lock. Answer the link to the first map with a byte of [start, end), or NULL. Its page
 * of zeros counts too. */
static struct map **find_link(uintptr_t start, uintptr_t end)
{
	for (struct map **link = &maps; *link; link = &(*link)->next) {
		if ((*link)->start < end && start < (*link)->end + page_size())
			return link;
	}
	return NULL;
}

static struct map *unlist(uintptr_t start, uintptr_t end)
{
	struct map *map = NULL;
	pthread_mutex_lock(&lock);
	struct map **link = find_link(start, end);
	if (link) {
		map = *link;
		*link = map->next;
	}
	pthread_mutex_unlock(&lock);
	return map;
}

/* True if the kernel would accept the range, and not answer -EINVAL. */
static bool is_range(uintptr_t start, size_t length)
{
	const size_t all = page_ceil(length);
	return start % page_size() == 0 && all >= length && all > 0 && all <= PTRDIFF_MAX &&
	       start + all > start;
}

bool maps_has(const void *address, size_t length)
{
	const uintptr_t start = page_floor((uintptr_t)address);
	const uintptr_t end = (uintptr_t)address + (length ? length : 1);
	pthread_mutex_lock(&lock);
	bool has = find_link(start, end < start ? UINTPTR_MAX : end);
	pthread_mutex_unlock(&lock);
	return has;
}

/* ---- Taking away ---- */

static void map_destroy(struct map *map)
{
	uffd_guard_unmap(map->region);
	free(map);
}

bool maps_unmap(void *address, size_t length)
{
	const uintptr_t start = (uintptr_t)address;
	if (!is_range(start, length))
		return false;
	pthread_mutex_lock(&lock);
	struct map **link = find_link(start, start + page_ceil(length));
	struct map *map = link ? *link : NULL;
	const bool is_it = map && map->start == start && map->end == start + page_ceil(length);
	if (is_it)
		*link = map->next;
	pthread_mutex_unlock(&lock);
	if (is_it)
		map_destroy(map);
	return is_it;
}

/* ---- Making plain ---- */

/* Start of the region that replace_by_copy() destroys on this thread, or 0. */
static _Thread_local uintptr_t kept_start;

bool maps_keeps_mapped(const void *address)
{
	return kept_start && (uintptr_t)address == kept_start;
}

static void *copy_of(const struct map *map)
{
	const size_t length = map->end - map->start;
	void *copy = real_mmap(NULL, length, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy == MAP_FAILED)
		return NULL;
	memcpy(copy, (const void *)map->start, length);
	mprotect(copy, length, PROT_READ);
	return copy;
}

/* mremap(2) puts the copy over the region in one step: other threads may read there, or map
 * something. Then the region is destroyed, while kept_start makes munmap() in interpose.c leave the
 * copy alone. */
static bool replace_by_copy(struct map *map)
{
	const size_t length = map->end - map->start;
	void *copy = copy_of(map);
	if (!copy)
		return false;
	if (real_mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)map->start) ==
		MAP_FAILED) {
		real_munmap(copy, length);
		return false;
	}
	void *zeros = (void *)map->end;
	kept_start = map->start;
	map_destroy(map);
	kept_start = 0;
	real_munmap(zeros, page_size());
	return true;
}

bool maps_make_plain(void *address, size_t length)
{
	const uintptr_t start = (uintptr_t)address;
	if (!is_range(start, length))
		return true; /* the kernel answers -EINVAL */
	for (struct map *map; (map = unlist(start, start + page_ceil(length)));) {
		if (!replace_by_copy(map)) {
			enlist(map);
			return false;
		}
	}
	return true;
}

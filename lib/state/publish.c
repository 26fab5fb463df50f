/* SPDX-License-Identifier: MIT */
/*
 * Counters in a memfd instead of in the guard, for programs that watch from outside.
 *
 * The seals let nobody else write to it, nor cut it off under our hands; its memory is there before
 * anything counts, so that counting never fails. A watcher learns of no content and no address.
 * A child of fork() has the descriptor, but not the mapping, and the page says whose it is.
 *
 * A region takes a free slot by one atomic operation and clears it before it gives it back. A
 * watcher may meanwhile see a region without a name, but never one with another's.
 */
#include "state/publish.h"

#include "base/clock.h"
#include "kernel/descriptor.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* ---- A guard's page ---- */

static bool is_wanted(void)
{
	const char *value = secure_getenv("UFFD_GUARD_STATS");
	return value && strcmp(value, "1") == 0;
}

static struct published *map_page(int fd)
{
	const size_t size = sizeof(struct published);
	if (fallocate(fd, 0, 0, (off_t)size) < 0)
		return NULL;
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (madvise(page, size, MADV_DONTFORK) < 0 ||
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		munmap(page, size);
		return NULL;
	}
	return page;
}

static void introduce(struct published *page)
{
	static atomic_uint n_guards;
	page->version = PUBLISHED_VERSION;
	page->pid = (uint32_t)getpid();
	page->guard = atomic_fetch_add(&n_guards, 1) + 1;
	page->created_ns = now_ns();
	atomic_store(&page->magic, PUBLISHED_MAGIC);
}

void publish_begin(struct uffd_guard *guard)
{
	if (!is_wanted())
		return;
	int fd = descriptor_memory(PUBLISHED_NAME, sizeof(struct published), guard->mark);
	struct published *page = fd < 0 ? NULL : map_page(fd);
	if (!page) {
		descriptor_close(fd, guard->mark);
		guard->missed_publishing = true;
		return;
	}
	introduce(page);
	guard->published = page;
	guard->published_fd = fd;
	guard->stats = &page->stats;
}

void publish_end(struct uffd_guard *guard)
{
	if (!guard->published)
		return;
	munmap(guard->published, sizeof(*guard->published));
	descriptor_close(guard->published_fd, guard->mark);
}

/* ---- A region's slot ---- */

static struct published_region *claim_slot(struct published *page)
{
	const uint64_t number = atomic_fetch_add(&page->n_mapped, 1) + 1;
	for (size_t i = 0; i < PUBLISHED_REGIONS; i++) {
		uint64_t none = 0;
		if (atomic_compare_exchange_strong(&page->regions[i].number, &none, number))
			return &page->regions[i];
	}
	return NULL;
}

static void read_name(int fd, char name[PUBLISHED_LETTERS])
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, name, PUBLISHED_LETTERS - 1) < 0)
		name[0] = '\0'; /* no /proc here */
}

void publish_region(struct uffd_guard_region *region)
{
	struct published *page = region->guard->published;
	struct published_region *slot = page ? claim_slot(page) : NULL;
	if (!slot)
		return;
	read_name(region->source.fd, slot->name);
	region->publication.slot = slot;
	region->publication.stats = &slot->stats;
}

void publish_shape(struct uffd_guard_region *region)
{
	struct published_region *slot = region->publication.slot;
	if (!slot)
		return;
	atomic_store(&slot->length, atomic_load(&region->length));
	atomic_store(&slot->mode, (uint32_t)region_mode(region));
}

/* Its number last, and by itself: as soon as that is 0, the slot is another region's. */
static void give_slot(struct published_region *slot)
{
	atomic_store(&slot->length, 0);
	slot->stats = (struct region_stats){ .faults = 0 };
	atomic_store(&slot->mode, 0);
	memset(slot->name, 0, sizeof(slot->name));
	atomic_store(&slot->number, 0);
}

void publish_withdraw(struct uffd_guard_region *region)
{
	struct published_region *slot = region->publication.slot;
	if (!slot)
		return;
	region->publication.slot = NULL;
	region->publication.stats = &region->publication.own_stats;
	give_slot(slot);
}

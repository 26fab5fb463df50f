/* SPDX-License-Identifier: MIT */
/* A region: plain data on which all layers above work. calls/map.c makes and destroys it. */
#pragma once

#include <uffd_guard.h>

#include "base/epoch.h"
#include "base/page.h"
#include "base/presence.h"
#include "base/range_table.h"
#include "base/stats.h"
#include "file/source.h"
#include "state/budget.h"
#include "state/events.h"

/* What eviction may take of a region. */
enum eviction_policy {
	EVICT_ANY,
	/* A bound and MAP_WRITE: filled pages are write-protected, and presence knows which were
	 * stored to. Those stay. */
	EVICT_UNSTORED,
	EVICT_NONE, /* the same, but the kernel cannot write-protect (before 5.7) */
};

struct marks;

struct uffd_guard_region {
	/* What it is. Set by map, but for the two numbers, which resize writes under lock. */
	struct uffd_guard *guard;
	struct range range; /* all of the reserve; in guard->ranges from map to unmap */
	struct source source;
	uint32_t flags; /* UFFD_GUARD_MAP_* */
	void *user_data;
	_Atomic size_t length; /* within the reserve */
	/* Bytes from the beginning that are the file itself, in whole pages (direct.c). What this
	 * file and its like say of fills, presence and refresh is about the rest. */
	_Atomic uint64_t direct_end;
	uint32_t direct_flags; /* UFFD_GUARD_MAP_DIRECT, _SEAL; lock: make_direct() adds to them */
	/* Lock: the attempt to seal the file that is under way, or one that is to be made. */
	struct aside *sealing;
	bool seal_is_due;
	/* It was populated, and system calls cannot wait for pages. */
	atomic_bool is_populated;

	/* One refresh, discard or resize at a time. Held while the region's own memory is written
	 * to, which may fault: the handler takes no lock. Order: before the guard's. */
	pthread_mutex_t lock;

	/* Its pages. A fill is inside fills from before it reads the file until presence knows its
	 * pages; whoever has changed what fills work from synchronizes, with lock. */
	struct epoch fills;
	struct presence presence;

	_Atomic(struct marks *) marks; /* what the client has changed; NULL: never marked */

	/* What the copier is to bring over of it, and has not yet; guard->begun.lock. */
	struct begun {
		struct uffd_guard_region *before, *behind;
		uint64_t n_left; /* bytes; 0: it is not in the list */
		bool is_renewed; /* begun while some of it is brought over */
		/* Without a lock: */
		atomic_bool is_at_work; /* the copier has region->lock, for a moment */
		atomic_uint n_wanting;	/* callers that wait for region->lock; it lets them */
	} begun;

	/* What goes to make room. Any thread that fills, without a lock; see evict.c. */
	struct eviction {
		struct budget budget; /* the region's own */
		enum eviction_policy policy;
		atomic_bool is_paused;	/* nobody may evict from it now; written with lock */
		struct epoch under_way; /* who evicts from it is inside */
	} eviction;

	/* What is counted of it. Any thread. */
	struct publication {
		struct region_stats *stats, own_stats;
		struct published_region *slot; /* where stats are for others to see, or NULL */
	} publication;

	/* Until when its struct is there. Any thread, without a lock. */
	struct lifetime {
		atomic_uint references; /* the program's one, and one for each queued loss */
		atomic_bool is_unmapped;
		_Atomic uint32_t losses; /* reasons since take_losses */
		struct loss_overflow overflow;
	} lifetime;
};

static inline struct uffd_guard_region *region_of_range(struct range *range)
{
	return (struct uffd_guard_region *)((char *)range -
					    offsetof(struct uffd_guard_region, range));
}

/* Whether stores to its pages are noted: filled pages are write-protected. */
static inline bool region_tracks_stores(const struct uffd_guard_region *region)
{
	return region->eviction.policy == EVICT_UNSTORED;
}

static inline uintptr_t region_address(const struct uffd_guard_region *region, uint64_t offset)
{
	return region->range.start + offset;
}

static inline uint64_t region_direct_end(const struct uffd_guard_region *region)
{
	return atomic_load(&region->direct_end);
}

static inline size_t region_reserve(const struct uffd_guard_region *region)
{
	return region->range.end - region->range.start;
}

/* As presence_run(). In EAGER, pages that were not filled are holes, which may have been stored to.
 */
enum presence_kind region_run(
	const struct uffd_guard_region *region, size_t first, size_t limit, size_t *n_pages);

/* The check that every call with a range makes: 0, or -EINVAL, -ECHILD, -EIO, -ERANGE. */
int region_check_range(const struct uffd_guard_region *region, uint64_t offset, uint64_t length);
/* And that every call makes before it reads the file itself, or stores to it: 0 or -EIO. */
int region_check_source(const struct uffd_guard_region *region);

/* Whether a bound on resident memory holds for its pages: its own or the guard's. */
bool region_is_bounded(const struct uffd_guard_region *region);

/* So many pages more or less count, against its own bound and the guard's. */
void region_charge(struct uffd_guard_region *region, size_t n_pages);
void region_refund(struct uffd_guard_region *region, size_t n_pages);

enum uffd_guard_mode region_mode(const struct uffd_guard_region *region);

void region_ref(struct uffd_guard_region *region);
void region_unref(struct uffd_guard_region *region);

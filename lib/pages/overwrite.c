/* SPDX-License-Identifier: MIT */
/*
 * Writing bytes into filled pages in place, by the kernel, so that memory which the program has
 * withdrawn is an error and no signal.
 *
 * Two kinds of page make this more than a copy. A page of zeros is shared: what is written to it
 * gets memory of its own, which is charged before. And where stores are tracked, a page without
 * stores is write-protected, and is to be so afterwards; a store of the program while it is not
 * must not go unnoticed. So the page is compared with what it should hold once it is protected
 * again.
 */
#include "pages/overwrite.h"

#include "base/lock.h"
#include "base/page.h"
#include "kernel/copy.h"
#include "kernel/staging.h"
#include "pages/evict.h"
#include "pages/refill.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"

#include <errno.h>
#include <string.h>

/* What is copied within one page. */
struct overwrite {
	struct uffd_guard_region *region;
	uint64_t start;
	const char *bytes;
	size_t length;
	const char *present;  /* what is there now, or NULL: not known */
	char *before, *after; /* a page each, to compare */
};

static int copy(void *to, const void *from, size_t length)
{
	size_t done;
	int err = copy_checked(to, from, length, &done);
	if (err != -EPERM && err != -ENOSYS)
		return err;
	memcpy(to, from, length); /* the system call is denied */
	return 0;
}

static void *address_of(const struct overwrite *o)
{
	return (void *)region_address(o->region, o->start);
}

static void *page_of(const struct overwrite *o)
{
	return (void *)region_address(o->region, page_floor(o->start));
}

/* Of a page of zeros: whether there is nothing to do. */
static bool is_same(const struct overwrite *o)
{
	return o->present && memcmp(o->present, o->bytes, o->length) == 0;
}

/* Claimed: nobody evicts the page, and a store that is not let through yet waits for our wake. */
static int overwrite_claimed(struct overwrite *o)
{
	struct uffd *uffd = &o->region->guard->uffd;
	const uintptr_t page = (uintptr_t)page_of(o);
	int err = copy(o->before, page_of(o), page_size());
	if (err)
		return err;
	memcpy(o->before + o->start % page_size(), o->bytes, o->length);
	uffd_protect(uffd, page, page_size(), false);
	err = copy(address_of(o), o->bytes, o->length);
	if (uffd_protect(uffd, page, page_size(), true) ||
		copy(o->after, page_of(o), page_size()) ||
		memcmp(o->before, o->after, page_size()) != 0)
		presence_mark_stored(&o->region->presence, o->start / page_size(), 1);
	return err;
}

static int overwrite_tracked(struct overwrite *o)
{
	struct presence *presence = &o->region->presence;
	const size_t page = o->start / page_size();
	const uint64_t bit = UINT64_C(1) << page % PRESENCE_WORD;
	if (!presence_claim(presence, page, bit))
		return presence_has_stored(presence, page, 1)
			       ? copy(address_of(o), o->bytes, o->length)
			       : 0; /* it is being evicted */
	int err = overwrite_claimed(o);
	presence_unclaim(presence, page, bit);
	uffd_wake(&o->region->guard->uffd, (uintptr_t)page_of(o), page_size());
	return err;
}

static int overwrite_page(struct overwrite *o)
{
	struct uffd_guard_region *region = o->region;
	const size_t page = o->start / page_size();
	int err = 0;
	if (!page_is_held(&region->presence, page)) {
		if (is_same(o))
			return 0;
		err = evict_reserve(region, 1);
		if (!err)
			resident_note_held(region, page, 1, 1);
	}
	if (!err)
		err = region_tracks_stores(region) ? overwrite_tracked(o)
						   : copy(address_of(o), o->bytes, o->length);
	return err;
}

#define BYTES_AT_ONCE (STAGING_SIZE / 4)

/* What staging holds: the new bytes, what is there now, and two pages to compare. */
struct chunk {
	char *bytes, *present, *before, *after;
};

static struct chunk chunk_of(const struct staging *staging)
{
	char *memory = staging->memory;
	return (struct chunk){ .bytes = memory,
		.present = memory + BYTES_AT_ONCE,
		.before = memory + 2 * BYTES_AT_ONCE,
		.after = memory + 2 * BYTES_AT_ONCE + page_size() };
}

/* *length is shortened to where an error ends it: the page that has it is its last. */
static int overwrite_chunk(
	struct uffd_guard_region *region, uint64_t start, const struct chunk *chunk, size_t *length)
{
	const bool is_known =
		copy(chunk->present, (const void *)region_address(region, start), *length) == 0;
	int err = 0;
	for (size_t at = 0, n; at < *length && !err; at += n) {
		n = min_u64(*length - at, page_size() - (start + at) % page_size());
		struct overwrite o = { .region = region,
			.start = start + at,
			.bytes = chunk->bytes + at,
			.length = n,
			.present = is_known ? chunk->present + at : NULL,
			.before = chunk->before,
			.after = chunk->after };
		err = overwrite_page(&o);
		if (err == -ENOMEM) { /* EAGER, beyond the bound */
			region_report_failure(region, start + at, start + at + n, err);
			err = 0;
		}
		if (err)
			*length = at + n;
	}
	return err;
}

static void read_chunk(struct uffd_guard_region *region, uint64_t start, struct chunk *chunk,
	size_t length, const struct source *source)
{
	size_t got = 0;
	int err = source ? source_read(source, start, chunk->bytes, length, &got) : 0;
	stats_add(&region->guard->stats->bytes_refreshed, got);
	memset(chunk->bytes + got, 0, length - got);
	if (source && got < length) /* -EFAULT: no page for the staging */
		region_report_failure(
			region, start + got, start + length, err == -EFAULT ? -ENOMEM : err);
}

static int overwrite_range(
	struct uffd_guard_region *region, uint64_t start, uint64_t end, const struct source *source)
{
	int err = 0;
	check(lock_is_held(&region->lock));
	for (size_t n; start < end && !err; start += n) {
		struct staging *staging = staging_borrow(&region->guard->staging);
		if (!staging)
			return -ENOMEM;
		struct chunk chunk = chunk_of(staging);
		n = min_u64(end - start, BYTES_AT_ONCE);
		read_chunk(region, start, &chunk, n, source);
		err = overwrite_chunk(region, start, &chunk, &n);
		staging_return(&region->guard->staging, staging);
		if (err == -EFAULT) /* the program has withdrawn access, or the page */
			err = refill_pages(region, (start + n - 1) / page_size(), 1);
	}
	return err;
}

int overwrite_with_file(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	return overwrite_range(region, start, end, &region->source);
}

int overwrite_with_zeros(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	return overwrite_range(region, start, end, NULL);
}

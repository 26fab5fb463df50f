/* SPDX-License-Identifier: MIT */
/*
 * The life of a region: map, unmap.
 *
 * A region is one anonymous mapping (mapping.c), as long as its reserve and registered from end to
 * end, so that resize only moves a number.
 */
#include "base/lock.h"
#include "state/region.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/options.h"
#include "calls/create.h"
#include "calls/dispatch.h"
#include "calls/populate.h"
#include "calls/scanners.h"
#include "file/aside.h"
#include "file/blocking_file.h"
#include "kernel/descriptor.h"
#include "pages/begun.h"
#include "pages/direct.h"
#include "pages/eager.h"
#include "pages/mapping.h"
#include "pages/resident.h"
#include "pages/take_home.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/publish.h"
#include "state/refuse.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#define FLAGS_KNOWN                                                                                \
	(UFFD_GUARD_MAP_WRITE | UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL |                      \
		UFFD_GUARD_MAP_ANY_FILE | UFFD_GUARD_MAP_FIXED_NOREPLACE |                         \
		UFFD_GUARD_MAP_POPULATE | UFFD_GUARD_MAP_ONLY_DIRECT)

/* ---- map ---- */

static bool is_aligned(uint64_t bytes)
{
	return page_floor(bytes) == bytes;
}

/* NULL, or which argument or member is wrong, and why. */
static const char *find_invalid(const struct uffd_guard_map_options *options, size_t length)
{
	const uint32_t flags = options->flags;
	const uint32_t with_direct = UFFD_GUARD_MAP_SEAL | UFFD_GUARD_MAP_ONLY_DIRECT;
	if (length == 0)
		return "uffd_guard_map: length is 0";
	if (flags & ~FLAGS_KNOWN)
		return "uffd_guard_map: flags has a bit that this library does not know";
	if (flags & with_direct && !(flags & UFFD_GUARD_MAP_DIRECT))
		return "uffd_guard_map: flags has SEAL or ONLY_DIRECT, but not DIRECT";
	if (options->reserve && options->reserve < length)
		return "uffd_guard_map: reserve is less than length";
	if (!is_aligned(options->offset))
		return "uffd_guard_map: offset is not a multiple of the page size";
	if (!is_aligned((uintptr_t)options->addr))
		return "uffd_guard_map: addr is not a multiple of the page size";
	if (!options->addr != !(flags & UFFD_GUARD_MAP_FIXED_NOREPLACE))
		return "uffd_guard_map: addr goes with FIXED_NOREPLACE in flags, and only with it";
	return NULL;
}

static int check_options(
	const struct uffd_guard *guard, const struct uffd_guard_map_options *options, size_t length)
{
	const char *why = find_invalid(options, length);
	if (why)
		return refuse(guard, -EINVAL, why);
	const uint64_t reserve = max_u64(length, options->reserve);
	if (reserve > (uint64_t)PTRDIFF_MAX - page_size() ||
		options->offset > (uint64_t)INT64_MAX - reserve - page_size())
		return refuse(guard, -EOVERFLOW,
			"uffd_guard_map: offset and length (or reserve) are beyond what a file can "
			"have");
	return 0;
}

static int read_options(const struct uffd_guard *guard, struct uffd_guard_map_options *known,
	const struct uffd_guard_map_options *options)
{
	const int err = options_read(known, sizeof(*known), options);
	if (err == -EINVAL)
		return refuse(guard, err,
			"uffd_guard_map: size is not sizeof(struct uffd_guard_map_options)");
	return err ? refuse(guard, err,
			     "uffd_guard_map: a member that this library does not know is not 0")
		   : 0;
}

/* ---- How many ---- */

static void uncount_region(struct uffd_guard *guard)
{
	atomic_fetch_sub(&guard->n_regions, 1);
}

static int count_region(struct uffd_guard *guard)
{
	const uint32_t n_regions = atomic_fetch_add(&guard->n_regions, 1);
	if (!guard->max_regions || n_regions < guard->max_regions)
		return 0;
	uncount_region(guard);
	return refuse(guard, -ENFILE, "uffd_guard_map: max_regions are mapped");
}

static atomic_uint n_descriptors; /* that regions of all guards keep */

static bool keeps_descriptor(const struct uffd_guard_region *region)
{
	return !region->source.memory;
}

static bool has_room(const struct uffd_guard *guard, uint32_t n_kept)
{
	struct rlimit limit;
	return guard->max_regions || getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	       n_kept < limit.rlim_cur / 4 * 3;
}

static void uncount_descriptor(const struct uffd_guard_region *region)
{
	if (keeps_descriptor(region))
		atomic_fetch_sub(&n_descriptors, 1);
}

/* Once it is known whether the region keeps one. */
static int count_descriptor(const struct uffd_guard_region *region)
{
	if (!keeps_descriptor(region) ||
		has_room(region->guard, atomic_fetch_add(&n_descriptors, 1)))
		return 0;
	uncount_descriptor(region);
	return refuse(region->guard, -ENFILE,
		"uffd_guard_map: regions have taken three quarters of the process's descriptors "
		"(RLIMIT_NOFILE)");
}

/* Call before uffd_register(): a fault that arrives after this finds the region. */
/* model: protocol enlist */
static void enlist(struct uffd_guard_region *region)
{
	struct uffd_guard *guard = region->guard;
	lock_take(&guard->lock);
	range_table_insert(&guard->ranges, &region->range);
	const uintptr_t lowest = atomic_load(&guard->lowest);
	atomic_store(&guard->lowest,
		lowest ? min_u64(lowest, region->range.start) : region->range.start);
	atomic_store(&guard->highest, max_u64(atomic_load(&guard->highest), region->range.end));
	epoch_synchronize(&guard->lookups);
	lock_give(&guard->lock);
	stats_add(&guard->stats->regions, 1);
}

/* Wait for running fills, answer faults that wait for a blocking file, and hand the file over. */
/* model: blocking end_fills, protocol end_fills */
static void end_fills(struct uffd_guard_region *region)
{
	struct source *source = &region->source;
	const bool may_block = source->blocking;
	if (may_block)
		blocking_file_release(source->blocking);
	epoch_synchronize(&region->fills);
	epoch_synchronize(&region->eviction.under_way);
	inquiry_finish(&source->inquiry);
	if (may_block && source->caller_closes)
		blocking_file_destroy(source->blocking);
	else if (may_block)
		source->fd = -1;
	source->blocking = NULL;
}

/* Afterwards no fill of the region is under way, and none will begin. */
/* model: protocol delist */
static void delist(struct uffd_guard_region *region)
{
	struct uffd_guard *guard = region->guard;
	lock_take(&guard->lock);
	range_table_remove(&guard->ranges, &region->range);
	epoch_synchronize(&guard->lookups);
	lock_give(&guard->lock);
	end_fills(region);
	stats_sub(&guard->stats->regions, 1);
}

static int open_source(
	struct uffd_guard_region *region, int fd, const struct uffd_guard_map_options *options)
{
	struct source *source = &region->source;
	struct uffd_guard *guard = region->guard;
	struct blocking_file *file = NULL;
	int blocking_error = -ENODEV;
	if (options->flags & UFFD_GUARD_MAP_ANY_FILE) {
		blocking_error = -EOPNOTSUPP;
		if (guard->blocking_inbox) {
			file = blocking_file_create(guard->blocking_inbox, guard->read_deadline_ms,
				region, &region->fills);
			blocking_error = file ? 0 : -ENOMEM;
		}
	}
	int err = source_open(source, fd, options->offset, blocking_error);
	if (err || !source_may_block(source)) {
		blocking_file_destroy(file);
		return err;
	}
	/* From now on closing it is the handler's: that may wait. */
	blocking_file_adopt_fd(file, source->fd, &source->file, source->kind == SOURCE_REMOTE);
	source->blocking = file;
	return 0;
}

/* Of the descriptor, not of what was short at the moment. */
static int explain_file(const struct uffd_guard *guard, int err)
{
	switch (err) {
	case -EBADF:
		return refuse_file(guard, err, "uffd_guard_map: fd is not open, or O_PATH");
	case -EACCES:
		return refuse_file(guard, err, "uffd_guard_map: fd is open for writing only");
	case -ENODEV:
		return refuse_file(guard, err,
			"uffd_guard_map: fd is of no file in memory (nor, with ANY_FILE in flags, "
			"of a regular file)");
	case -ENFILE:
		return refuse_file(guard, err,
			"uffd_guard_map: too many files of that server were unmapped and cannot be "
			"closed, since it does not answer");
	case -EOPNOTSUPP:
		return refuse_file(guard, err,
			"uffd_guard_map: fd is of a file that may block, and the guard has no "
			"io_uring");
	}
	return err;
}

static void close_source(struct uffd_guard_region *region)
{
	aside_drop(region->sealing);
	end_fills(region);
	source_close(&region->source);
}

static int fill_eagerly(struct uffd_guard_region *region)
{
	scanners_pass(region);
	source_begin_call(&region->source);
	int err = eager_fill(region, 0, region_reserve(region) / page_size());
	source_end_call(&region->source);
	return err;
}

static int init_eviction(
	struct uffd_guard_region *region, const struct uffd_guard_map_options *options)
{
	region->eviction.budget = budget_of(options->max_resident);
	if (!(region->flags & UFFD_GUARD_MAP_WRITE) || !region_is_bounded(region) ||
		guard_is_eager(region->guard))
		return 0;
	region->eviction.policy = EVICT_UNSTORED;
	return presence_track_stores(&region->presence);
}

static int extend_direct(struct uffd_guard_region *region)
{
	direct_extend(region);
	const bool is_live = region_direct_end(region) >= region->length;
	if (is_live || !(region->flags & UFFD_GUARD_MAP_ONLY_DIRECT))
		return 0;
	return refuse(region->guard, -EPERM,
		"uffd_guard_map: flags has ONLY_DIRECT, and fd is not tmpfs sealed with "
		"F_SEAL_SHRINK and as long as length");
}

/* What is asked for at once. */
static int fill(struct uffd_guard_region *region, const struct uffd_guard_map_options *options)
{
	if (guard_is_eager(region->guard))
		return fill_eagerly(region);
	return options->flags & UFFD_GUARD_MAP_POPULATE ? populate_range(region, 0, region->length)
							: 0;
}

static int map_region(
	struct uffd_guard_region *region, int fd, const struct uffd_guard_map_options *options)
{
	size_t reserve = page_ceil(max_u64(region->length, options->reserve));

	int err = open_source(region, fd, options);
	if (err)
		return explain_file(region->guard, err);
	source_find_mount(&region->source, region->guard->zeros.file.device);
	region->source.patience.most_ns = region->guard->read_deadline_ms * NS_PER_MS;
	scanners_expect(region, reserve);
	err = mapping_reserve(&region->range, options, reserve);
	if (err)
		goto err_source;
	err = presence_init(&region->presence, reserve / page_size());
	if (err)
		goto err_range;
	region->presence.skew = region->range.start % STAGING_SIZE / page_size();
	err = init_eviction(region, options);
	if (err)
		goto err_presence;
	publish_region(region);
	enlist(region);
	err = mapping_make_accessible(region, 0, reserve);
	if (!err)
		err = extend_direct(region);
	if (!err) {
		direct_release_descriptor(region, max_u64(region->length, options->reserve));
		err = count_descriptor(region);
	}
	if (err)
		goto err_enlisted;
	err = fill(region, options);
	if (err)
		goto err_counted;
	publish_shape(region);
	return 0;

err_counted:
	uncount_descriptor(region);
err_enlisted:
	dispatch_forget_region(region);
	delist(region);
	resident_end(region);
	publish_withdraw(region);
err_presence:
	presence_finish(&region->presence);
err_range:
	mapping_release(region->guard, &region->range);
err_source:
	close_source(region);
	return err;
}

/* The program may have closed all of them, and the handler not have heard of it yet. */
static int check_descriptors(const struct uffd_guard *guard)
{
	const struct bell *bell = &guard->events.bell;
	return descriptor_is_ours(bell->fd, bell->mark) &&
			       descriptor_is_ours(bell->source, bell->mark)
		       ? 0
		       : -EIO;
}

int uffd_guard_map(struct uffd_guard *guard, int fd, size_t length,
	const struct uffd_guard_map_options *options, struct uffd_guard_region **region)
{
	UNCANCELLED;
	if (!guard || !region)
		return -EINVAL;
	struct uffd_guard_map_options known;
	int err = guard_check(guard);
	if (!err)
		err = read_options(guard, &known, options);
	if (!err)
		err = check_descriptors(guard);
	if (!err)
		err = check_options(guard, &known, length);
	if (!err)
		err = count_region(guard);
	if (err)
		return err;

	struct uffd_guard_region *fresh = malloc(sizeof(*fresh));
	if (!fresh) {
		uncount_region(guard);
		return -ENOMEM;
	}
	*fresh = (struct uffd_guard_region){
		.guard = guard,
		.length = length,
		.flags = known.flags,
		.direct_flags = known.flags & (UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL),
		.user_data = known.user_data,
		.lifetime.references = 1,
	};
	fresh->publication.stats = &fresh->publication.own_stats;
	lock_init_as(&fresh->lock, PTHREAD_PRIO_INHERIT);
	loss_overflow_init(&fresh->lifetime.overflow);

	guard_ref(guard);
	err = map_region(fresh, fd, &known);
	if (err) {
		uncount_region(guard);
		region_unref(fresh);
		guard_unref(guard);
		return err;
	}
	*region = fresh;
	return 0;
}

/* ---- unmap ---- */

/* Whoever touches the region between the two steps waits for the mapping to go. If the handler
 * gives up meanwhile, it has to wake them afterwards: serve_give_up(). */
/* model: protocol take_away */
static void take_away(struct uffd_guard_region *region)
{
	struct uffd_guard *guard = region->guard;
	struct huge_pages going;
	guard_hold_handler(guard);
	delist(region);
	find_huge_pages(region, 0, region->presence.n_pages, &going);
	take_home(region, &going);
	mapping_release(guard, &region->range);
	guard_let_handler_go(guard);
}

/* model: protocol unmap */
void uffd_guard_unmap(struct uffd_guard_region *region)
{
	UNCANCELLED;
	if (!region || guard_is_in_child(region->guard))
		return;

	struct uffd_guard *guard = region->guard;
	/* First: on_event may be at work on the region, and must find all of it. */
	dispatch_forget_region(region);
	begun_forget(region);
	take_away(region);
	resident_end(region);
	publish_withdraw(region);
	presence_finish(&region->presence);
	aside_drop(region->sealing);
	uncount_descriptor(region);
	source_close(&region->source);
	uncount_region(guard);
	region_unref(region);
	guard_unref(guard);
}

/* ---- Getters ---- */

void *uffd_guard_region_data(const struct uffd_guard_region *region)
{
	return region ? (void *)region->range.start : NULL;
}

size_t uffd_guard_region_length(const struct uffd_guard_region *region)
{
	return region ? atomic_load(&region->length) : 0;
}

enum uffd_guard_mode uffd_guard_region_mode(const struct uffd_guard_region *region)
{
	return region ? region_mode(region) : UFFD_GUARD_MODE_LAZY;
}

int uffd_guard_region_get_fd(const struct uffd_guard_region *region)
{
	if (!region)
		return -EINVAL;
	return region->source.fd >= 0 && !region_check_source(region) ? region->source.fd : -EBADF;
}

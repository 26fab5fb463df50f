/* SPDX-License-Identifier: MIT */
/*
 * What calls wait for, of a real guard: the region's lock, fills, threads that evict, and threads
 * that look a region up. Another thread's part is played here, by holding the lock or by being
 * inside the epoch; whether the call sleeps then is what the kernel says.
 */
#include "../support/inject.h"
#include "../support/tmpfs_file.h"
#include "base/page.h"
#include "calls/scanners.h"
#include "pages/change.h"
#include "state/guard.h"
#include "state/region.h"
#include "together.h"
#include "unit.h"
#include "waits.h"

#include <uffd_guard.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define N_PAGES 4

struct stage {
	struct uffd_guard *guard;
	struct uffd_guard_region *region, *another;
	size_t length;
	int fd;
};

/* False: return from the test. */
static bool stage_start(struct stage *stage)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER | UFFD_GUARD_NO_COPIERS,
		.max_resident = 64 * page_size() };
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_WRITE | UFFD_GUARD_MAP_POPULATE };
	*stage = (struct stage){ .length = N_PAGES * page_size(),
		.fd = memfd_create("waiting", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
	unsigned char bytes[N_PAGES];
	memset(bytes, 7, sizeof(bytes));
	assert_ok(ftruncate(stage->fd, (off_t)stage->length));
	for (size_t i = 0; i < N_PAGES; i++)
		ck_assert_int_eq(pwrite(stage->fd, bytes, 1, (off_t)(i * page_size())), 1);
	assert_ok(uffd_guard_create(&options, &stage->guard));
	assert_ok(uffd_guard_map(stage->guard, stage->fd, stage->length, &map, &stage->region));
	if (uffd_guard_features(stage->guard) & UFFD_GUARD_FEATURE_LAZY)
		return true;
	unit_skip("nothing faults in EAGER");
	return false;
}

static void stage_stop(struct stage *stage)
{
	uffd_guard_unmap(stage->region);
	uffd_guard_unmap(stage->another);
	uffd_guard_destroy(stage->guard);
	close(stage->fd);
}

/* ---- Calls ---- */

static void refresh(void *data)
{
	const struct stage *stage = data;
	assert_ok(uffd_guard_refresh(stage->region, 0, stage->length));
}

static void discard(void *data)
{
	const struct stage *stage = data;
	assert_ok(uffd_guard_discard(stage->region, 0, stage->length));
}

static void resize(void *data)
{
	const struct stage *stage = data;
	assert_ok(uffd_guard_resize(stage->region, stage->length - 1));
}

static void ensure(void *data)
{
	const struct stage *stage = data;
	const struct uffd_guard_rect all = { .width = stage->length - 1, .height = 1 };
	assert_ok(uffd_guard_mark_rects(stage->region, &all, 1));
	assert_ok(uffd_guard_ensure(stage->region, 0, stage->length - 1));
}

static void write_back(void *data)
{
	const struct stage *stage = data;
	ck_assert_int_gt(uffd_guard_write_back(stage->region, 0, stage->length), 0);
}

static void make_direct(void *data)
{
	const struct stage *stage = data;
	assert_ok(fcntl(stage->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	ck_assert_int_eq(uffd_guard_region_make_direct(stage->region, 0), 1);
}

static void unmap(void *data)
{
	struct stage *stage = data;
	uffd_guard_unmap(stage->region);
	stage->region = NULL;
}

static const struct {
	const char *name;
	void (*call)(void *data);
} calls[] = {
	{ "refresh", refresh },
	{ "discard", discard },
	{ "resize", resize },
	{ "ensure", ensure },
	{ "write_back", write_back },
	{ "make_direct", make_direct },
};

/* ---- What they wait for ---- */

START_TEST(call_that_changes_a_region_waits_for_its_lock)
{
	struct stage stage;
	if (stage_start(&stage))
		ck_assert_msg(waits_for(&stage.region->lock, calls[_i].call, &stage), "%s does not",
			calls[_i].name);
	stage_stop(&stage);
}
END_TEST

START_TEST(call_that_changes_a_region_waits_for_fills)
{
	struct stage stage;
	if (stage_start(&stage))
		ck_assert_msg(waits_for_inside(&stage.region->fills, calls[_i].call, &stage),
			"%s does not", calls[_i].name);
	stage_stop(&stage);
}
END_TEST

START_TEST(call_that_changes_a_region_waits_for_threads_that_evict_from_it)
{
	struct stage stage;
	if (stage_start(&stage))
		ck_assert_msg(
			waits_for_inside(&stage.region->eviction.under_way, calls[_i].call, &stage),
			"%s does not", calls[_i].name);
	stage_stop(&stage);
}
END_TEST

START_TEST(unmap_waits_for_whoever_may_still_come_to_the_region)
{
	struct stage stage;
	if (stage_start(&stage)) {
		struct epoch *const epochs[] = { &stage.guard->lookups, &stage.region->fills,
			&stage.region->eviction.under_way };
		ck_assert(waits_for_inside(epochs[_i], unmap, &stage));
	}
	stage_stop(&stage);
}
END_TEST

static void map_another(void *data)
{
	struct stage *stage = data;
	assert_ok(uffd_guard_map(stage->guard, stage->fd, stage->length, NULL, &stage->another));
}

START_TEST(regions_are_listed_and_taken_off_the_list_one_at_a_time)
{
	struct stage stage;
	if (stage_start(&stage)) {
		ck_assert(waits_for(&stage.guard->lock, map_another, &stage));
		ck_assert(waits_for(&stage.guard->lock, unmap, &stage));
	}
	stage_stop(&stage);
}
END_TEST

/* A fill that is under way might put a page back after it was dropped. */
START_TEST(discard_drops_nothing_before_fills_have_ended_and_waits_again_after_it_has)
{
	struct stage stage;
	struct waiting_call it;
	pthread_t thread;
	if (stage_start(&stage)) {
		struct epoch *fills = &stage.region->fills;
		const uint32_t first = epoch_enter(fills);
		waiting_call_begin(&it, &thread, discard, &stage);
		ck_assert(waiting_call_sleeps(&it));
		ck_assert(page_is_present(&stage.region->presence, 0));
		const uint32_t second = epoch_enter(fills);
		ck_assert_uint_ne(first, second);
		epoch_leave(fills, first);
		while (!atomic_load(&it.has_returned) &&
			page_is_present(&stage.region->presence, 0))
			sched_yield();
		ck_assert(waiting_call_sleeps(&it));
		epoch_leave(fills, second);
		assert_ok(pthread_join(thread, NULL));
	}
	stage_stop(&stage);
}
END_TEST

/* Or else one that has looked before takes a page whose stores are just being saved. */
START_TEST(write_back_waits_for_threads_that_evict_after_it_has_told_them_to_stop)
{
	struct stage stage;
	struct waiting_call it;
	pthread_t thread;
	if (stage_start(&stage)) {
		struct epoch *under_way = &stage.region->eviction.under_way;
		const uint32_t ticket = epoch_enter(under_way);
		waiting_call_begin(&it, &thread, write_back, &stage);
		while (!atomic_load(&it.has_returned) &&
			!atomic_load(&stage.region->eviction.is_paused))
			sched_yield();
		ck_assert(waiting_call_sleeps(&it));
		ck_assert(atomic_load(&stage.region->eviction.is_paused));
		epoch_leave(under_way, ticket);
		assert_ok(pthread_join(thread, NULL));
		ck_assert(!atomic_load(&stage.region->eviction.is_paused));
	}
	stage_stop(&stage);
}
END_TEST

/* ---- A part that was to be direct, and whose place is empty ---- */

/* The kernel takes away what is at the new place before it finds that it cannot move. */
static int move_fails_half_way(const struct injected_call *call, void *data)
{
	(void)data;
	munmap((void *)(uintptr_t)call->args[4], (size_t)call->args[2]);
	return -ENOMEM;
}

static void make_direct_in_vain(void *data)
{
	const struct stage *stage = data;
	ck_assert_int_eq(uffd_guard_region_make_direct(stage->region, 0), 0);
}

/* Or else one that is under way notes pages as there which have gone. */
START_TEST(part_that_could_not_be_moved_into_place_counts_as_gone_when_fills_have_ended)
{
	struct stage stage;
	inject_syscall(SYS_mremap, 3, MREMAP_MAYMOVE | MREMAP_FIXED, move_fails_half_way, NULL);
	if (stage_start(&stage)) {
		assert_ok(fcntl(stage.fd, F_ADD_SEALS, F_SEAL_SHRINK));
		ck_assert(waits_for_inside(&stage.region->fills, make_direct_in_vain, &stage));
		ck_assert(!page_is_present(&stage.region->presence, 0));
	}
	stage_stop(&stage);
}
END_TEST

/* ---- Views of files ---- */

static void pass_scanner(void *data)
{
	scanners_pass_if_met(((struct stage *)data)->another);
}

/* They are opened for all views, and once. */
START_TEST(callers_that_read_past_a_scanner_open_the_holes_of_views_one_at_a_time)
{
	struct stage stage;
	const int fd = open_on_tmpfs(O_RDWR);
	if (fd < 0) {
		unit_skip(NO_TMPFS);
		return;
	}
	if (stage_start(&stage)) {
		assert_ok(ftruncate(fd, (off_t)stage.length));
		assert_ok(uffd_guard_map(stage.guard, fd, stage.length, NULL, &stage.another));
		atomic_store(&stage.guard->has_met_scanner, true);
		ck_assert(source_may_be_scanned(&stage.another->source));
		ck_assert(waits_for(&stage.guard->lock, pass_scanner, &stage));
	}
	stage_stop(&stage);
	close(fd);
}
END_TEST

/* ---- How many want a region ---- */

#define N_CHANGES 20000

static void *change_often(void *region)
{
	for (unsigned i = 0; i < N_CHANGES; i++) {
		change_begin(region);
		change_end(region);
	}
	return NULL;
}

/* Or else the copier keeps away from the region for good, or lets nobody go first. */
START_TEST(callers_that_want_a_region_are_counted_exactly)
{
	struct stage stage;
	if (stage_start(&stage)) {
		together(change_often, stage.region);
		ck_assert_uint_eq(atomic_load(&stage.region->begun.n_wanting), 0);
	}
	stage_stop(&stage);
}
END_TEST

static TCase *waiting_case(void)
{
	TCase *tcase = tcase_create("waiting");
	tcase_add_loop_test(
		tcase, call_that_changes_a_region_waits_for_its_lock, 0, n_elements(calls));
	tcase_add_loop_test(
		tcase, call_that_changes_a_region_waits_for_fills, 0, n_elements(calls));
	tcase_add_loop_test(tcase, call_that_changes_a_region_waits_for_threads_that_evict_from_it,
		0, n_elements(calls));
	tcase_add_loop_test(tcase, unmap_waits_for_whoever_may_still_come_to_the_region, 0, 3);
	tcase_add_test(tcase, regions_are_listed_and_taken_off_the_list_one_at_a_time);
	tcase_add_test(
		tcase, discard_drops_nothing_before_fills_have_ended_and_waits_again_after_it_has);
	tcase_add_test(
		tcase, write_back_waits_for_threads_that_evict_after_it_has_told_them_to_stop);
	tcase_add_test(tcase,
		part_that_could_not_be_moved_into_place_counts_as_gone_when_fills_have_ended);
	tcase_add_test(
		tcase, callers_that_read_past_a_scanner_open_the_holes_of_views_one_at_a_time);
	tcase_add_test(tcase, callers_that_want_a_region_are_counted_exactly);
	return tcase;
}

UNIT_MAIN("waiting", waiting_case)

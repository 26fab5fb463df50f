/* SPDX-License-Identifier: MIT */
/*
 * What calls wait for, of a real guard: the region's lock, fills, threads that evict, and threads
 * that look a region up. Another thread's part is played here, by holding the lock or by being
 * inside the epoch; whether the call sleeps then is what the kernel says.
 */
#include "base/epoch.h"
#include "base/page.h"
#include "state/guard.h"
#include "state/region.h"
#include "unit.h"
#include "waits.h"

#include <uffd_guard.h>

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

/* Somebody is inside when the call begins. */
static void begin_beside(
	struct waiting_call *it, pthread_t *thread, void (*call)(void *data), void *data)
{
	*it = (struct waiting_call){ .call = call, .data = data };
	assert_ok(pthread_create(thread, NULL, waiting_call_run, it));
}

static bool waits_for_inside(struct epoch *epoch, void (*call)(void *data), void *data)
{
	struct waiting_call it;
	pthread_t thread;
	const uint32_t ticket = epoch_enter(epoch);
	begin_beside(&it, &thread, call, data);
	const bool has_waited = waiting_call_sleeps(&it);
	epoch_leave(epoch, ticket);
	assert_ok(pthread_join(thread, NULL));
	return has_waited;
}

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
		begin_beside(&it, &thread, discard, &stage);
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
		begin_beside(&it, &thread, write_back, &stage);
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
	return tcase;
}

UNIT_MAIN("waiting", waiting_case)

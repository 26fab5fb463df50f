/* SPDX-License-Identifier: MIT */
/*
 * Whoever looks a region up in the table is inside guard->lookups, for unmap waits there until
 * nobody has a region in his hands any more. The table's first region lies in memory that is not
 * there: the thread that looks stops at it, and is looked at.
 */
#include "base/epoch.h"
#include "base/lock.h"
#include "base/page.h"
#include "daemon/handler.h"
#include "file/inbox.h"
#include "kernel/uffd.h"
#include "kernel/wake.h"
#include "pages/evict.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"
#include "unit.h"

#include <uffd_guard.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_PAGES 64

struct stage {
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	int fd;
	/* Of the region that stops who looks at it. */
	struct uffd uffd;
	struct uffd_guard_region *first;
	char *content;
	size_t size;
};

/* Of one page below all others; it has no length, no memory, and all of it is direct. */
static void fill_in_first(struct stage *stage)
{
	struct uffd_guard_region *first = stage->first;
	*first = (struct uffd_guard_region){ .guard = stage->guard,
		.range = { .start = page_size(), .end = 2 * page_size() },
		.direct_end = page_size(),
		.lifetime.references = 1 };
	first->publication.stats = &first->publication.own_stats;
	loss_overflow_init(&first->lifetime.overflow);
	assert_ok(presence_init(&first->presence, 1));
}

static void start_guard(struct stage *stage)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER | UFFD_GUARD_NO_COPIERS,
		.max_resident = N_PAGES * page_size() };
	stage->fd = memfd_create("lookups", MFD_CLOEXEC);
	assert_ok(ftruncate(stage->fd, (off_t)(N_PAGES * page_size())));
	ck_assert_int_eq(pwrite(stage->fd, "a", 1, 0), 1);
	assert_ok(uffd_guard_create(&options, &stage->guard));
	assert_ok(uffd_guard_map(
		stage->guard, stage->fd, N_PAGES * page_size(), NULL, &stage->region));
}

/* From now on who looks at the table stops. */
static void take_first_away(struct stage *stage)
{
	stage->size = page_ceil(sizeof(*stage->first));
	stage->content = malloc(stage->size);
	stage->first =
		mmap(NULL, stage->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(stage->content && stage->first != MAP_FAILED);
	fill_in_first(stage);
	lock_take(&stage->guard->lock);
	range_table_insert(&stage->guard->ranges, &stage->first->range);
	lock_give(&stage->guard->lock);
	memcpy(stage->content, stage->first, stage->size);
	assert_ok(uffd_register(&stage->uffd, (uintptr_t)stage->first, stage->size, false));
	assert_ok(madvise(stage->first, stage->size, MADV_DONTNEED));
}

static void await_look(const struct stage *stage)
{
	struct uffd_msg message;
	while (uffd_read(&stage->uffd, &message, 1) <= 0)
		sched_yield();
}

static void put_first_back(const struct stage *stage)
{
	size_t done;
	assert_ok(uffd_copy(
		&stage->uffd, (uintptr_t)stage->first, stage->content, stage->size, false, &done));
	ck_assert_uint_eq(done, stage->size);
}

/* False: return from the test. */
static bool stage_start(struct stage *stage)
{
	*stage = (struct stage){ .uffd.fd = -1 };
	start_guard(stage);
	if (!guard_is_eager(stage->guard) &&
		uffd_open(&stage->uffd, UFFD_WANT_USER_FAULTS_ONLY) == 0)
		return true;
	unit_skip("userfaultfd is denied");
	return false;
}

static void stage_stop(struct stage *stage)
{
	if (stage->first) {
		lock_take(&stage->guard->lock);
		range_table_remove(&stage->guard->ranges, &stage->first->range);
		lock_give(&stage->guard->lock);
		presence_finish(&stage->first->presence);
		munmap(stage->first, stage->size);
		free(stage->content);
	}
	uffd_close(&stage->uffd);
	uffd_guard_unmap(stage->region);
	uffd_guard_destroy(stage->guard);
	close(stage->fd);
}

static bool is_inside_as_it_looks(const struct stage *stage)
{
	await_look(stage);
	return epoch_is_entered(&stage->guard->lookups);
}

static void *read_byte(void *data)
{
	const struct stage *stage = data;
	ck_assert_int_eq(*(volatile char *)uffd_guard_region_data(stage->region), 'a');
	return NULL;
}

START_TEST(handler_says_that_it_looks_for_the_region_of_a_fault)
{
	struct stage stage;
	pthread_t reader;
	if (stage_start(&stage)) {
		take_first_away(&stage);
		assert_ok(pthread_create(&reader, NULL, read_byte, &stage));
		const bool is_inside = is_inside_as_it_looks(&stage);
		put_first_back(&stage);
		assert_ok(pthread_join(reader, NULL));
		ck_assert(is_inside);
	}
	stage_stop(&stage);
}
END_TEST

static void *evict_all(void *data)
{
	const struct stage *stage = data;
	region_charge(stage->region, 2 * N_PAGES);
	evict_excess(stage->region);
	region_refund(stage->region, 2 * N_PAGES);
	return NULL;
}

START_TEST(thread_that_evicts_says_that_it_looks_for_the_next_region)
{
	struct stage stage;
	pthread_t evicting;
	if (stage_start(&stage)) {
		take_first_away(&stage);
		assert_ok(pthread_create(&evicting, NULL, evict_all, &stage));
		const bool is_inside = is_inside_as_it_looks(&stage);
		put_first_back(&stage);
		assert_ok(pthread_join(evicting, NULL));
		ck_assert(is_inside);
	}
	stage_stop(&stage);
}
END_TEST

START_TEST(handler_that_gives_up_says_that_it_goes_through_all_regions)
{
	struct stage stage;
	if (stage_start(&stage)) {
		take_first_away(&stage);
		atomic_store(&stage.guard->uffd.failed_to_wake, true);
		wake_send(handler_inbox(stage.guard->handler)->wake);
		const bool is_inside = is_inside_as_it_looks(&stage);
		put_first_back(&stage);
		ck_assert(is_inside);
		ck_assert(atomic_load(&stage.guard->gave_up));
		while (epoch_is_entered(&stage.guard->lookups))
			sched_yield();
	}
	stage_stop(&stage);
}
END_TEST

static TCase *lookups_case(void)
{
	TCase *tcase = tcase_create("lookups");
	tcase_add_test(tcase, handler_says_that_it_looks_for_the_region_of_a_fault);
	tcase_add_test(tcase, thread_that_evicts_says_that_it_looks_for_the_next_region);
	tcase_add_test(tcase, handler_that_gives_up_says_that_it_goes_through_all_regions);
	return tcase;
}

UNIT_MAIN("lookups", lookups_case)

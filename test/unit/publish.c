/* SPDX-License-Identifier: MIT */
/* Slots of a guard's page: each is one region's at a time. */
#include "state/publish.h"

#include "state/guard.h"
#include "state/region.h"
#include "together.h"
#include "unit.h"

#define N_ROUNDS 20000

struct stage {
	struct uffd_guard *guard;
	struct published *page;
	atomic_bool is_used[PUBLISHED_REGIONS];
};

/* Reads the names of regions without a file: none. */
static void *publish_and_withdraw(void *data)
{
	struct stage *stage = data;
	struct uffd_guard_region *region = calloc(1, sizeof(*region));
	ck_assert_ptr_nonnull(region);
	region->guard = stage->guard;
	region->source.fd = -1;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		publish_region(region);
		struct published_region *slot = region->publication.slot;
		ck_assert_ptr_nonnull(slot);
		atomic_bool *is_used = &stage->is_used[slot - stage->page->regions];
		ck_assert_msg(!atomic_exchange(is_used, true), "two regions have one slot");
		atomic_store(is_used, false);
		publish_withdraw(region);
	}
	free(region);
	return NULL;
}

START_TEST(slot_is_that_of_one_region_at_a_time)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	ck_assert_ptr_nonnull(stage);
	stage->guard = calloc(1, sizeof(*stage->guard));
	stage->page = calloc(1, sizeof(*stage->page));
	ck_assert(stage->guard && stage->page);
	stage->guard->published = stage->page;
	together(publish_and_withdraw, stage);
	for (size_t i = 0; i < PUBLISHED_REGIONS; i++)
		ck_assert_uint_eq(atomic_load(&stage->page->regions[i].number), 0);
	ck_assert_uint_eq(atomic_load(&stage->page->n_mapped), N_TOGETHER * N_ROUNDS);
	free(stage->page);
	free(stage->guard);
	free(stage);
}
END_TEST

static TCase *publish_case(void)
{
	TCase *tcase = tcase_create("publish");
	tcase_add_test(tcase, slot_is_that_of_one_region_at_a_time);
	return tcase;
}

UNIT_MAIN("publish", publish_case)

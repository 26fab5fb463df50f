/* SPDX-License-Identifier: MIT */
/* Two bits a page against an array that keeps one byte a page and counts one by one. */
#include "base/presence.h"

#include "../support/inject.h"
#include "../support/self.h"
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The naive model ---- */

#define MOST_PAGES 1000
#define TERABYTE   ((size_t)1 << 28) /* pages */

struct model {
	enum presence_kind pages[MOST_PAGES];
	size_t n_pages;
};

static size_t model_fill(struct model *model, size_t first, size_t n, enum presence_kind kind)
{
	size_t fresh = 0;
	for (size_t i = first; i < first + n; i++) {
		if (model->pages[i] == PRESENCE_HELD)
			continue; /* zeros do not take memory away */
		fresh += kind == PRESENCE_HELD;
		model->pages[i] = kind;
	}
	return fresh;
}

static size_t model_clear(struct model *model, size_t first, size_t n)
{
	size_t held = 0;
	for (size_t i = first; i < first + n; i++) {
		held += model->pages[i] == PRESENCE_HELD;
		model->pages[i] = PRESENCE_ABSENT;
	}
	return held;
}

static size_t model_run(
	const struct model *model, size_t first, size_t limit, enum presence_kind kind)
{
	size_t n = 0;
	while (n < limit && first + n < model->n_pages && model->pages[first + n] == kind)
		n++;
	return n;
}

static size_t model_before(const struct model *model, size_t page, size_t limit)
{
	size_t n = 0;
	while (n < limit && n < page && model->pages[page - 1 - n] != PRESENCE_ABSENT)
		n++;
	return n;
}

static void assert_page_agrees(
	const struct presence *presence, const struct model *model, size_t page, size_t limit)
{
	size_t n;
	ck_assert_uint_eq(
		presence_count_before(presence, page, limit), model_before(model, page, limit));
	ck_assert_uint_eq(presence_count_absent(presence, page, limit),
		model_run(model, page, limit, PRESENCE_ABSENT));
	if (page == model->n_pages)
		return;
	ck_assert_int_eq(page_is_present(presence, page), model->pages[page] != PRESENCE_ABSENT);
	ck_assert_int_eq(presence_run(presence, page, limit + 1, &n), model->pages[page]);
	ck_assert_uint_eq(n, model_run(model, page, limit + 1, model->pages[page]));
}

/* ---- Sizes: in the struct up to 64 pages, beside it beyond ---- */

static const size_t sizes[] = { 1, 2, 63, 64, 65, 127, 128, 129, MOST_PAGES };

START_TEST(fresh_pages_are_absent)
{
	struct model model = { .n_pages = sizes[_i] };
	struct presence presence;
	assert_ok(presence_init(&presence, model.n_pages));
	for (size_t page = 0; page <= model.n_pages; page++)
		assert_page_agrees(&presence, &model, page, SIZE_MAX - 1);
	presence_finish(&presence);
}
END_TEST

START_TEST(random_fills_and_clears_agree_with_the_naive_model)
{
	struct model model = { .n_pages = sizes[_i] };
	struct presence presence;
	const uint32_t n_pages = (uint32_t)model.n_pages;
	uint32_t seed = 1 + (uint32_t)_i;
	assert_ok(presence_init(&presence, model.n_pages));

	for (int round = 0; round < 1000; round++) {
		size_t first = random_below(&seed, n_pages);
		size_t n = random_below(&seed, n_pages - (uint32_t)first + 1);
		if (random_below(&seed, 3)) /* short ones leave more to find */
			n = n % 7;
		uint32_t kind = random_below(&seed, 3);
		if (kind == PRESENCE_ABSENT)
			ck_assert_uint_eq(
				presence_clear(&presence, first, n), model_clear(&model, first, n));
		else
			ck_assert_uint_eq(
				presence_fill(&presence, first, n, (enum presence_kind)kind),
				model_fill(&model, first, n, (enum presence_kind)kind));
		for (int i = 0; i < 10; i++)
			assert_page_agrees(&presence, &model, random_below(&seed, n_pages + 1),
				random_below(&seed, n_pages + 70));
	}
	for (size_t page = 0; page <= model.n_pages; page++)
		assert_page_agrees(&presence, &model, page, SIZE_MAX - 1);
	presence_finish(&presence);
}
END_TEST

/* ---- Runs ---- */

static const struct run_row {
	size_t first, n_pages; /* filled */
} run_rows[] = {
	{ 0, 1 },
	{ 0, 64 },
	{ 63, 1 },
	{ 63, 2 },
	{ 64, 1 },
	{ 64, 64 },
	{ 60, 80 },
	{ 1, 254 },
	{ 127, 129 },
	{ 255, 1 },
	{ 0, 256 },
};

START_TEST(run_across_words_is_found_from_each_of_its_pages)
{
	const struct run_row *row = &run_rows[_i];
	const size_t end = row->first + row->n_pages;
	struct presence presence;
	size_t n;
	assert_ok(presence_init(&presence, 256));
	presence_fill(&presence, row->first, row->n_pages, PRESENCE_HELD);

	for (size_t page = row->first; page < end; page++) {
		ck_assert_int_eq(presence_run(&presence, page, 256, &n), PRESENCE_HELD);
		ck_assert_uint_eq(n, end - page);
		ck_assert_uint_eq(presence_count_before(&presence, page, 256), page - row->first);
		ck_assert_uint_eq(presence_count_absent(&presence, page, 256), 0);
	}
	if (row->first > 0) {
		ck_assert_int_eq(presence_run(&presence, 0, 256, &n), PRESENCE_ABSENT);
		ck_assert_uint_eq(n, row->first);
		ck_assert_uint_eq(presence_count_absent(&presence, 0, 256), row->first);
	}
	presence_finish(&presence);
}
END_TEST

START_TEST(run_ends_at_its_limit)
{
	struct presence presence;
	size_t n;
	assert_ok(presence_init(&presence, 200));
	presence_fill(&presence, 0, 200, PRESENCE_ZERO);
	for (size_t limit = 1; limit <= 200; limit++) {
		ck_assert_int_eq(presence_run(&presence, 0, limit, &n), PRESENCE_ZERO);
		ck_assert_uint_eq(n, limit);
		ck_assert_uint_eq(presence_count_before(&presence, 200, limit), limit);
	}
	presence_finish(&presence);
}
END_TEST

START_TEST(zeros_and_held_pages_are_runs_of_their_own)
{
	struct presence presence;
	size_t n;
	assert_ok(presence_init(&presence, 200));
	presence_fill(&presence, 10, 100, PRESENCE_ZERO);
	presence_fill(&presence, 50, 30, PRESENCE_HELD);
	ck_assert_int_eq(presence_run(&presence, 10, 200, &n), PRESENCE_ZERO);
	ck_assert_uint_eq(n, 40);
	ck_assert_int_eq(presence_run(&presence, 50, 200, &n), PRESENCE_HELD);
	ck_assert_uint_eq(n, 30);
	ck_assert_int_eq(presence_run(&presence, 80, 200, &n), PRESENCE_ZERO);
	ck_assert_uint_eq(n, 30);
	ck_assert_uint_eq(presence_count_before(&presence, 110, 200), 100);
	presence_finish(&presence);
}
END_TEST

/* ---- What holds memory ---- */

START_TEST(held_pages_are_counted_once)
{
	struct presence presence;
	assert_ok(presence_init(&presence, (size_t)_i));
	const size_t all = (size_t)_i;
	ck_assert_uint_eq(presence_fill(&presence, 0, all, PRESENCE_ZERO), 0);
	ck_assert_uint_eq(presence_clear(&presence, 0, all), 0);
	ck_assert_uint_eq(presence_fill(&presence, 1, all - 2, PRESENCE_HELD), all - 2);
	ck_assert_uint_eq(presence_fill(&presence, 0, all, PRESENCE_HELD), 2);
	ck_assert_uint_eq(presence_fill(&presence, 0, all, PRESENCE_HELD), 0);
	/* Zeros that were not installed, since the page was there, take no memory away. */
	ck_assert_uint_eq(presence_fill(&presence, 0, all, PRESENCE_ZERO), 0);
	ck_assert_uint_eq(presence_clear(&presence, 1, 1), 1);
	ck_assert_uint_eq(presence_clear(&presence, 0, all), all - 1);
	ck_assert_uint_eq(presence_clear(&presence, 0, all), 0);
	presence_finish(&presence);
}
END_TEST

START_TEST(clearing_leaves_the_neighbours_alone)
{
	struct presence presence;
	assert_ok(presence_init(&presence, 256));
	presence_fill(&presence, 0, 256, PRESENCE_HELD);
	ck_assert_uint_eq(presence_clear(&presence, 63, 66), 66);
	ck_assert_uint_eq(presence_count_before(&presence, 63, 256), 63);
	ck_assert_uint_eq(presence_count_absent(&presence, 63, 256), 66);
	ck_assert_uint_eq(presence_count_before(&presence, 256, 256), 256 - 129);
	presence_finish(&presence);
}
END_TEST

/* In one word, and across words. */
static const struct store_row {
	size_t n_pages, first, end;
} store_rows[] = { { 64, 3, 40 }, { 64, 0, 64 }, { 300, 3, 70 }, { 300, 63, 65 }, { 300, 0, 300 } };

START_TEST(stores_are_noted_of_their_pages_and_gone_with_them)
{
	const struct store_row row = store_rows[_i];
	struct presence presence;
	const size_t last = row.end - 1, n_stored = row.end - row.first;
	assert_ok(presence_init(&presence, row.n_pages));
	assert_ok(presence_track_stores(&presence));
	presence_fill(&presence, 0, row.n_pages, PRESENCE_HELD);
	ck_assert(!presence_has_stored(&presence, 0, row.n_pages));

	presence_mark_stored(&presence, row.first, n_stored);
	for (size_t i = 0; i < row.n_pages; i++) {
		const bool is_stored = i >= row.first && i < row.end;
		ck_assert(presence_has_stored(&presence, i, 1) == is_stored);
		const bool is_clean = presence_clean_bits(&presence, i) >> (i % 64) & 1;
		ck_assert(is_clean == !is_stored);
	}
	ck_assert(!presence_has_stored(&presence, 0, row.first));
	ck_assert(!presence_has_stored(&presence, row.end, row.n_pages - row.end));
	ck_assert(presence_has_stored(&presence, 0, row.n_pages));

	presence_unmark_stored(&presence, row.first, 1);
	ck_assert(!presence_has_stored(&presence, row.first, 1));
	ck_assert(presence_has_stored(&presence, last, 1));
	presence_clear(&presence, last, 1);
	ck_assert(!presence_has_stored(&presence, last, 1));
	ck_assert(
		!(presence_clean_bits(&presence, last) >> (last % 64) & 1)); /* it holds nothing */
	presence_finish(&presence);
}
END_TEST

START_TEST(claim_of_a_page_that_was_stored_to_is_given_back)
{
	struct presence presence;
	assert_ok(presence_init(&presence, 64));
	assert_ok(presence_track_stores(&presence));
	presence_fill(&presence, 0, 64, PRESENCE_HELD);
	presence_mark_stored(&presence, 5, 1);
	ck_assert_uint_eq(presence_claim(&presence, 0, 0x70), 0x50);
	ck_assert(page_is_going(&presence, 4));
	ck_assert(!page_is_going(&presence, 5));
	ck_assert_uint_eq(presence_claim(&presence, 0, 0xf0), 0x80); /* the others are claimed */
	presence_unclaim(&presence, 0, 0xd0);
	ck_assert(!page_is_going(&presence, 4));
	presence_finish(&presence);
}
END_TEST

/* Address space is the client's to declare: a bitmap for it must not become memory, nor by being
 * looked at or cleared. */
START_TEST(bitmap_of_a_terabyte_costs_nothing_while_unused)
{
	if (HAS_THREAD_SANITIZER) {
		unit_skip("the thread sanitizer takes memory for all that is looked at");
		return;
	}
	if (loads_cost_memory()) {
		unit_skip("this kernel has no page of zeros to share");
		return;
	}
	const size_t n_pages = TERABYTE;
	const size_t bitmap = n_pages / 8 * 2;
	struct presence presence;
	const size_t before = count_anonymous_bytes();
	assert_ok(presence_init(&presence, n_pages));
	presence_fill(&presence, n_pages - 1, 1, PRESENCE_HELD);
	ck_assert_uint_eq(presence_count_absent(&presence, 0, n_pages), n_pages - 1);
	ck_assert_uint_eq(presence_clear(&presence, 0, n_pages), 1);
	ck_assert_uint_lt(count_anonymous_bytes(), before + bitmap / 2);
	presence_finish(&presence);
}
END_TEST

static size_t mapped_pages(void)
{
	size_t n_pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%zu", &n_pages), 1);
	fclose(f);
	return n_pages;
}

/* Of the kernel's memory, and of malloc()'s: some bitmaps of a region are small and some are not.
 */
START_TEST(bitmaps_leave_nothing_behind)
{
	static const size_t sizes_in_pages[] = { 1000, (size_t)4 << 20, TERABYTE };
	struct presence presence;
	const size_t rounds = 1000, before = mapped_pages();
	const struct mallinfo2 info = mallinfo2();
	for (size_t i = 0; i < rounds; i++) {
		assert_ok(presence_init(&presence, sizes_in_pages[_i]));
		assert_ok(presence_track_stores(&presence));
		presence_finish(&presence);
	}
	ck_assert_uint_lt(mapped_pages(), before + rounds / 2);
	ck_assert_uint_lt(mallinfo2().uordblks, info.uordblks + rounds * 8);
}
END_TEST

START_TEST(bitmaps_without_memory_are_refused)
{
	struct presence presence, other;
	struct rlimit all, none = { 0, 0 };
	assert_ok(presence_init(&presence, TERABYTE));
	assert_ok(getrlimit(RLIMIT_AS, &all));
	none.rlim_max = all.rlim_max;
	assert_ok(setrlimit(RLIMIT_AS, &none));
	const int err = presence_init(&other, TERABYTE),
		  track_err = presence_track_stores(&presence);
	assert_ok(setrlimit(RLIMIT_AS, &all));
	ck_assert_int_eq(err, -ENOMEM);
	ck_assert_int_eq(track_err, -ENOMEM);
	presence_finish(&presence);
}
END_TEST

#define BITMAP_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static int refuse_one(const struct injected_call *call, void *data)
{
	const unsigned *which = data;
	return call->n_before == *which ? -ENOMEM : INJECT_CONTINUE;
}

START_TEST(no_bitmap_is_left_if_one_of_them_has_no_memory)
{
	struct presence presence;
	unsigned which = (unsigned)_i;
	if (IS_SANITIZED) {
		unit_skip("a sanitizer has an allocator of its own");
		return;
	}
	inject_syscall(SYS_mmap, 3, BITMAP_FLAGS, refuse_one, &which);
	const size_t before = mapped_pages();
	ck_assert_int_eq(presence_init(&presence, TERABYTE), -ENOMEM);
	ck_assert_uint_lt(mapped_pages(), before + 100);
}
END_TEST

/* munmap(2) may need memory. */
START_TEST(bitmap_that_stays_mapped_takes_no_memory)
{
	const size_t n_filled = TERABYTE / 4, size = 2 * (TERABYTE / 64 - 1) * sizeof(uint64_t);
	struct presence presence;
	atomic_bool fails = false;
	if (IS_SANITIZED) {
		unit_skip("a sanitizer has an allocator of its own");
		return;
	}
	inject_syscall(SYS_munmap, 1, (uint32_t)size, inject_while_on, &fails);
	assert_ok(presence_init(&presence, TERABYTE));
	presence_fill(&presence, 0, n_filled, PRESENCE_HELD);
	const size_t before = count_anonymous_bytes();
	atomic_store(&fails, true);
	presence_finish(&presence);
	atomic_store(&fails, false);
	ck_assert_uint_lt(count_anonymous_bytes(), before - n_filled / 8);
}
END_TEST

/* ---- Where to look: a bit for each so many pages ---- */

#define APART (64 * (size_t)512)

START_TEST(bitmap_of_where_to_look_has_a_bit_for_the_last_page)
{
	const size_t n_pages = 64 * APART + 1;
	struct presence presence;
	assert_ok(presence_init(&presence, n_pages));
	ck_assert_uint_eq(presence_next_held(&presence, 0), n_pages);
	presence_fill(&presence, n_pages - 1, 1, PRESENCE_HELD);
	ck_assert_uint_eq(presence_next_held(&presence, 0), n_pages - 1);
	presence_finish(&presence);
}
END_TEST

/* Of a region that once held something, what follows its bitmap is the allocator's. */
START_TEST(what_follows_the_bitmap_is_not_looked_at)
{
	struct presence presence;
	assert_ok(presence_init(&presence, MOST_PAGES));
	presence_fill(&presence, MOST_PAGES - 1, 1, PRESENCE_HELD);
	presence_clear(&presence, MOST_PAGES - 1, 1);
	ck_assert_uint_eq(presence_next_held(&presence, 0), MOST_PAGES);
	presence_finish(&presence);
}
END_TEST

START_TEST(bitmap_of_huge_pages_has_a_bit_for_the_last_page)
{
	const size_t skew = 100, n_pages = 64 * (size_t)PRESENCE_HUGE, last = n_pages - skew;
	struct presence presence;
	assert_ok(presence_init(&presence, n_pages));
	presence.skew = skew;
	presence_note_huge(&presence, last);
	ck_assert_uint_eq(presence_next_huge(&presence, 0, last + PRESENCE_HUGE), last);
	presence_clear(&presence, n_pages - 1, 1);
	ck_assert_uint_eq(
		presence_next_huge(&presence, 0, last + PRESENCE_HUGE), last + PRESENCE_HUGE);
	presence_finish(&presence);
}
END_TEST

/* ---- Huge pages ---- */

/* The first huge page begins @skew pages before the first page; the bits are of several words. */
START_TEST(huge_page_is_found_where_it_lies_within_the_range_until_a_page_of_it_goes)
{
	const size_t skew = (size_t)_i * 100, n_pages = 200 * (size_t)PRESENCE_HUGE;
	const size_t first = 3 * PRESENCE_HUGE - skew, second = 150 * PRESENCE_HUGE - skew;
	struct presence presence;
	assert_ok(presence_init(&presence, n_pages));
	presence.skew = skew;
	ck_assert_uint_eq(presence_next_huge(&presence, 0, n_pages), n_pages);
	presence_note_huge(&presence, first);
	presence_note_huge(&presence, second);
	ck_assert_uint_eq(presence_next_huge(&presence, 0, n_pages), first);
	ck_assert_uint_eq(presence_next_huge(&presence, first, first + PRESENCE_HUGE), first);
	ck_assert_uint_eq(presence_next_huge(&presence, 0, first + PRESENCE_HUGE - 1),
		first + PRESENCE_HUGE - 1);
	ck_assert_uint_eq(presence_next_huge(&presence, first + 1, n_pages), second);
	ck_assert_uint_eq(presence_next_huge(&presence, second + 1, n_pages), n_pages);

	presence_clear(&presence, 0, first);
	presence_clear(&presence, first + PRESENCE_HUGE, 1);
	ck_assert_uint_eq(presence_next_huge(&presence, 0, n_pages), first);
	presence_clear(&presence, first + PRESENCE_HUGE - 1, 1);
	ck_assert_uint_eq(presence_next_huge(&presence, 0, n_pages), second);
	presence_clear(&presence, 0, n_pages);
	ck_assert_uint_eq(presence_next_huge(&presence, 0, n_pages), n_pages);
	presence_finish(&presence);
}
END_TEST

/* ---- Threads ---- */

#define N_FILLERS 4

struct filler {
	struct presence *presence;
	size_t start; /* fills this page, and every N_FILLERS-th after it */
	size_t n_fresh, n_cleared;
	pthread_barrier_t *barrier;
};

static void *fill_and_clear(void *data)
{
	struct filler *filler = data;
	for (int round = 0; round < 200; round++) {
		for (size_t i = filler->start; i < MOST_PAGES; i += N_FILLERS)
			filler->n_fresh += presence_fill(filler->presence, i, 1, PRESENCE_HELD);
		for (size_t i = filler->start; i < MOST_PAGES; i += 2 * N_FILLERS)
			filler->n_cleared += presence_clear(filler->presence, i, 1);
	}
	return NULL;
}

START_TEST(threads_that_share_a_word_lose_no_bit)
{
	struct presence presence;
	struct filler fillers[N_FILLERS];
	pthread_t threads[N_FILLERS];
	assert_ok(presence_init(&presence, MOST_PAGES));
	for (size_t i = 0; i < N_FILLERS; i++) {
		fillers[i] = (struct filler){ .presence = &presence, .start = i };
		assert_ok(pthread_create(&threads[i], NULL, fill_and_clear, &fillers[i]));
	}
	size_t n_held = 0;
	for (size_t i = 0; i < N_FILLERS; i++) {
		assert_ok(pthread_join(threads[i], NULL));
		n_held += fillers[i].n_fresh - fillers[i].n_cleared;
	}
	for (size_t page = 0; page < MOST_PAGES; page++)
		ck_assert_int_eq(page_is_present(&presence, page), page / N_FILLERS % 2 == 1);
	ck_assert_uint_eq(n_held, MOST_PAGES / 2);
	ck_assert_uint_eq(presence_clear(&presence, 0, MOST_PAGES), n_held);
	presence_finish(&presence);
}
END_TEST

/* Of bits that belong to one thread, in words that belong to all. */
struct owner {
	struct presence *presence;
	size_t page, huge;
	size_t n_lost;
};

static void mark_and_unmark(struct owner *owner)
{
	struct presence *presence = owner->presence;
	const size_t word = owner->page / 64 * 64;
	const uint64_t bit = UINT64_C(1) << owner->page % 64;
	presence_mark_stored(presence, owner->page, 1);
	owner->n_lost += !presence_has_stored(presence, owner->page, 1);
	presence_unmark_stored(presence, owner->page, 1);
	owner->n_lost += presence_has_stored(presence, owner->page, 1);
	owner->n_lost += presence_claim(presence, word, bit) != bit;
	owner->n_lost += !page_is_going(presence, owner->page);
	presence_unclaim(presence, word, bit);
	owner->n_lost += page_is_going(presence, owner->page);
}

static void *use_own_bits(void *data)
{
	struct owner *owner = data;
	const size_t end = owner->huge + PRESENCE_HUGE;
	for (int round = 0; round < 20000; round++) {
		mark_and_unmark(owner);
		presence_note_huge(owner->presence, owner->huge);
		if (round % 8 == 0)
			sched_yield(); /* to others that are just about to note theirs */
		owner->n_lost +=
			presence_next_huge(owner->presence, owner->huge, end) != owner->huge;
		presence_clear(owner->presence, owner->huge, 1);
		owner->n_lost += presence_next_huge(owner->presence, owner->huge, end) != end;
	}
	return NULL;
}

START_TEST(threads_that_share_a_word_lose_no_store_and_no_huge_page)
{
	struct presence presence;
	struct owner owners[N_FILLERS];
	pthread_t threads[N_FILLERS];
	assert_ok(presence_init(&presence, N_FILLERS * (size_t)PRESENCE_HUGE));
	assert_ok(presence_track_stores(&presence));
	for (size_t i = 0; i < N_FILLERS; i++) {
		owners[i] = (struct owner){
			.presence = &presence, .page = 64 + i, .huge = i * PRESENCE_HUGE
		};
		assert_ok(pthread_create(&threads[i], NULL, use_own_bits, &owners[i]));
	}
	for (size_t i = 0; i < N_FILLERS; i++) {
		assert_ok(pthread_join(threads[i], NULL));
		ck_assert_uint_eq(owners[i].n_lost, 0);
	}
	presence_finish(&presence);
}
END_TEST

/* One page for each bit that says where to look. */
#define N_APART 512

static void *fill_pages_apart(void *data)
{
	struct filler *filler = data;
	pthread_barrier_wait(filler->barrier);
	for (size_t i = filler->start; i < N_APART; i += N_FILLERS) {
		presence_fill(filler->presence, i * APART, 1, PRESENCE_HELD);
		sched_yield();
	}
	return NULL;
}

/* A sweep looks only where it says that something was filled. */
START_TEST(threads_that_fill_for_the_first_time_are_all_found_by_a_sweep)
{
	for (int round = 0; round < 20; round++) {
		struct presence presence;
		struct filler fillers[N_FILLERS];
		pthread_t threads[N_FILLERS];
		pthread_barrier_t barrier;
		pthread_barrier_init(&barrier, NULL, N_FILLERS);
		assert_ok(presence_init(&presence, N_APART * APART));
		for (size_t i = 0; i < N_FILLERS; i++) {
			fillers[i] = (struct filler){
				.presence = &presence, .start = i, .barrier = &barrier
			};
			assert_ok(pthread_create(&threads[i], NULL, fill_pages_apart, &fillers[i]));
		}
		for (size_t i = 0; i < N_FILLERS; i++)
			assert_ok(pthread_join(threads[i], NULL));
		for (size_t i = 0; i < N_APART; i++)
			ck_assert_uint_eq(presence_next_held(&presence, i * APART), i * APART);
		pthread_barrier_destroy(&barrier);
		presence_finish(&presence);
	}
}
END_TEST

static TCase *model_case(void)
{
	TCase *tcase = tcase_create("model");
	tcase_add_loop_test(tcase, fresh_pages_are_absent, 0, n_elements(sizes));
	tcase_add_loop_test(tcase,
		huge_page_is_found_where_it_lies_within_the_range_until_a_page_of_it_goes, 0, 3);
	tcase_add_loop_test(
		tcase, random_fills_and_clears_agree_with_the_naive_model, 0, n_elements(sizes));
	return tcase;
}

static TCase *runs_case(void)
{
	TCase *tcase = tcase_create("runs");
	tcase_add_loop_test(
		tcase, run_across_words_is_found_from_each_of_its_pages, 0, n_elements(run_rows));
	tcase_add_test(tcase, run_ends_at_its_limit);
	tcase_add_test(tcase, zeros_and_held_pages_are_runs_of_their_own);
	return tcase;
}

static TCase *memory_case(void)
{
	TCase *tcase = tcase_create("memory");
	tcase_add_loop_test(tcase, held_pages_are_counted_once, 62, 68);
	tcase_add_test(tcase, clearing_leaves_the_neighbours_alone);
	tcase_add_loop_test(tcase, stores_are_noted_of_their_pages_and_gone_with_them, 0,
		n_elements(store_rows));
	tcase_add_test(tcase, claim_of_a_page_that_was_stored_to_is_given_back);
	tcase_add_test(tcase, bitmap_of_a_terabyte_costs_nothing_while_unused);
	tcase_add_loop_test(tcase, bitmaps_leave_nothing_behind, 0, 3);
	tcase_add_test(tcase, bitmaps_without_memory_are_refused);
	tcase_add_loop_test(tcase, no_bitmap_is_left_if_one_of_them_has_no_memory, 0, 3);
	tcase_add_test(tcase, bitmap_that_stays_mapped_takes_no_memory);
	tcase_add_test(tcase, bitmap_of_where_to_look_has_a_bit_for_the_last_page);
	tcase_add_test(tcase, what_follows_the_bitmap_is_not_looked_at);
	tcase_add_test(tcase, bitmap_of_huge_pages_has_a_bit_for_the_last_page);
	tcase_add_test(tcase, threads_that_share_a_word_lose_no_bit);
	tcase_add_test(tcase, threads_that_share_a_word_lose_no_store_and_no_huge_page);
	tcase_add_test(tcase, threads_that_fill_for_the_first_time_are_all_found_by_a_sweep);
	return tcase;
}

UNIT_MAIN("presence", model_case, runs_case, memory_case)

/* SPDX-License-Identifier: MIT */
/* Marks against a byte for each byte: none is ever forgotten, what was taken is in its range, and
 * only a full set has more than was marked. */
#include "base/marks.h"

#include "unit.h"
#include "waits.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define N_BYTES 4000

static void paint(unsigned char *bytes, const struct uffd_guard_rect *rect, unsigned char value)
{
	for (uint64_t row = 0; row < rect->height; row++)
		memset(bytes + rect->offset + row * rect->stride, value, rect->width);
}

static struct uffd_guard_rect random_rect(uint32_t *state)
{
	const uint64_t width = 1 + random_below(state, 30), stride = 1 + random_below(state, 60);
	const uint64_t height = 1 + random_below(state, 20);
	const uint64_t size = (height - 1) * stride + width;
	return (struct uffd_guard_rect){ random_below(state, (uint32_t)(N_BYTES - size)), stride,
		width, height };
}

struct scene {
	struct marks *marks;
	unsigned char marked[N_BYTES], taken[N_BYTES];
	uint32_t state;
};

static void scene_start(struct scene *scene, int seed)
{
	*scene = (struct scene){ .marks = marks_create(), .state = (uint32_t)seed + 1 };
	ck_assert_ptr_nonnull(scene->marks);
}

static void mark(struct scene *scene)
{
	const struct uffd_guard_rect rect = random_rect(&scene->state);
	marks_add(scene->marks, &rect);
	paint(scene->marked, &rect, 1);
}

/* All marked bytes of [start, end) are taken, and nothing outside of it but by whole rows. These
 * stay marked where they are outside. */
static void take(struct scene *scene, uint64_t start, uint64_t end, struct marks_taken *taken)
{
	memset(scene->taken, 0, N_BYTES);
	marks_take(scene->marks, start, end, taken);
	for (size_t i = 0; i < taken->n; i++)
		paint(scene->taken, &taken->rects[i], 1);
	size_t n_forgotten = 0; /* one check for all: each of them is a message to the parent */
	for (uint64_t i = start; i < end; i++)
		n_forgotten += scene->marked[i] && !scene->taken[i];
	ck_assert_uint_eq(n_forgotten, 0);
}

#define SEEDS 50 /* of a process, which is dear */

static void for_seeds(int process, void (*one)(int seed))
{
	for (int i = 0; i < SEEDS; i++)
		one(process * SEEDS + i);
}

static void take_a_range(int seed)
{
	struct scene scene;
	scene_start(&scene, seed);
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = random_below(&scene.state, 8); i-- > 0;)
			mark(&scene);
		const uint64_t start = random_below(&scene.state, N_BYTES),
			       end = start + random_below(&scene.state, N_BYTES - (uint32_t)start);
		struct marks_taken taken;
		take(&scene, start, end, &taken);
		memset(scene.marked + start, 0, end - start);
		marks_settle(&taken, true);
	}
	struct marks_taken rest;
	take(&scene, 0, N_BYTES, &rest);
	marks_settle(&rest, true);
	ck_assert(!marks_are_pending(scene.marks, 0, N_BYTES));
	marks_destroy(scene.marks);
}

START_TEST(marks_in_a_range_are_taken_and_the_others_stay)
{
	for_seeds(_i, take_a_range);
}
END_TEST

static void take_few(int seed)
{
	struct scene scene;
	scene_start(&scene, seed);
	for (int i = 0; i < 20; i++)
		mark(&scene);
	struct marks_taken taken;
	take(&scene, 0, N_BYTES, &taken);
	ck_assert_mem_eq(scene.marked, scene.taken, N_BYTES);
	marks_settle(&taken, true);
	marks_destroy(scene.marks);
}

START_TEST(few_marks_are_taken_exactly)
{
	for_seeds(_i, take_few);
}
END_TEST

static void take_more(int seed)
{
	struct scene scene;
	scene_start(&scene, seed);
	for (int i = 0; i < 500; i++)
		mark(&scene);
	struct marks_taken taken;
	take(&scene, 0, N_BYTES, &taken);
	ck_assert_uint_le(taken.n, MARKS_MOST);
	marks_settle(&taken, true);
	marks_destroy(scene.marks);
}

START_TEST(more_marks_than_there_is_room_for_are_none_forgotten)
{
	for_seeds(_i, take_more);
}
END_TEST

#define STRIDE 100 /* of a picture */

/* Of one picture, so that marks become rectangles of it. */
static void take_more_of_a_picture(int seed)
{
	struct scene scene;
	scene_start(&scene, seed);
	uint64_t start = N_BYTES, end = 0;
	for (int i = 0; i < 300; i++) {
		const uint64_t column = random_below(&scene.state, STRIDE - 8);
		const uint64_t row = 2 + random_below(&scene.state, N_BYTES / STRIDE - 8);
		const struct uffd_guard_rect rect = { row * STRIDE + column, STRIDE,
			1 + random_below(&scene.state, 8), 1 + random_below(&scene.state, 4) };
		marks_add(scene.marks, &rect);
		paint(scene.marked, &rect, 1);
		start = rect.offset < start ? rect.offset : start;
		const uint64_t stop = rect.offset + (rect.height - 1) * STRIDE + rect.width;
		end = stop > end ? stop : end;
	}
	struct marks_taken taken;
	take(&scene, 0, N_BYTES, &taken);
	size_t n_outside = 0;
	for (size_t i = 0; i < N_BYTES; i++)
		n_outside += scene.taken[i] && (i < start || i >= end);
	ck_assert_uint_eq(n_outside, 0);
	marks_settle(&taken, true);
	marks_destroy(scene.marks);
}

START_TEST(more_marks_of_a_picture_than_there_is_room_for_stay_among_themselves)
{
	for_seeds(_i, take_more_of_a_picture);
}
END_TEST

START_TEST(taken_marks_are_pending_until_they_are_settled)
{
	struct scene scene;
	scene_start(&scene, 0);
	struct marks_taken taken;
	mark(&scene);
	marks_take(scene.marks, 0, N_BYTES, &taken);
	ck_assert(marks_are_pending(scene.marks, 0, N_BYTES));
	marks_settle(&taken, false);
	ck_assert(marks_are_pending(scene.marks, 0, N_BYTES)); /* marked again */
	take(&scene, 0, N_BYTES, &taken);
	marks_settle(&taken, true);
	ck_assert(!marks_are_pending(scene.marks, 0, N_BYTES));
	marks_destroy(scene.marks);
}
END_TEST

START_TEST(marks_are_taken_with_a_rectangle_that_has_all_of_them)
{
	static const struct uffd_guard_rect inside[] = { { 210, 100, 20, 3 }, { 310, 1, 5, 1 },
		{ 200, 100, 50, 5 } };
	static const struct uffd_guard_rect outside[] = { { 240, 100, 20, 3 }, { 195, 1, 10, 1 },
		{ 210, 50, 20, 3 }, { 210, 100, 20, 6 } };
	static const struct uffd_guard_rect all = { 200, 100, 50, 5 };
	struct marks *marks = marks_create();
	struct marks_taken taken;
	for (size_t i = 0; i < n_elements(inside); i++) {
		marks_add(marks, &inside[i]);
		marks_take_covered(marks, &all, 1, &taken);
		ck_assert_uint_eq(taken.n, 1);
		marks_settle(&taken, true);
	}
	for (size_t i = 0; i < n_elements(outside); i++) {
		marks_add(marks, &outside[i]);
		marks_take_covered(marks, &all, 1, &taken);
		ck_assert_uint_eq(taken.n, 0);
		marks_settle(&taken, true);
		marks_take(marks, 0, N_BYTES, &taken);
		marks_settle(&taken, true);
	}
	marks_destroy(marks);
}
END_TEST

START_TEST(marks_stay_that_only_another_rectangle_has)
{
	static const struct uffd_guard_rect rects[] = { { 0, 10, 10, 1 }, { 0, 1000, 1000, 1 } };
	struct marks *marks = marks_create();
	struct marks_taken taken;
	marks_add(marks, &(struct uffd_guard_rect){ 500, 10, 10, 1 });
	marks_take_covered(marks, rects, 1, &taken);
	ck_assert_uint_eq(taken.n, 0);
	marks_settle(&taken, true);
	marks_take_covered(marks, rects, 2, &taken);
	ck_assert_uint_eq(taken.n, 1);
	marks_settle(&taken, true);
	marks_destroy(marks);
}
END_TEST

START_TEST(rows_on_top_of_each_other_are_marked_as_what_they_cover)
{
	static const struct uffd_guard_rect rect = { 100, 0, 16, UINT64_MAX };
	struct marks *marks = marks_create();
	struct marks_taken taken;
	marks_add(marks, &rect);
	marks_take(marks, 0, N_BYTES, &taken);
	ck_assert_uint_eq(taken.n, 1);
	ck_assert_uint_eq(taken.rects[0].offset, 100);
	ck_assert_uint_eq(taken.rects[0].width * taken.rects[0].height, 16);
	marks_settle(&taken, true);
	marks_destroy(marks);
}
END_TEST

START_TEST(nothing_is_marked_where_there_is_no_set)
{
	struct marks_taken taken;
	marks_take(NULL, 0, N_BYTES, &taken);
	ck_assert_uint_eq(taken.n, 0);
	marks_settle(&taken, true);
	ck_assert(!marks_are_pending(NULL, 0, N_BYTES));
}
END_TEST

/* ---- In portions ---- */

#define PORTION	   ((uint64_t)256 << 10)
#define MOST_ROWS  64
#define PORTIONS_N ((size_t)12 << 20)

static void count_painted(unsigned char *bytes, const struct uffd_guard_rect *rect)
{
	for (uint64_t row = 0; row < rect->height; row++) {
		for (uint64_t i = 0; i < rect->width; i++)
			bytes[rect->offset + row * rect->stride + i]++;
	}
}

static const struct uffd_guard_rect portion_rows[] = {
	{ 1000, 0, 10, 1 }, { 1000, 0, PORTION - 1000, 1 }, /* up to a border */
	{ 1000, 0, PORTION - 999, 1 }, { PORTION, 0, 3 * PORTION + 5, 1 }, { 500, 8192, 100, 1000 },
	{ 500, 8192, 100, MOST_ROWS },
	{ 500, 1 << 20, 300 << 10, 5 }, /* a row is more than a portion */
};

START_TEST(marks_that_are_taken_in_portions_come_once_and_up_to_borders)
{
	const struct uffd_guard_rect *rect = &portion_rows[_i];
	struct marks *marks = marks_create();
	struct marks_taken taken;
	unsigned char *marked = calloc(1, PORTIONS_N), *seen = calloc(1, PORTIONS_N);
	uint64_t n_left = rect->width * rect->height;
	marks_add(marks, rect);
	count_painted(marked, rect);
	for (;;) {
		ck_assert_uint_eq(marks_count_bytes(marks), n_left);
		marks_take_some(marks, &taken);
		if (taken.n == 0)
			break;
		const struct uffd_guard_rect *one = &taken.rects[0];
		ck_assert_uint_eq(taken.n, 1);
		ck_assert(marks_are_pending(marks, 0, 1));
		ck_assert_uint_le(one->height, MOST_ROWS);
		ck_assert(one->height == 1 || one->width * one->height <= PORTION);
		const uint64_t end = one->offset + one->width;
		ck_assert(rect->height > 1 || end % PORTION == 0 ||
			  end == rect->offset + rect->width);
		ck_assert(rect->height > 1 || one->width <= PORTION);
		count_painted(seen, one);
		n_left -= one->width * one->height;
		marks_settle(&taken, true);
	}
	marks_settle(&taken, true);
	ck_assert_uint_eq(n_left, 0);
	ck_assert(!marks_are_pending(marks, 0, PORTIONS_N));
	ck_assert_int_eq(memcmp(marked, seen, PORTIONS_N), 0);
	free(marked);
	free(seen);
	marks_destroy(marks);
}
END_TEST

/* ---- What a mark joins ---- */

START_TEST(full_set_joins_what_lies_nearest)
{
	struct marks *marks = marks_create();
	for (uint64_t i = 0; i < MARKS_MOST; i++)
		marks_add(marks, &(struct uffd_guard_rect){ i * 1000, 10, 10, 1 });
	marks_add(marks, &(struct uffd_guard_rect){ 40015, 10, 10, 1 });
	ck_assert_uint_eq(marks_count_bytes(marks), MARKS_MOST * 10 + 5 + 10);
	marks_destroy(marks);
}
END_TEST

/* Two columns of marks, each below the one before: all that is marked, and nothing beside it. */
START_TEST(full_set_joins_marks_of_a_picture_to_rectangles)
{
	const uint64_t height = (uint64_t)_i;
	struct marks *marks = marks_create();
	for (uint64_t i = 0; i < 4 * MARKS_MOST; i++)
		marks_add(
			marks, &(struct uffd_guard_rect){ 3 + i / 2 * height * STRIDE + i % 2 * 50,
				       STRIDE, 10, height });
	ck_assert_uint_eq(marks_count_bytes(marks), 4 * MARKS_MOST * 10 * height);
	marks_destroy(marks);
}
END_TEST

/* The second one begins to the left of the first, in a row below it. */
START_TEST(full_set_joins_marks_also_to_the_left)
{
	struct marks *marks = marks_create();
	struct marks_taken taken;
	marks_add(marks, &(struct uffd_guard_rect){ 0, 10, 10, 1 });
	for (uint64_t i = 1; i < MARKS_MOST; i++)
		marks_add(marks, &(struct uffd_guard_rect){ i * 100000 + 40, 100, 10, 2 });
	marks_add(marks, &(struct uffd_guard_rect){ 500000 + 235, 100, 10, 2 });
	marks_take(marks, 500000, 501000, &taken);
	ck_assert_uint_eq(taken.n, 1);
	ck_assert_uint_eq(taken.rects[0].offset, 500035);
	ck_assert_uint_eq(taken.rects[0].stride, 100);
	ck_assert_uint_eq(taken.rects[0].width, 15);
	ck_assert_uint_eq(taken.rects[0].height, 4);
	marks_settle(&taken, true);
	marks_destroy(marks);
}
END_TEST

/* With one row the stride says nothing, and may be any number: here such that sums go around. */
START_TEST(stride_that_no_picture_has_loses_no_mark)
{
	const uint64_t stride = UINT64_MAX - 5;
	struct scene scene;
	scene_start(&scene, 0);
	for (uint64_t i = 0; i < 2 * MARKS_MOST; i++) {
		const uint64_t at = i % MARKS_MOST * 60;
		const bool is_late = i >= MARKS_MOST; /* joins the one that it begins in */
		const struct uffd_guard_rect rect = { is_late ? at + 20 : at, stride,
			is_late ? 10 : 27, 1 };
		marks_add(scene.marks, &rect);
		paint(scene.marked, &rect, 1);
	}
	struct marks_taken taken;
	take(&scene, 0, N_BYTES, &taken);
	marks_settle(&taken, true);
	marks_destroy(scene.marks);
}
END_TEST

START_TEST(mark_that_has_all_of_others_takes_their_place)
{
	struct marks *marks = marks_create();
	struct marks_taken taken;
	for (uint64_t i = 1; i < 10; i++)
		marks_add(marks, &(struct uffd_guard_rect){ i * 100, 10, 10, 1 });
	marks_add(marks, &(struct uffd_guard_rect){ 5000, 10, 10, 1 });
	marks_add(marks, &(struct uffd_guard_rect){ 0, 1000, 1000, 1 });
	ck_assert_uint_eq(marks_count_bytes(marks), 1010);
	marks_take(marks, 0, 6000, &taken);
	ck_assert_uint_eq(taken.n, 2);
	marks_settle(&taken, true);
	marks_destroy(marks);
}
END_TEST

/* ---- Threads ---- */

#define N_ROUNDS 200000

struct owner {
	struct marks *marks;
	uint64_t start;
};

static void *mark_and_take(void *data)
{
	const struct owner *owner = data;
	const struct uffd_guard_rect rect = { owner->start + 10, 10, 10, 1 };
	struct marks_taken taken;
	uintptr_t n_wrong = 0;
	for (int i = 0; i < N_ROUNDS; i++) {
		marks_add(owner->marks, &rect);
		marks_take(owner->marks, owner->start, owner->start + 100, &taken);
		n_wrong += taken.n != 1;
		marks_settle(&taken, i % 2 == 0);
	}
	return (void *)n_wrong;
}

START_TEST(threads_that_mark_and_take_lose_none_and_are_all_counted)
{
	struct owner owners[2] = { { .marks = marks_create() } };
	struct marks *marks = owners[0].marks;
	struct marks_taken taken;
	pthread_t threads[2];
	owners[1] = (struct owner){ .marks = marks, .start = 1000 };
	for (int i = 0; i < 2; i++)
		assert_ok(pthread_create(&threads[i], NULL, mark_and_take, &owners[i]));
	for (int i = 0; i < 2; i++) {
		void *n_wrong;
		assert_ok(pthread_join(threads[i], &n_wrong));
		ck_assert_ptr_null(n_wrong);
	}
	marks_take(marks, 0, 2000, &taken);
	ck_assert_uint_eq(taken.n, 2); /* the last ones were not brought over */
	marks_settle(&taken, true);
	ck_assert(!marks_are_pending(marks, 0, 2000));
	marks_destroy(marks);
}
END_TEST

/* ---- The lock ---- */

static const struct uffd_guard_rect some_bytes = { .width = 16, .height = 1 };

static void add_some(void *data)
{
	marks_add(data, &some_bytes);
}

static void count_them(void *data)
{
	ck_assert_uint_eq(marks_count_bytes(data), 16);
}

static void ask_for_them(void *data)
{
	ck_assert(marks_are_pending(data, 0, 16));
}

static void settle_them(void *data)
{
	marks_settle(data, true);
}

/* What several threads mark at once is in one set. */
START_TEST(each_step_waits_for_another_threads)
{
	struct marks *marks = marks_create();
	struct marks_taken taken;
	ck_assert(waits_for(&marks->lock, add_some, marks));
	ck_assert(waits_for(&marks->lock, count_them, marks));
	ck_assert(waits_for(&marks->lock, ask_for_them, marks));
	marks_take(marks, 0, 16, &taken);
	ck_assert_uint_eq(taken.n, 1);
	ck_assert(waits_for(&marks->lock, settle_them, &taken));
	ck_assert(!marks_are_pending(marks, 0, 16));
	marks_destroy(marks);
}
END_TEST

static TCase *marks_case(void)
{
	TCase *tcase = tcase_create("marks");
	tcase_add_loop_test(tcase, marks_in_a_range_are_taken_and_the_others_stay, 0, 6);
	tcase_add_loop_test(tcase, few_marks_are_taken_exactly, 0, 6);
	tcase_add_loop_test(tcase, more_marks_than_there_is_room_for_are_none_forgotten, 0, 2);
	tcase_add_loop_test(
		tcase, more_marks_of_a_picture_than_there_is_room_for_stay_among_themselves, 0, 2);
	tcase_add_test(tcase, taken_marks_are_pending_until_they_are_settled);
	tcase_add_test(tcase, marks_are_taken_with_a_rectangle_that_has_all_of_them);
	tcase_add_test(tcase, marks_stay_that_only_another_rectangle_has);
	tcase_add_test(tcase, rows_on_top_of_each_other_are_marked_as_what_they_cover);
	tcase_add_test(tcase, nothing_is_marked_where_there_is_no_set);
	tcase_add_loop_test(tcase, marks_that_are_taken_in_portions_come_once_and_up_to_borders, 0,
		n_elements(portion_rows));
	tcase_add_test(tcase, full_set_joins_what_lies_nearest);
	tcase_add_loop_test(tcase, full_set_joins_marks_of_a_picture_to_rectangles, 1, 4);
	tcase_add_test(tcase, full_set_joins_marks_also_to_the_left);
	tcase_add_test(tcase, stride_that_no_picture_has_loses_no_mark);
	tcase_add_test(tcase, mark_that_has_all_of_others_takes_their_place);
	tcase_add_test(tcase, threads_that_mark_and_take_lose_none_and_are_all_counted);
	tcase_add_test(tcase, each_step_waits_for_another_threads);
	return tcase;
}

UNIT_MAIN("marks", marks_case)

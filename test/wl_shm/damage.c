/* SPDX-License-Identifier: MIT */
#include "base/damage.h"

#include "../support/runner.h"

static bool has(const struct damage *damage, int32_t x, int32_t y)
{
	for (unsigned i = 0; i < damage->n_rects; i++) {
		const struct rect r = damage->rects[i];
		if (x >= r.x1 && x < r.x2 && y >= r.y1 && y < r.y2)
			return true;
	}
	return damage->is_whole;
}

START_TEST(nothing_is_empty)
{
	struct damage damage = { 0 };
	ck_assert(damage_is_empty(&damage));
	damage_add(&damage, rect_of_size(5, 5, 0, 10));
	damage_add(&damage, rect_of_size(5, 5, 10, -1));
	ck_assert(damage_is_empty(&damage));
	damage_add(&damage, rect_of_size(5, 5, 1, 1));
	ck_assert(!damage_is_empty(&damage));
	damage_clear(&damage);
	ck_assert(damage_is_empty(&damage));
}
END_TEST

START_TEST(sizes_beyond_int32_end_at_its_last)
{
	struct rect rect = rect_of_size(100, -100, INT32_MAX, INT32_MAX);
	ck_assert_int_eq(rect.x2, INT32_MAX);
	ck_assert_int_eq(rect.y2, INT32_MAX - 100);
}
END_TEST

START_TEST(clipped_rectangle_lies_inside)
{
	struct rect rect = rect_clip(rect_of_size(-10, -10, INT32_MAX, 15), 64, 32);
	ck_assert_int_eq(rect.x1, 0);
	ck_assert_int_eq(rect.y1, 0);
	ck_assert_int_eq(rect.x2, 64);
	ck_assert_int_eq(rect.y2, 5);
	ck_assert(rect_is_empty(rect_clip(rect_of_size(64, 0, 10, 10), 64, 32)));
}
END_TEST

START_TEST(lines_of_text_are_one_rectangle)
{
	struct damage damage = { 0 };
	for (int i = 0; i < 100; i++)
		damage_add(&damage, rect_of_size(0, i * 16, 800, 16));
	ck_assert_uint_eq(damage.n_rects, 1);
	ck_assert_int_eq(damage.rects[0].y2, 1600);
}
END_TEST

START_TEST(what_was_added_stays_in_however_much_comes)
{
	struct damage damage = { 0 };
	for (int i = 0; i < 1000; i++) {
		damage_add(&damage, rect_of_size(i * 37 % 500, i * 91 % 700, 3, 2));
		for (int j = 0; j <= i; j += 7)
			ck_assert(has(&damage, j * 37 % 500 + 2, j * 91 % 700 + 1));
		ck_assert_uint_le(damage.n_rects, DAMAGE_RECTS);
	}
}
END_TEST

START_TEST(far_places_stay_apart_while_there_is_room)
{
	struct damage damage = { 0 };
	for (int i = 0; i < DAMAGE_RECTS; i++)
		damage_add(&damage, rect_of_size(i * 100, i * 100, 10, 10));
	ck_assert(!has(&damage, 50, 50));
	damage_add(&damage, rect_of_size(95, 95, 5, 5)); /* goes to its neighbour */
	ck_assert(!has(&damage, 50, 50));
	ck_assert(has(&damage, 97, 97));
}
END_TEST

START_TEST(joining_adds_all_of_the_other)
{
	struct damage a = { 0 }, b = { 0 };
	damage_add(&a, rect_of_size(0, 0, 1, 1));
	damage_add(&b, rect_of_size(10, 10, 1, 1));
	damage_join(&a, &b);
	ck_assert(has(&a, 0, 0) && has(&a, 10, 10));
	damage_add_all(&b);
	damage_join(&a, &b);
	ck_assert(a.is_whole);
}
END_TEST

static TCase *damages(void)
{
	TCase *tcase = tcase_create("damage");
	tcase_add_test(tcase, nothing_is_empty);
	tcase_add_test(tcase, sizes_beyond_int32_end_at_its_last);
	tcase_add_test(tcase, clipped_rectangle_lies_inside);
	tcase_add_test(tcase, lines_of_text_are_one_rectangle);
	tcase_add_test(tcase, what_was_added_stays_in_however_much_comes);
	tcase_add_test(tcase, far_places_stay_apart_while_there_is_room);
	tcase_add_test(tcase, joining_adds_all_of_the_other);
	return tcase;
}

RUNNER_MAIN("damage", damages)

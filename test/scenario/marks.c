/* SPDX-License-Identifier: MIT */
/* mark, begin, ensure: nothing is read before somebody looks, and then all that was marked. */
#include "../support/fixture.h"
#include "../support/inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define N_PAGES 16

static void draw_page(struct fixture *f, size_t page, unsigned char value)
{
	file_write_page(f->fd, page, value);
}

static struct uffd_guard_rect page_rect(const struct fixture *f, size_t page)
{
	return (struct uffd_guard_rect){ page * f->page, f->page, f->page, 1 };
}

static void mark_page(struct fixture *f, size_t page)
{
	const struct uffd_guard_rect rect = page_rect(f, page);
	assert_ok(uffd_guard_mark_rects(f->region, &rect, 1));
}

static bool start_filled(struct fixture *f, int kind)
{
	if (!fixture_start(f,
		    &(struct fixture_options){ .kind = (enum file_kind)kind, .n_pages = N_PAGES }))
		return false;
	for (size_t page = 0; page < N_PAGES; page++)
		assert_page_is(f, page, page_value(page));
	return true;
}

START_TEST(marked_bytes_are_new_after_ensure_and_others_stay)
{
	struct fixture f;
	if (!start_filled(&f, _i))
		return;
	for (size_t page = 0; page < N_PAGES; page++)
		draw_page(&f, page, 200);
	mark_page(&f, 3);
	mark_page(&f, 7);
	assert_ok(uffd_guard_begin(f.region));
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	for (size_t page = 0; page < N_PAGES; page++)
		assert_page_is(&f, page, page == 3 || page == 7 ? 200 : page_value(page));
	fixture_stop(&f);
}
END_TEST

START_TEST(nothing_is_read_for_a_mark_that_nobody_looks_at)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	const struct uffd_guard_stats before = fixture_stats(&f);
	for (int i = 0; i < 1000; i++)
		mark_page(&f, (size_t)i % N_PAGES);
	const struct uffd_guard_stats after = fixture_stats(&f);
	ck_assert_uint_eq(after.bytes_refreshed, before.bytes_refreshed);
	ck_assert_uint_eq(after.bytes_read, before.bytes_read);
	fixture_stop(&f);
}
END_TEST

START_TEST(ensure_of_a_part_leaves_the_rest_marked)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	for (size_t page = 0; page < N_PAGES; page++)
		draw_page(&f, page, 200);
	const struct uffd_guard_rect all = { 0, N_PAGES * f.page, N_PAGES * f.page, 1 };
	assert_ok(uffd_guard_mark_rects(f.region, &all, 1));
	assert_ok(uffd_guard_ensure(f.region, 4 * f.page, 2 * f.page));
	for (size_t page = 0; page < N_PAGES; page++)
		assert_page_is(&f, page, page == 4 || page == 5 ? 200 : page_value(page));
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	for (size_t page = 0; page < N_PAGES; page++)
		assert_page_is(&f, page, 200);
	fixture_stop(&f);
}
END_TEST

START_TEST(ensure_fills_what_is_absent)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	const uint64_t n_faults = fixture_stats(&f).faults;
	for (size_t page = 0; page < N_PAGES; page++)
		assert_page_is(&f, page, page_value(page));
	ck_assert_uint_eq(fixture_stats(&f).faults, n_faults);
	fixture_stop(&f);
}
END_TEST

struct count {
	pid_t thread; /* whose calls count: the handler may still be going to sleep */
	atomic_uint n;
};

static int count_call(const struct injected_call *call, void *data)
{
	struct count *count = data;
	if (call->thread == count->thread)
		atomic_fetch_add(&count->n, 1);
	return INJECT_CONTINUE;
}

START_TEST(ensure_of_what_is_there_makes_no_system_call)
{
	static struct count calls;
	struct fixture f;
	calls.thread = gettid();
	inject_any_syscall(count_call, &calls);
	ck_assert(start_filled(&f, FILE_MEMFD));
	mark_page(&f, 3);
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	const unsigned before = atomic_load(&calls.n);
	for (size_t page = 0; page < N_PAGES; page++)
		assert_ok(uffd_guard_ensure(f.region, page * f.page, f.page));
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	/* The test's own checks write their place to a pipe. */
	const unsigned n_checks = N_PAGES + 1;
	ck_assert_uint_le(atomic_load(&calls.n) - before, n_checks);
	fixture_stop(&f);
}
END_TEST

START_TEST(mark_after_begin_is_brought_over_again)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	draw_page(&f, 3, 200);
	mark_page(&f, 3);
	assert_ok(uffd_guard_begin(f.region));
	draw_page(&f, 3, 201);
	mark_page(&f, 3);
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	assert_page_is(&f, 3, 201);
	fixture_stop(&f);
}
END_TEST

static int refresh_page(struct fixture *f)
{
	return uffd_guard_refresh(f->region, 3 * f->page, f->page);
}

static int update_page(struct fixture *f)
{
	return uffd_guard_update(f->region, 3 * f->page, f->page);
}

static int update_page_rect(struct fixture *f)
{
	const struct uffd_guard_rect rect = page_rect(f, 3);
	return uffd_guard_update_rects(f->region, &rect, 1);
}

static int discard_page(struct fixture *f)
{
	return uffd_guard_discard(f->region, 3 * f->page, f->page);
}

START_TEST(marks_are_done_with_by_whatever_brings_their_bytes_over)
{
	static int (*const calls[])(
		struct fixture *) = { refresh_page, update_page, update_page_rect, discard_page };
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	draw_page(&f, 3, 200);
	mark_page(&f, 3);
	assert_ok(calls[_i](&f));
	assert_page_is(&f, 3, 200);
	const uint64_t before = fixture_stats(&f).bytes_refreshed + fixture_stats(&f).bytes_read;
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	ck_assert_uint_eq(fixture_stats(&f).bytes_refreshed + fixture_stats(&f).bytes_read, before);
	fixture_stop(&f);
}
END_TEST

/* A refresh up to the middle of marked rows does not bring over the rest of them. */
START_TEST(row_that_is_refreshed_in_part_stays_marked_where_it_is_not)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	const struct uffd_guard_rect rect = { 100, f.page, 1000, 3 };
	for (int way = 0; way < 3; way++) {
		const unsigned char value = (unsigned char)(200 + way);
		for (size_t page = 0; page < N_PAGES; page++)
			draw_page(&f, page, value);
		assert_ok(uffd_guard_mark_rects(f.region, &rect, 1));
		if (way == 0)
			assert_ok(uffd_guard_refresh(f.region, f.page + 300, 200));
		else if (way == 1)
			assert_ok(uffd_guard_update(f.region, f.page + 300, 200));
		else
			assert_ok(uffd_guard_discard(f.region, f.page + 300, 200));
		assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
		for (size_t page = 0; page < 3; page++) {
			ck_assert_uint_eq(f.data[page * f.page + 100], value);
			ck_assert_uint_eq(f.data[page * f.page + 1099], value);
		}
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(more_marks_than_are_remembered_are_none_forgotten)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	for (size_t page = 0; page < N_PAGES; page++)
		draw_page(&f, page, 200);
	for (size_t i = 0; i < 500; i++) {
		const struct uffd_guard_rect rect = { (i * 7919) % (N_PAGES * f.page), 1, 1, 1 };
		assert_ok(uffd_guard_mark_rects(f.region, &rect, 1));
	}
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	for (size_t i = 0; i < 500; i++)
		ck_assert_uint_eq(f.data[(i * 7919) % (N_PAGES * f.page)], 200);
	fixture_stop(&f);
}
END_TEST

START_TEST(marks_beyond_a_length_that_shrank_are_no_error)
{
	struct fixture f;
	ck_assert(start_filled(&f, FILE_MEMFD));
	mark_page(&f, 15);
	assert_ok(uffd_guard_resize(f.region, 8 * f.page));
	assert_ok(uffd_guard_ensure(f.region, 0, 8 * f.page));
	assert_ok(uffd_guard_resize(f.region, 16 * f.page));
	draw_page(&f, 15, 200);
	mark_page(&f, 15);
	assert_ok(uffd_guard_ensure(f.region, 0, 16 * f.page));
	assert_page_is(&f, 15, 200);
	fixture_stop(&f);
}
END_TEST

/* ---- Many threads ---- */

struct marker {
	struct fixture *f;
	atomic_uint latest; /* what the file has, before it was marked */
	atomic_bool is_over;
};

static void *look(void *data)
{
	struct marker *marker = data;
	struct fixture *f = marker->f;
	while (!atomic_load(&marker->is_over)) {
		const unsigned least = atomic_load(&marker->latest);
		if (uffd_guard_ensure(f->region, 0, N_PAGES * f->page))
			return (void *)"ensure failed";
		const unsigned seen = f->data[5 * f->page + 9];
		if (seen < least)
			return (void *)"older than its mark";
	}
	return NULL;
}

START_TEST(no_thread_sees_bytes_older_than_their_mark_after_its_own_ensure)
{
	enum { N_THREADS = 3 };
	struct fixture f;
	pthread_t threads[N_THREADS];
	ck_assert(start_filled(&f, FILE_MEMFD));
	struct marker marker = { .f = &f };
	for (int i = 0; i < N_THREADS; i++)
		assert_ok(pthread_create(&threads[i], NULL, look, &marker));
	for (unsigned value = page_value(5) + 1; value < 250; value++) {
		draw_page(&f, 5, (unsigned char)value);
		mark_page(&f, 5);
		assert_ok(uffd_guard_begin(f.region));
		atomic_store(&marker.latest, value);
	}
	atomic_store(&marker.is_over, true);
	for (int i = 0; i < N_THREADS; i++) {
		void *complaint;
		assert_ok(pthread_join(threads[i], &complaint));
		ck_assert_ptr_null(complaint);
	}
	fixture_stop(&f);
}
END_TEST

#define N_MARKING 3
#define N_ROUNDS  300

struct marking {
	struct fixture *f; /* of this round */
	size_t page;
	pthread_barrier_t *barrier;
	pthread_t thread;
};

static void *mark_with_others(void *data)
{
	struct marking *it = data;
	for (int round = 0; round < N_ROUNDS; round++) {
		pthread_barrier_wait(it->barrier);
		mark_page(it->f, it->page);
		pthread_barrier_wait(it->barrier);
	}
	return NULL;
}

static void mark_by_several(struct fixture *f, unsigned char value, pthread_barrier_t *barrier)
{
	const size_t length = N_MARKING * f->page;
	assert_ok(uffd_guard_map(f->guard, f->fd, length, NULL, &f->region));
	f->data = uffd_guard_region_data(f->region);
	assert_ok(uffd_guard_populate(f->region, 0, length));
	for (size_t i = 0; i < N_MARKING; i++)
		draw_page(f, i, value);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	assert_ok(uffd_guard_ensure(f->region, 0, length));
	for (size_t i = 0; i < N_MARKING; i++)
		assert_page_is(f, i, value);
	uffd_guard_unmap(f->region);
}

/* The first mark makes the set. */
START_TEST(first_marks_of_several_threads_are_all_kept)
{
	struct fixture f;
	struct marking them[N_MARKING];
	pthread_barrier_t barrier;
	ck_assert(start_filled(&f, FILE_MEMFD));
	struct fixture fresh = f;
	pthread_barrier_init(&barrier, NULL, N_MARKING + 1);
	for (size_t i = 0; i < N_MARKING; i++) {
		them[i] = (struct marking){ .f = &fresh, .page = i, .barrier = &barrier };
		assert_ok(pthread_create(&them[i].thread, NULL, mark_with_others, &them[i]));
	}
	for (int round = 0; round < N_ROUNDS; round++)
		mark_by_several(&fresh, (unsigned char)(round % 250 + 1), &barrier);
	for (size_t i = 0; i < N_MARKING; i++)
		assert_ok(pthread_join(them[i].thread, NULL));
	pthread_barrier_destroy(&barrier);
	fixture_stop(&f);
}
END_TEST

static TCase *marks_case(void)
{
	TCase *tcase = tcase_create("marks");
	tcase_add_loop_test(
		tcase, marked_bytes_are_new_after_ensure_and_others_stay, 0, N_FILE_KINDS);
	tcase_add_test(tcase, nothing_is_read_for_a_mark_that_nobody_looks_at);
	tcase_add_test(tcase, ensure_of_a_part_leaves_the_rest_marked);
	tcase_add_test(tcase, ensure_fills_what_is_absent);
	tcase_add_test(tcase, ensure_of_what_is_there_makes_no_system_call);
	tcase_add_test(tcase, mark_after_begin_is_brought_over_again);
	tcase_add_loop_test(tcase, marks_are_done_with_by_whatever_brings_their_bytes_over, 0, 4);
	tcase_add_test(tcase, row_that_is_refreshed_in_part_stays_marked_where_it_is_not);
	tcase_add_test(tcase, more_marks_than_are_remembered_are_none_forgotten);
	tcase_add_test(tcase, marks_beyond_a_length_that_shrank_are_no_error);
	tcase_add_test(tcase, no_thread_sees_bytes_older_than_their_mark_after_its_own_ensure);
	tcase_add_test(tcase, first_marks_of_several_threads_are_all_kept);
	return tcase;
}

RUNNER_MAIN("marks", marks_case)

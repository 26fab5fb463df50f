/* SPDX-License-Identifier: MIT */
/* Losses on their way to the program's event loop (P8). */
#include "../support/fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define MOST_EVENTS 4096

struct seen {
	struct uffd_guard_event events[MOST_EVENTS];
	size_t n;
};

static void note(const struct uffd_guard_event *event, void *data)
{
	struct seen *seen = data;
	ck_assert_uint_lt(seen->n, MOST_EVENTS);
	seen->events[seen->n++] = *event;
}

static bool is_readable(const struct uffd_guard *guard)
{
	struct pollfd fd = { .fd = uffd_guard_get_fd(guard), .events = POLLIN };
	return poll(&fd, 1, 0) == 1;
}

static struct seen seen;

START_TEST(loss_is_reported_with_region_range_and_reason)
{
	struct fixture f;
	int mine;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8, .user_data = &mine }));
	ck_assert(!is_readable(f.guard));
	assert_ok(ftruncate(f.fd, (off_t)(5 * f.page + 10)));
	fixture_changed(&f);
	assert_bytes_are(&f, 5 * f.page, 5 * f.page + 10, page_value(5));
	ck_assert(is_readable(f.guard));

	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 1);
	ck_assert_ptr_eq(seen.events[0].region, f.region);
	ck_assert_ptr_eq(seen.events[0].user_data, &mine);
	ck_assert_uint_eq(seen.events[0].reasons, UFFD_GUARD_LOST_TRUNCATED);
	ck_assert_int_eq(seen.events[0].error, 0);
	ck_assert_uint_eq(seen.events[0].offset, 5 * f.page + 10);
	ck_assert_uint_ge(seen.events[0].length, f.page - 10);
	ck_assert_uint_le(seen.events[0].offset + seen.events[0].length, 8 * f.page);

	ck_assert(!is_readable(f.guard));
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(adjacent_losses_are_one_event_and_others_are_not)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	fixture_truncate(&f, 0);
	/* By populate, which takes no more than it is asked for. */
	fixture_ask(&f, 3, 1);
	fixture_ask(&f, 1, 1);
	fixture_ask(&f, 2, 1);
	fixture_ask(&f, 6, 1);
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 2);
	ck_assert_uint_eq(seen.events[0].offset, 1 * f.page);
	ck_assert_uint_eq(seen.events[0].length, 3 * f.page);
	ck_assert_uint_eq(seen.events[1].offset, 6 * f.page);
	ck_assert_uint_eq(seen.events[1].length, f.page);
	fixture_stop(&f);
}
END_TEST

START_TEST(take_losses_answers_once_and_leaves_the_event)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 2 }));
	fixture_truncate(&f, 0);
	fixture_changed(&f);
	assert_page_is(&f, 1, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_losses_eq(&f, 0);
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 1);
	fixture_stop(&f);
}
END_TEST

START_TEST(losses_that_nobody_dispatches_are_not_lost)
{
	struct fixture f;
	const size_t n_pages = 6000; /* every second lost alone: more than the queue holds */
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = n_pages }));
	fixture_truncate(&f, 0);
	for (size_t i = 0; i < n_pages; i += 2)
		fixture_ask(&f, i, 1);

	int n = uffd_guard_dispatch(f.guard, note, &seen);
	ck_assert_int_gt(n, 100);
	for (size_t i = 0; i < n_pages; i += 2) {
		bool is_covered = false;
		for (size_t k = 0; k < seen.n && !is_covered; k++)
			is_covered =
				seen.events[k].offset <= i * f.page &&
				(i + 1) * f.page <= seen.events[k].offset + seen.events[k].length;
		ck_assert_msg(is_covered, "the loss of page %zu is in no event", i);
	}
	ck_assert(!is_readable(f.guard));
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(events_stop_with_unmap)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	fixture_truncate(&f, 0);
	fixture_changed(&f);
	assert_page_is(&f, 0, 0);
	uffd_guard_unmap(f.region);
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 0);
	f.region = NULL;
	fixture_stop(&f);
}
END_TEST

static void unmap_it(const struct uffd_guard_event *event, void *data)
{
	int *n_seen = data;
	++*n_seen;
	uffd_guard_unmap(event->region);
}

START_TEST(region_can_be_unmapped_while_its_event_is_delivered)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	fixture_truncate(&f, 0);
	for (size_t i = 0; i < 8; i += 2) /* four events; the first one's handler ends it */
		fixture_ask(&f, i, 1);
	int n_seen = 0;
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, unmap_it, &n_seen), 1);
	ck_assert_int_eq(n_seen, 1);
	f.region = NULL;
	fixture_stop(&f);
}
END_TEST

struct slow_delivery {
	atomic_int is_inside, may_leave, has_unmapped;
	struct fixture *fixture;
};

static void deliver_slowly(const struct uffd_guard_event *event, void *data)
{
	struct slow_delivery *slow = data;
	(void)event;
	atomic_store(&slow->is_inside, 1);
	while (!atomic_load(&slow->may_leave))
		sched_yield();
	ck_assert_int_eq(atomic_load(&slow->has_unmapped), 0);
}

static void *unmap_on_another_thread(void *data)
{
	struct slow_delivery *slow = data;
	while (!atomic_load(&slow->is_inside))
		sched_yield();
	atomic_store(&slow->may_leave, 1);
	uffd_guard_unmap(slow->fixture->region);
	atomic_store(&slow->has_unmapped, 1);
	return NULL;
}

START_TEST(unmap_waits_for_a_delivery_on_another_thread)
{
	struct fixture f;
	struct slow_delivery slow = { .fixture = &f };
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	fixture_truncate(&f, 0);
	fixture_changed(&f);
	assert_page_is(&f, 0, 0);
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, unmap_on_another_thread, &slow));
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, deliver_slowly, &slow), 1);
	pthread_join(thread, NULL);
	f.region = NULL;
	fixture_stop(&f);
}
END_TEST

START_TEST(guard_with_undispatched_losses_can_be_destroyed)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4000 }));
	fixture_truncate(&f, 0);
	for (size_t i = 0; i < 4000; i += 2)
		fixture_ask(&f, i, 1);
	fixture_stop(&f);
}
END_TEST

START_TEST(without_events_losses_are_told_by_take_losses_only)
{
	struct fixture f;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = 8, .guard_flags = UFFD_GUARD_NO_EVENTS }));
	fixture_truncate(&f, 0);
	for (size_t i = 0; i < 8; i += 2)
		fixture_ask(&f, i, 1);
	fixture_changed(&f);
	assert_page_is(&f, 1, 0);
	ck_assert(!is_readable(f.guard));
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, note, &seen), 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_losses_eq(&f, 0);
	ck_assert_uint_ge(fixture_stats(&f).losses, 1);
	fixture_stop(&f);
}
END_TEST

static TCase *losses_case(void)
{
	TCase *tcase = tcase_create("losses");
	tcase_add_test(tcase, loss_is_reported_with_region_range_and_reason);
	tcase_add_test(tcase, adjacent_losses_are_one_event_and_others_are_not);
	tcase_add_test(tcase, take_losses_answers_once_and_leaves_the_event);
	tcase_add_test(tcase, losses_that_nobody_dispatches_are_not_lost);
	tcase_add_test(tcase, events_stop_with_unmap);
	tcase_add_test(tcase, region_can_be_unmapped_while_its_event_is_delivered);
	tcase_add_test(tcase, unmap_waits_for_a_delivery_on_another_thread);
	tcase_add_test(tcase, guard_with_undispatched_losses_can_be_destroyed);
	tcase_add_test(tcase, without_events_losses_are_told_by_take_losses_only);
	return tcase;
}

RUNNER_MAIN("losses", losses_case)

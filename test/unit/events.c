/* SPDX-License-Identifier: MIT */
/* Losses through the queue, and what happens when it is full. A guard here is a queue and no
 * handler; a region is a name. */
#include "state/events.h"

#include "calls/dispatch.h"
#include "kernel/descriptor.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

/* ---- Guards and regions ---- */

static const unsigned char not_forked = 1;

static struct uffd_guard *guard_start(void)
{
	struct uffd_guard *guard = calloc(1, sizeof(*guard));
	ck_assert_ptr_nonnull(guard);
	guard->fork_witness = &not_forked;
	guard->references = 1;
	guard->stats = &guard->own_stats;
	assert_ok(events_init(&guard->events, descriptor_new_mark()));
	return guard;
}

static void guard_stop(struct uffd_guard *guard)
{
	loss_drop_all(&guard->events);
	events_finish(&guard->events);
	free(guard);
}

#define LENGTH ((size_t)1 << 20)

static struct uffd_guard_region *region_start(struct uffd_guard *guard, void *user_data)
{
	struct uffd_guard_region *region = malloc(sizeof(*region));
	ck_assert_ptr_nonnull(region);
	*region = (struct uffd_guard_region){
		.guard = guard, .length = LENGTH, .user_data = user_data, .lifetime.references = 1
	};
	region->publication.stats = &region->publication.own_stats;
	pthread_mutex_init(&region->lock, NULL);
	loss_overflow_init(&region->lifetime.overflow);
	return region;
}

static void region_stop(struct uffd_guard_region *region)
{
	dispatch_forget_region(region);
	region_unref(region);
}

static void post(struct uffd_guard_region *region, uint64_t start, uint64_t end)
{
	const struct loss loss = { region, start, end, UFFD_GUARD_LOST_TRUNCATED, 0 };
	loss_post(&loss);
}

static bool is_readable(struct uffd_guard *guard)
{
	struct pollfd poll_fd = { .fd = uffd_guard_get_fd(guard), .events = POLLIN };
	return poll(&poll_fd, 1, 0) == 1;
}

/* What was delivered: every event, and each byte that one covered. */
struct seen {
	struct uffd_guard_event events[2 * EVENTS_QUEUE];
	size_t n;
	bool is_covered[LENGTH];
};

static void note_event(const struct uffd_guard_event *event, void *data)
{
	struct seen *seen = data;
	if (seen->n < n_elements(seen->events))
		seen->events[seen->n] = *event;
	seen->n++;
	ck_assert_uint_le(event->offset + event->length, LENGTH);
	memset(seen->is_covered + event->offset, true, event->length);
}

static struct seen *dispatch(struct uffd_guard *guard)
{
	static struct seen seen;
	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(uffd_guard_dispatch(guard, note_event, &seen), (int)seen.n);
	return &seen;
}

/* ---- Delivery ---- */

START_TEST(loss_arrives_with_all_that_is_known_of_it)
{
	struct uffd_guard *guard = guard_start();
	int user_data;
	struct uffd_guard_region *region = region_start(guard, &user_data);
	const struct loss loss = { region, 100, 300, UFFD_GUARD_LOST_IO_ERROR, -EIO };
	loss_post(&loss);

	struct seen *seen = dispatch(guard);
	ck_assert_uint_eq(seen->n, 1);
	ck_assert_ptr_eq(seen->events[0].region, region);
	ck_assert_ptr_eq(seen->events[0].user_data, &user_data);
	ck_assert_uint_eq(seen->events[0].reasons, UFFD_GUARD_LOST_IO_ERROR);
	ck_assert_int_eq(seen->events[0].error, -EIO);
	ck_assert_uint_eq(seen->events[0].offset, 100);
	ck_assert_uint_eq(seen->events[0].length, 200);
	ck_assert_uint_eq(dispatch(guard)->n, 0);
	region_stop(region);
	guard_stop(guard);
}
END_TEST

START_TEST(descriptor_is_readable_while_something_waits)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *region = region_start(guard, NULL);
	for (int i = 0; i < 3; i++) {
		ck_assert(!is_readable(guard));
		post(region, 0, 1);
		post(region, 2, 3);
		ck_assert(is_readable(guard));
		ck_assert_uint_eq(dispatch(guard)->n, 2);
	}
	region_stop(region);
	guard_stop(guard);
}
END_TEST

START_TEST(reasons_are_taken_once_whether_dispatched_or_not)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *region = region_start(guard, NULL);
	const struct loss loss = { region, 0, 1, UFFD_GUARD_LOST_NO_MEMORY, 0 };
	post(region, 0, 1);
	loss_post(&loss);
	if (_i)
		dispatch(guard);
	ck_assert_uint_eq(uffd_guard_region_take_losses(region),
		UFFD_GUARD_LOST_TRUNCATED | UFFD_GUARD_LOST_NO_MEMORY);
	ck_assert_uint_eq(uffd_guard_region_take_losses(region), 0);
	region_stop(region);
	guard_stop(guard);
}
END_TEST

/* ---- Joining ---- */

#define CUT  UFFD_GUARD_LOST_TRUNCATED
#define FAIL UFFD_GUARD_LOST_IO_ERROR

static const struct merge_row {
	struct {
		uint64_t start, end;
		uint32_t reasons;
		int error;
	} losses[3]; /* in the order they are posted; those without a reason are not */
	size_t n_events;
} merge_rows[] = {
	{ { { 0, 4, CUT, 0 }, { 4, 8, CUT, 0 } }, 1 },
	{ { { 4, 8, CUT, 0 }, { 0, 4, CUT, 0 } }, 1 },
	{ { { 0, 4, CUT, 0 }, { 8, 12, CUT, 0 }, { 4, 8, CUT, 0 } }, 1 },
	{ { { 0, 6, CUT, 0 }, { 4, 8, CUT, 0 } }, 1 },
	{ { { 0, 20, CUT, 0 }, { 4, 8, CUT, 0 }, { 20, 21, CUT, 0 } }, 1 },
	{ { { 0, 4, CUT, 0 }, { 0, 4, CUT, 0 }, { 0, 4, CUT, 0 } }, 1 },
	{ { { 0, 4, CUT, 0 }, { 5, 8, CUT, 0 } }, 2 },
	{ { { 0, 4, CUT, 0 }, { 4, 8, FAIL, -EIO } }, 2 },
	{ { { 0, 4, FAIL, -EIO }, { 4, 8, FAIL, -ENOMEM } }, 2 },
	{ { { 0, 4, FAIL, -EIO }, { 4, 8, FAIL, -EIO } }, 1 },
};

START_TEST(losses_that_touch_and_agree_become_one_event)
{
	const struct merge_row *row = &merge_rows[_i];
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *region = region_start(guard, NULL);
	bool is_lost[64] = { false };
	for (size_t i = 0; i < 3 && row->losses[i].reasons; i++) {
		const struct loss loss = { region, row->losses[i].start, row->losses[i].end,
			row->losses[i].reasons, row->losses[i].error };
		memset(is_lost + loss.start, true, loss.end - loss.start);
		loss_post(&loss);
	}
	struct seen *seen = dispatch(guard);
	ck_assert_uint_eq(seen->n, row->n_events);
	ck_assert_int_eq(memcmp(seen->is_covered, is_lost, sizeof(is_lost)), 0);
	ck_assert_uint_eq(atomic_load(&region->lifetime.references), 1);
	region_stop(region);
	guard_stop(guard);
}
END_TEST

START_TEST(losses_of_two_regions_stay_apart)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *a = region_start(guard, NULL), *b = region_start(guard, NULL);
	for (uint64_t i = 0; i < 10; i++) {
		post(a, i, i + 1);
		post(b, i, i + 1);
	}
	struct seen *seen = dispatch(guard);
	ck_assert_uint_eq(seen->n, 2);
	ck_assert_ptr_ne(seen->events[0].region, seen->events[1].region);
	ck_assert_uint_eq(seen->events[0].length, 10);
	ck_assert_uint_eq(seen->events[1].length, 10);
	region_stop(a);
	region_stop(b);
	guard_stop(guard);
}
END_TEST

/* ---- Full ---- */

START_TEST(losses_beyond_the_queue_are_folded_but_not_lost)
{
	static const size_t counts[] = { EVENTS_QUEUE - 1, EVENTS_QUEUE, EVENTS_QUEUE + 1,
		EVENTS_QUEUE + 2, 10 * EVENTS_QUEUE };
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *region = region_start(guard, NULL);
	for (size_t round = 0; round < 2 * n_elements(counts); round++) {
		const size_t n = counts[round % n_elements(counts)];
		for (uint64_t i = 0; i < n; i++) /* gaps, so that nothing can be joined */
			post(region, 2 * i, 2 * i + 1);
		ck_assert(is_readable(guard));
		struct seen *seen = dispatch(guard);
		ck_assert_uint_eq(seen->n, n > EVENTS_QUEUE ? EVENTS_QUEUE + 1 : n);
		for (uint64_t i = 0; i < n; i++)
			ck_assert(seen->is_covered[2 * i]);
		if (n <= EVENTS_QUEUE) /* what covers the rest never shrinks */
			ck_assert(!seen->is_covered[2 * n]);
		ck_assert(!is_readable(guard));
		ck_assert_uint_eq(atomic_load(&region->lifetime.references), 1);
	}
	region_stop(region);
	guard_stop(guard);
}
END_TEST

START_TEST(folded_losses_cover_no_more_than_their_region_lost)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *noisy = region_start(guard, NULL);
	struct uffd_guard_region *others[3];
	for (uint64_t i = 0; i < EVENTS_QUEUE; i++)
		post(noisy, 2 * i, 2 * i + 1);
	for (uint64_t i = 0; i < 3; i++) {
		others[i] = region_start(guard, NULL);
		post(others[i], 100 * i + 50, 100 * i + 60);
		post(others[i], 100 * i + 20, 100 * i + 30);
	}
	struct seen *seen = dispatch(guard);
	ck_assert_uint_eq(seen->n, EVENTS_QUEUE + 3);
	for (size_t i = EVENTS_QUEUE; i < seen->n; i++) {
		const struct uffd_guard_event *event = &seen->events[i];
		ck_assert_uint_eq(event->offset % 100, 20);
		ck_assert_uint_eq(event->length, 40);
		ck_assert_ptr_eq(event->region, others[event->offset / 100]);
		ck_assert_uint_eq(event->reasons, UFFD_GUARD_LOST_TRUNCATED);
	}
	for (size_t i = 0; i < 3; i++)
		region_stop(others[i]);
	region_stop(noisy);
	guard_stop(guard);
}
END_TEST

START_TEST(guard_with_undelivered_losses_stops_clean)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *region = region_start(guard, NULL);
	for (uint64_t i = 0; i < (_i ? 2 * EVENTS_QUEUE : 10); i++)
		post(region, 2 * i, 2 * i + 1);
	region_stop(region);
	guard_stop(guard); /* a leak or a double free is for the sanitizer to see */
}
END_TEST

/* ---- Unmap, and calls from within on_event ---- */

START_TEST(no_event_comes_of_a_region_that_was_unmapped)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *gone = region_start(guard, NULL);
	struct uffd_guard_region *kept = region_start(guard, NULL);
	/* with many, the last ones are folded */
	for (uint64_t i = 0; i < (_i ? EVENTS_QUEUE + 10 : 10); i++)
		post(gone, 2 * i, 2 * i + 1);
	post(kept, 0, 1);
	region_stop(gone);
	struct seen *seen = dispatch(guard);
	ck_assert_uint_eq(seen->n, 1);
	ck_assert_ptr_eq(seen->events[0].region, kept);
	region_stop(kept);
	guard_stop(guard);
}
END_TEST

struct unmapper {
	struct uffd_guard_region *regions[2];
	int n_events, n_nested;
};

static void ignore_event(const struct uffd_guard_event *event, void *data)
{
	(void)event;
	(void)data;
}

static void unmap_both_and_dispatch(const struct uffd_guard_event *event, void *data)
{
	struct unmapper *unmapper = data;
	struct uffd_guard *guard = event->region->guard;
	unmapper->n_events++;
	for (size_t i = 0; i < 2; i++)
		region_stop(unmapper->regions[i]);
	unmapper->n_nested += uffd_guard_dispatch(guard, ignore_event, NULL);
}

START_TEST(on_event_may_unmap_any_region_and_dispatch)
{
	struct uffd_guard *guard = guard_start();
	struct unmapper unmapper = { .regions = { region_start(guard, NULL),
					     region_start(guard, NULL) } };
	for (uint64_t i = 0; i < 10; i++) {
		post(unmapper.regions[0], 2 * i, 2 * i + 1);
		post(unmapper.regions[1], 2 * i, 2 * i + 1);
	}
	ck_assert_int_eq(uffd_guard_dispatch(guard, unmap_both_and_dispatch, &unmapper), 1);
	ck_assert_int_eq(unmapper.n_events, 1);
	ck_assert_int_eq(unmapper.n_nested, 0);
	guard_stop(guard);
}
END_TEST

/* on_event may touch a page that the file has lost. */
static void post_another(const struct uffd_guard_event *event, void *data)
{
	int *n_events = data;
	if ((*n_events)++ == 0)
		post(event->region, event->offset + 10, event->offset + 11);
}

START_TEST(loss_posted_from_within_on_event_is_delivered_by_the_next_dispatch)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *region = region_start(guard, NULL);
	int n_events = 0;
	post(region, 0, 1);
	ck_assert_int_eq(uffd_guard_dispatch(guard, post_another, &n_events), 1);
	ck_assert(is_readable(guard));
	struct seen *seen = dispatch(guard);
	ck_assert_uint_eq(seen->n, 1);
	ck_assert_uint_eq(seen->events[0].offset, 10);
	region_stop(region);
	guard_stop(guard);
}
END_TEST

/* ---- Threads ---- */

#define N_PRODUCERS 4
#define N_LOSSES    (LENGTH / 2 / N_PRODUCERS / 8)

struct producer {
	struct uffd_guard_region *region;
	size_t index;
};

/* Every N_PRODUCERS-th of the even bytes. */
static uint64_t lost_byte(size_t producer, size_t i)
{
	return 2 * (i * N_PRODUCERS + producer);
}

static void *produce(void *data)
{
	const struct producer *producer = data;
	for (size_t i = 0; i < N_LOSSES; i++) {
		uint64_t byte = lost_byte(producer->index, i);
		post(producer->region, byte, byte + 1);
	}
	return NULL;
}

/* Wait on the descriptor as an event loop does: one that is not readable when it should be is a
 * hang. */
static void collect(struct uffd_guard *guard, struct seen *seen)
{
	struct pollfd poll_fd = { .fd = uffd_guard_get_fd(guard), .events = POLLIN };
	for (;;) {
		ck_assert_int_eq(poll(&poll_fd, 1, -1), 1);
		ck_assert_int_ge(uffd_guard_dispatch(guard, note_event, seen), 0);
		size_t n_covered = 0;
		for (size_t p = 0; p < N_PRODUCERS; p++)
			n_covered += seen->is_covered[lost_byte(p, N_LOSSES - 1)];
		if (n_covered == N_PRODUCERS)
			return;
	}
}

START_TEST(every_loss_of_many_threads_is_delivered)
{
	struct uffd_guard *guard = guard_start();
	struct producer producers[N_PRODUCERS];
	pthread_t threads[N_PRODUCERS];
	static struct seen seen;
	struct uffd_guard_region *shared = region_start(guard, NULL);
	for (size_t i = 0; i < N_PRODUCERS; i++) {
		producers[i] = (struct producer){ .region = _i ? shared : region_start(guard, NULL),
			.index = i };
		assert_ok(pthread_create(&threads[i], NULL, produce, &producers[i]));
	}
	collect(guard, &seen);
	for (size_t i = 0; i < N_PRODUCERS; i++)
		assert_ok(pthread_join(threads[i], NULL));
	uffd_guard_dispatch(guard, note_event, &seen);
	for (size_t i = 0; i < N_PRODUCERS * N_LOSSES; i++)
		ck_assert(seen.is_covered[2 * i]);
	ck_assert_uint_eq(atomic_load(&guard->stats->losses), N_PRODUCERS * N_LOSSES);
	for (size_t i = 0; i < N_PRODUCERS && !_i; i++) {
		ck_assert_uint_eq(atomic_load(&producers[i].region->lifetime.references), 1);
		region_stop(producers[i].region);
	}
	ck_assert_uint_eq(atomic_load(&shared->lifetime.references), 1);
	region_stop(shared);
	guard_stop(guard);
}
END_TEST

#define N_OVERFLOWING 32

static void *post_to_all(void *data)
{
	struct uffd_guard_region **regions = data;
	for (size_t i = 0; i < 50000; i++) {
		const uint64_t byte = i / N_OVERFLOWING % (LENGTH / 2) * 2;
		post(regions[i % N_OVERFLOWING], byte, byte + 1);
	}
	return NULL;
}

/* The consumer takes the list of those that overflow while others put themselves on it. */
START_TEST(region_that_overflows_beside_a_delivery_is_not_forgotten)
{
	struct uffd_guard *guard = guard_start();
	static struct uffd_guard_region *regions[N_PRODUCERS][N_OVERFLOWING];
	pthread_t threads[N_PRODUCERS];
	for (size_t i = 0; i < N_PRODUCERS; i++) {
		for (size_t k = 0; k < N_OVERFLOWING; k++)
			regions[i][k] = region_start(guard, NULL);
		assert_ok(pthread_create(&threads[i], NULL, post_to_all, regions[i]));
	}
	for (size_t i = 0; i < N_PRODUCERS; i++) {
		while (pthread_tryjoin_np(threads[i], NULL) != 0)
			ck_assert_int_ge(uffd_guard_dispatch(guard, ignore_event, NULL), 0);
	}
	while (uffd_guard_dispatch(guard, ignore_event, NULL) > 0)
		;
	for (size_t i = 0; i < N_PRODUCERS; i++) {
		for (size_t k = 0; k < N_OVERFLOWING; k++) {
			ck_assert_uint_eq(atomic_load(&regions[i][k]->lifetime.references), 1);
			region_stop(regions[i][k]);
		}
	}
	guard_stop(guard);
}
END_TEST

/* ---- Losses of one region at once ---- */

#define N_POSTED 32 /* a reason each */
#define MIDDLE	 ((uint64_t)LENGTH / 2)

struct posting {
	struct uffd_guard_region *region;
	size_t index;
	atomic_uint *n_ready;
};

/* Each loss is more than all before it: that of whichever thread posts last has to stay. */
static void *post_more_and_more(void *data)
{
	struct posting *it = data;
	atomic_fetch_add(it->n_ready, 1);
	while (atomic_load(it->n_ready) < N_PRODUCERS)
		sched_yield();
	for (size_t i = 0; i < N_POSTED; i++) {
		const size_t more = i * N_PRODUCERS + it->index;
		const struct loss loss = { it->region, MIDDLE - more, MIDDLE + 1 + more, 1u << i,
			-(int)i - 1 };
		loss_post(&loss);
		if (i % 4 == 0)
			sched_yield();
	}
	return NULL;
}

static void fill_queue(struct uffd_guard *guard, struct uffd_guard_region *other)
{
	for (size_t i = 0; i < EVENTS_QUEUE; i++)
		post(other, 0, 1);
	ck_assert_ptr_null(atomic_load(&guard->events.overflowed));
}

static void post_by_many(struct uffd_guard_region *region)
{
	struct posting them[N_PRODUCERS];
	pthread_t threads[N_PRODUCERS];
	atomic_uint n_ready = 0;
	for (size_t i = 0; i < N_PRODUCERS; i++) {
		them[i] = (struct posting){ region, i, &n_ready };
		assert_ok(pthread_create(&threads[i], NULL, post_more_and_more, &them[i]));
	}
	for (size_t i = 0; i < N_PRODUCERS; i++)
		assert_ok(pthread_join(threads[i], NULL));
}

/* The queue is full: all of it is folded into one loss. */
START_TEST(losses_that_many_post_at_once_are_folded_whole)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *other = region_start(guard, NULL);
	const uint64_t most = N_POSTED * N_PRODUCERS - 1;
	fill_queue(guard, other);
	for (unsigned round = 0; round < 300; round++) {
		struct uffd_guard_region *region = region_start(guard, NULL);
		post_by_many(region);
		ck_assert_uint_eq(uffd_guard_region_take_losses(region), UINT32_MAX);
		ck_assert_ptr_eq(atomic_exchange(&guard->events.overflowed, NULL), region);
		const struct loss folded = loss_overflow_take(region);
		ck_assert_uint_eq(folded.reasons, UINT32_MAX);
		ck_assert_uint_eq(folded.start, MIDDLE - most);
		ck_assert_uint_eq(folded.end, MIDDLE + 1 + most);
		region_unref(region);
		ck_assert_uint_eq(atomic_load(&region->lifetime.references), 1);
		region_stop(region);
	}
	region_stop(other);
	guard_stop(guard);
}
END_TEST

struct taken {
	uint32_t losses, folded;
	int error; /* the last */
};

static void take_what_is_there(struct uffd_guard_region *region, struct taken *taken)
{
	taken->losses |= uffd_guard_region_take_losses(region);
	if (!atomic_exchange(&region->guard->events.overflowed, NULL))
		return;
	const struct loss folded = loss_overflow_take(region);
	taken->folded |= folded.reasons;
	taken->error = folded.error ? folded.error : taken->error;
	region_unref(region);
}

START_TEST(reasons_that_come_while_others_are_taken_are_taken_next)
{
	struct uffd_guard *guard = guard_start();
	struct uffd_guard_region *other = region_start(guard, NULL);
	fill_queue(guard, other);
	for (unsigned round = 0; round < 200; round++) {
		struct uffd_guard_region *region = region_start(guard, NULL);
		atomic_uint n_ready = N_PRODUCERS; /* alone */
		struct posting it = { region, 0, &n_ready };
		struct taken taken = { .losses = 0 };
		pthread_t thread;
		assert_ok(pthread_create(&thread, NULL, post_more_and_more, &it));
		while (pthread_tryjoin_np(thread, NULL) != 0) {
			take_what_is_there(region, &taken);
			sched_yield();
		}
		take_what_is_there(region, &taken);
		ck_assert_uint_eq(taken.losses, UINT32_MAX);
		ck_assert_uint_eq(taken.folded, UINT32_MAX);
		ck_assert_int_eq(taken.error, -N_POSTED);
		ck_assert_uint_eq(atomic_load(&region->lifetime.references), 1);
		region_stop(region);
	}
	region_stop(other);
	guard_stop(guard);
}
END_TEST

static TCase *delivery_case(void)
{
	TCase *tcase = tcase_create("delivery");
	tcase_add_test(tcase, loss_arrives_with_all_that_is_known_of_it);
	tcase_add_test(tcase, descriptor_is_readable_while_something_waits);
	tcase_add_loop_test(tcase, reasons_are_taken_once_whether_dispatched_or_not, 0, 2);
	tcase_add_loop_test(
		tcase, losses_that_touch_and_agree_become_one_event, 0, n_elements(merge_rows));
	tcase_add_test(tcase, losses_of_two_regions_stay_apart);
	return tcase;
}

static TCase *full_case(void)
{
	TCase *tcase = tcase_create("full");
	tcase_add_test(tcase, losses_beyond_the_queue_are_folded_but_not_lost);
	tcase_add_test(tcase, folded_losses_cover_no_more_than_their_region_lost);
	tcase_add_loop_test(tcase, guard_with_undelivered_losses_stops_clean, 0, 2);
	tcase_add_loop_test(tcase, every_loss_of_many_threads_is_delivered, 0, 2);
	tcase_add_test(tcase, region_that_overflows_beside_a_delivery_is_not_forgotten);
	tcase_add_test(tcase, losses_that_many_post_at_once_are_folded_whole);
	tcase_add_test(tcase, reasons_that_come_while_others_are_taken_are_taken_next);
	return tcase;
}

static TCase *unmap_case(void)
{
	TCase *tcase = tcase_create("unmap");
	tcase_add_loop_test(tcase, no_event_comes_of_a_region_that_was_unmapped, 0, 2);
	tcase_add_test(tcase, on_event_may_unmap_any_region_and_dispatch);
	tcase_add_test(tcase, loss_posted_from_within_on_event_is_delivered_by_the_next_dispatch);
	return tcase;
}

UNIT_MAIN("events", delivery_case, full_case, unmap_case)

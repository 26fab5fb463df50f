/* SPDX-License-Identifier: MIT */
/* Filling pages, each answer of the kernel provoked for real: the guard is nothing but its
 * userfaultfd. */
#include "pages/install.h"

#include "base/page.h"
#include "kernel/staging.h"
#include "state/guard.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* ---- An area whose pages wait to be filled ---- */

struct area {
	struct uffd_guard *guard;
	unsigned char *data;   /* registered */
	unsigned char *source; /* page i has the value i + 1 */
	size_t page, n_pages;
};

static unsigned char *map_pages(size_t n_pages)
{
	void *pages = mmap(NULL, n_pages * page_size(), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(pages, MAP_FAILED);
	return pages;
}

static unsigned char page_value(size_t page)
{
	return (unsigned char)(page % 255 + 1);
}

/* False after unit_skip(). */
static bool area_start(struct area *area, size_t n_pages)
{
	*area = (struct area){ .page = page_size(), .n_pages = n_pages };
	area->guard = calloc(1, sizeof(*area->guard));
	ck_assert_ptr_nonnull(area->guard);
	area->guard->stats = &area->guard->own_stats;
	int err = uffd_open(&area->guard->uffd, UFFD_WANT_KERNEL_FAULTS_OR_LESS);
	if (err) {
		ck_assert(err == -EPERM || err == -ENOSYS);
		unit_skip("userfaultfd is denied");
		free(area->guard);
		return false;
	}
	/* Registered before anything else is touched: the two mappings may be one to the kernel,
	 * and a huge page for the one would reach into the other. */
	area->data = map_pages(n_pages);
	assert_ok(uffd_register(
		&area->guard->uffd, (uintptr_t)area->data, n_pages * area->page, false));
	area->source = map_pages(n_pages);
	for (size_t i = 0; i < n_pages; i++)
		memset(area->source + i * area->page, page_value(i), area->page);
	return true;
}

static void area_stop(struct area *area)
{
	munmap(area->data, area->n_pages * area->page);
	munmap(area->source, area->n_pages * area->page);
	uffd_close(&area->guard->uffd);
	free(area->guard);
}

#define START_OR_RETURN(n_pages)                                                                   \
	struct area area;                                                                          \
	if (!area_start(&area, (n_pages)))                                                         \
		return;

enum what { COPY, ZEROS, N_WHATS }; /* the tests' _i */

static int install_pages(struct area *area, int what, size_t first, size_t n_pages, size_t *done)
{
	uintptr_t start = (uintptr_t)area->data + first * area->page;
	size_t length = n_pages * area->page;
	*done = 77;
	return what == COPY ? install_copy(area->guard, start, area->source + first * area->page,
				      length, false, done)
			    : install_zeros(area->guard, start, length, done);
}

static unsigned char value_of(int what, size_t page)
{
	return what == COPY ? page_value(page) : 0;
}

static void assert_page_is(const struct area *area, size_t index, unsigned char value)
{
	const unsigned char *bytes = area->data + index * area->page;
	for (size_t i = 0; i < area->page; i++) {
		if (bytes[i] != value)
			ck_abort_msg(
				"byte %zu of page %zu is %u, not %u", i, index, bytes[i], value);
	}
}

static bool is_resident(const struct area *area, size_t index)
{
	unsigned char state;
	assert_ok(mincore(area->data + index * area->page, area->page, &state));
	return state & 1;
}

/* ---- Filling ---- */

static const size_t lengths[] = { 1, 2, 16, 513, 1100 };

START_TEST(absent_pages_are_made)
{
	for (size_t i = 0; i < n_elements(lengths); i++) {
		START_OR_RETURN(lengths[i]);
		size_t done;
		assert_ok(install_pages(&area, _i, 0, lengths[i], &done));
		ck_assert_uint_eq(done, lengths[i] * area.page);
		for (size_t n = 0; n < lengths[i]; n++)
			assert_page_is(&area, n, value_of(_i, n));
		area_stop(&area);
	}
}
END_TEST

START_TEST(neighbours_of_the_range_stay_absent)
{
	START_OR_RETURN(8);
	size_t done;
	assert_ok(install_pages(&area, _i, 3, 2, &done));
	ck_assert_uint_eq(done, 2 * area.page);
	assert_page_is(&area, 3, value_of(_i, 3));
	assert_page_is(&area, 4, value_of(_i, 4));
	ck_assert(!is_resident(&area, 2));
	ck_assert(!is_resident(&area, 5));
	area_stop(&area);
}
END_TEST

START_TEST(made_pages_can_be_stored_to)
{
	START_OR_RETURN(4);
	size_t done;
	assert_ok(install_pages(&area, _i, 0, 4, &done));
	memset(area.data, 200, 4 * area.page);
	assert_page_is(&area, 3, 200);
	area_stop(&area);
}
END_TEST

static const struct present_row {
	size_t first, n_pages; /* of 16, there already */
} present_rows[] = {
	{ 0, 1 },
	{ 0, 5 },
	{ 7, 1 },
	{ 6, 3 },
	{ 11, 5 },
	{ 15, 1 },
	{ 0, 16 },
};

START_TEST(pages_that_are_there_already_stay_and_the_others_are_made)
{
	const struct present_row *row = &present_rows[_i / N_WHATS];
	const int what = _i % N_WHATS;
	const size_t end = row->first + row->n_pages;
	START_OR_RETURN(16);
	size_t done;
	assert_ok(install_pages(&area, ZEROS, row->first, row->n_pages, &done));
	memset(area.data + row->first * area.page, 200, row->n_pages * area.page);

	assert_ok(install_pages(&area, what, 0, 16, &done));
	ck_assert_uint_eq(done, 16 * area.page);
	for (size_t i = 0; i < 16; i++)
		assert_page_is(&area, i, i >= row->first && i < end ? 200 : value_of(what, i));
	area_stop(&area);
}
END_TEST

START_TEST(every_other_page_there_already_is_no_obstacle)
{
	START_OR_RETURN(64);
	size_t done;
	for (size_t i = 0; i < 64; i += 2)
		assert_ok(install_pages(&area, 1 - _i, i, 1, &done));
	assert_ok(install_pages(&area, _i, 0, 64, &done));
	ck_assert_uint_eq(done, 64 * area.page);
	for (size_t i = 0; i < 64; i++)
		assert_page_is(&area, i, value_of(i % 2 ? _i : 1 - _i, i));
	area_stop(&area);
}
END_TEST

/* ---- Mappings that the program has meddled with ---- */

START_TEST(range_split_by_mprotect_is_filled_all_the_same)
{
	static const int protections[] = { PROT_READ, PROT_NONE };
	for (size_t i = 0; i < n_elements(protections); i++) {
		START_OR_RETURN(16);
		size_t done;
		assert_ok(mprotect(area.data + 5 * area.page, 3 * area.page, protections[i]));
		assert_ok(install_pages(&area, _i, 0, 16, &done));
		ck_assert_uint_eq(done, 16 * area.page);
		assert_ok(mprotect(area.data + 5 * area.page, 3 * area.page, PROT_READ));
		for (size_t n = 0; n < 16; n++)
			assert_page_is(&area, n, value_of(_i, n));
		area_stop(&area);
	}
}
END_TEST

START_TEST(unmapped_range_is_answered_with_enoent)
{
	START_OR_RETURN(4);
	size_t done;
	munmap(area.data, 4 * area.page);
	ck_assert_int_eq(install_pages(&area, _i, 0, 4, &done), -ENOENT);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(install_pages(&area, _i, 2, 1, &done), -ENOENT);
	ck_assert_uint_eq(done, 0);
	area_stop(&area);
}
END_TEST

START_TEST(mapping_that_is_not_registered_is_answered_with_enoent)
{
	START_OR_RETURN(4);
	size_t done;
	assert_ok(uffd_unregister(&area.guard->uffd, (uintptr_t)area.data, 4 * area.page));
	ck_assert_int_eq(install_pages(&area, _i, 0, 4, &done), -ENOENT);
	ck_assert_uint_eq(done, 0);
	area_stop(&area);
}
END_TEST

START_TEST(range_is_filled_as_far_as_it_is_mapped)
{
	START_OR_RETURN(16);
	size_t done;
	munmap(area.data + 9 * area.page, 3 * area.page);
	ck_assert_int_eq(install_pages(&area, _i, 0, 16, &done), -ENOENT);
	ck_assert_uint_eq(done, 9 * area.page);
	for (size_t i = 0; i < 9; i++)
		assert_page_is(&area, i, value_of(_i, i));
	area_stop(&area);
}
END_TEST

START_TEST(source_that_cannot_be_read_fails_and_counts_what_came_before)
{
	START_OR_RETURN(16);
	size_t done;
	munmap(area.source + 6 * area.page, area.page);
	ck_assert_int_eq(install_pages(&area, COPY, 0, 16, &done), -EFAULT);
	ck_assert_uint_eq(done, 6 * area.page);
	for (size_t i = 0; i < 6; i++)
		assert_page_is(&area, i, page_value(i));
	ck_assert(!is_resident(&area, 6));
	area_stop(&area);
}
END_TEST

/* ---- Those who wait ---- */

struct waiter {
	pthread_t thread;
	const volatile unsigned char *byte;
	unsigned char seen;
};

static void *read_byte(void *data)
{
	struct waiter *waiter = data;
	waiter->seen = *waiter->byte;
	return NULL;
}

/* Answers when the kernel has told of the fault: from then on the thread sleeps. */
static void await_fault(struct area *area, size_t index)
{
	struct pollfd poll_fd = { .fd = area->guard->uffd.fd, .events = POLLIN };
	struct uffd_msg message;
	ck_assert_int_eq(poll(&poll_fd, 1, -1), 1);
	ck_assert_int_eq(uffd_read(&area->guard->uffd, &message, 1), 1);
	ck_assert_uint_eq(message.event, UFFD_EVENT_PAGEFAULT);
	ck_assert_uint_eq(page_floor(message.arg.pagefault.address),
		(uintptr_t)area->data + index * area->page);
}

static void waiter_start(struct waiter *waiter, struct area *area, size_t index)
{
	*waiter = (struct waiter){ .byte = area->data + index * area->page };
	assert_ok(pthread_create(&waiter->thread, NULL, read_byte, waiter));
	await_fault(area, index);
}

static void assert_waiter_saw(struct waiter *waiter, unsigned char value)
{
	assert_ok(pthread_join(waiter->thread, NULL)); /* a hang if nobody has woken it */
	ck_assert_uint_eq(waiter->seen, value);
}

START_TEST(waiters_anywhere_in_the_range_are_woken)
{
	START_OR_RETURN(16);
	struct waiter waiters[3];
	static const size_t pages[] = { 0, 7, 15 };
	size_t done;
	for (size_t i = 0; i < 3; i++)
		waiter_start(&waiters[i], &area, pages[i]);
	assert_ok(install_pages(&area, _i, 0, 16, &done));
	for (size_t i = 0; i < 3; i++)
		assert_waiter_saw(&waiters[i], value_of(_i, pages[i]));
	area_stop(&area);
}
END_TEST

static void fill_without_waking(struct area *area, size_t index)
{
	struct uffdio_copy op = {
		.dst = (uintptr_t)area->data + index * area->page,
		.src = (uintptr_t)area->source + index * area->page,
		.len = area->page,
		.mode = UFFDIO_COPY_MODE_DONTWAKE,
	};
	assert_ok(ioctl(area->guard->uffd.fd, UFFDIO_COPY, &op));
}

/* About one fault in two million goes like this: the page came between the look and the sleep. */
START_TEST(waiter_for_a_page_that_is_there_already_is_woken)
{
	static const struct {
		size_t waits, first, n_pages;
	} rows[] = { { 3, 3, 1 }, { 3, 0, 8 }, { 0, 0, 8 }, { 7, 0, 8 } };
	for (size_t i = 0; i < n_elements(rows); i++) {
		START_OR_RETURN(8);
		struct waiter waiter;
		size_t done;
		waiter_start(&waiter, &area, rows[i].waits);
		fill_without_waking(&area, rows[i].waits);
		assert_ok(install_pages(&area, _i, rows[i].first, rows[i].n_pages, &done));
		ck_assert_uint_eq(done, rows[i].n_pages * area.page);
		assert_waiter_saw(&waiter, page_value(rows[i].waits));
		area_stop(&area);
	}
}
END_TEST

START_TEST(waiter_behind_an_unmapped_page_is_woken_and_faults_again)
{
	START_OR_RETURN(8);
	struct waiter waiter;
	size_t done;
	waiter_start(&waiter, &area, 6);
	munmap(area.data + 2 * area.page, area.page);
	ck_assert_int_eq(install_pages(&area, _i, 0, 8, &done), -ENOENT);
	ck_assert_uint_eq(done, 2 * area.page);
	await_fault(&area, 6);
	assert_ok(install_pages(&area, _i, 6, 1, &done));
	assert_waiter_saw(&waiter, value_of(_i, 6));
	area_stop(&area);
}
END_TEST

/* ---- Huge pages ---- */

/* An area that a huge page fits into, and staging full of the area's source. */
struct huge {
	struct area area;
	struct staging *staging;
};

static bool huge_start(struct huge *huge, bool is_in_small_pages)
{
	const size_t n_pages = STAGING_SIZE / page_size();
	if (!area_start(&huge->area, n_pages))
		return false;
	struct uffd_guard *guard = huge->area.guard;
	if (!(guard->uffd.features & UFFD_FEATURE_MOVE)) {
		unit_skip("no UFFDIO_MOVE in this kernel");
		area_stop(&huge->area);
		return false;
	}
	atomic_store(&guard->can_move, true);
	munmap(huge->area.data, STAGING_SIZE);
	huge->area.data = map_aligned(STAGING_SIZE, STAGING_SIZE, PROT_READ | PROT_WRITE);
	ck_assert_ptr_nonnull(huge->area.data);
	assert_ok(uffd_register(&guard->uffd, (uintptr_t)huge->area.data, STAGING_SIZE, false));

	huge->staging = staging_create();
	ck_assert_ptr_nonnull(huge->staging);
	if (is_in_small_pages)
		assert_ok(madvise(huge->staging->memory, STAGING_SIZE, MADV_NOHUGEPAGE));
	memcpy(huge->staging->memory, huge->area.source, STAGING_SIZE);
	return true;
}

static void huge_stop(struct huge *huge)
{
	staging_destroy(huge->staging);
	area_stop(&huge->area);
}

/* A page that the kernel looks at for the moment (compaction, on a busy machine) is not moved. */
static size_t install_staging(struct huge *huge)
{
	size_t moved = 0;
	for (int i = 0; i < 100 && moved == 0; i++)
		moved = install_huge(
			huge->area.guard, (uintptr_t)huge->area.data, huge->staging->memory);
	return moved;
}

START_TEST(staging_of_any_pages_is_moved_whole_and_wakes_who_waits)
{
	struct huge huge;
	struct waiter waiter;
	if (!huge_start(&huge, _i))
		return;
	waiter_start(&waiter, &huge.area, 300);
	ck_assert_uint_eq(install_staging(&huge), STAGING_SIZE);
	assert_waiter_saw(&waiter, page_value(300));
	for (size_t i = 0; i < huge.area.n_pages; i++)
		assert_page_is(&huge.area, i, page_value(i));
	/* What comes next into the staging is seen there alone. */
	memset(huge.staging->memory, 200, STAGING_SIZE);
	assert_page_is(&huge.area, 300, page_value(300));
	huge_stop(&huge);
}
END_TEST

START_TEST(what_is_in_the_way_of_a_move_is_no_obstacle_to_the_copy_after_it)
{
	struct huge huge;
	struct waiter waiter;
	size_t done;
	if (!huge_start(&huge, _i))
		return;
	waiter_start(&waiter, &huge.area, 400);
	assert_ok(install_pages(&huge.area, ZEROS, 100, 1, &done));
	memset(huge.area.data + 100 * huge.area.page, 200, huge.area.page);

	size_t moved = install_staging(&huge);
	ck_assert_uint_le(moved, 100 * huge.area.page);
	ck_assert(atomic_load(&huge.area.guard->can_move));
	assert_ok(install_copy(huge.area.guard, (uintptr_t)huge.area.data + moved,
		huge.staging->memory + moved, STAGING_SIZE - moved, false, &done));
	ck_assert_uint_eq(moved + done, STAGING_SIZE);
	for (size_t i = 0; i < huge.area.n_pages; i++)
		assert_page_is(&huge.area, i, i == 100 ? 200 : page_value(i));
	assert_waiter_saw(&waiter, page_value(400));
	huge_stop(&huge);
}
END_TEST

START_TEST(guard_that_cannot_move_leaves_the_staging_alone)
{
	struct huge huge;
	if (!huge_start(&huge, false))
		return;
	atomic_store(&huge.area.guard->can_move, false);
	ck_assert_uint_eq(install_staging(&huge), 0);
	ck_assert_int_eq(memcmp(huge.staging->memory, huge.area.source, STAGING_SIZE), 0);
	ck_assert(!is_resident(&huge.area, 0));
	huge_stop(&huge);
}
END_TEST

/* ---- Two who fill the same pages ---- */

struct filler {
	struct area *area;
	int what;
	int err;
	size_t done;
	pthread_barrier_t *start;
};

static void *fill_all(void *data)
{
	struct filler *filler = data;
	pthread_barrier_wait(filler->start);
	filler->err =
		install_pages(filler->area, filler->what, 0, filler->area->n_pages, &filler->done);
	return NULL;
}

START_TEST(two_who_fill_the_same_pages_both_succeed)
{
	for (int round = 0; round < 50; round++) {
		START_OR_RETURN(512);
		pthread_barrier_t start;
		pthread_t threads[2];
		struct filler fillers[2];
		pthread_barrier_init(&start, NULL, 2);
		for (int i = 0; i < 2; i++) {
			fillers[i] = (struct filler){ &area, i == 0 ? COPY : _i, -1, 0, &start };
			assert_ok(pthread_create(&threads[i], NULL, fill_all, &fillers[i]));
		}
		for (int i = 0; i < 2; i++) {
			assert_ok(pthread_join(threads[i], NULL));
			assert_ok(fillers[i].err);
			ck_assert_uint_eq(fillers[i].done, 512 * area.page);
		}
		for (size_t i = 0; i < 512; i++)
			ck_assert(area.data[i * area.page] == page_value(i) ||
				  area.data[i * area.page] == value_of(_i, i));
		pthread_barrier_destroy(&start);
		area_stop(&area);
	}
}
END_TEST

static TCase *filling_case(void)
{
	TCase *tcase = tcase_create("filling");
	tcase_add_loop_test(tcase, absent_pages_are_made, 0, N_WHATS);
	tcase_add_loop_test(tcase, neighbours_of_the_range_stay_absent, 0, N_WHATS);
	tcase_add_loop_test(tcase, made_pages_can_be_stored_to, 0, N_WHATS);
	tcase_add_loop_test(tcase, pages_that_are_there_already_stay_and_the_others_are_made, 0,
		N_WHATS * n_elements(present_rows));
	tcase_add_loop_test(tcase, every_other_page_there_already_is_no_obstacle, 0, N_WHATS);
	return tcase;
}

static TCase *mappings_case(void)
{
	TCase *tcase = tcase_create("mappings");
	tcase_add_loop_test(tcase, range_split_by_mprotect_is_filled_all_the_same, 0, N_WHATS);
	tcase_add_loop_test(tcase, unmapped_range_is_answered_with_enoent, 0, N_WHATS);
	tcase_add_loop_test(
		tcase, mapping_that_is_not_registered_is_answered_with_enoent, 0, N_WHATS);
	tcase_add_loop_test(tcase, range_is_filled_as_far_as_it_is_mapped, 0, N_WHATS);
	tcase_add_test(tcase, source_that_cannot_be_read_fails_and_counts_what_came_before);
	return tcase;
}

static TCase *waiters_case(void)
{
	TCase *tcase = tcase_create("waiters");
	tcase_add_loop_test(tcase, waiters_anywhere_in_the_range_are_woken, 0, N_WHATS);
	tcase_add_loop_test(tcase, waiter_for_a_page_that_is_there_already_is_woken, 0, N_WHATS);
	tcase_add_loop_test(
		tcase, waiter_behind_an_unmapped_page_is_woken_and_faults_again, 0, N_WHATS);
	tcase_add_loop_test(tcase, two_who_fill_the_same_pages_both_succeed, 0, N_WHATS);
	return tcase;
}

static TCase *huge_case(void)
{
	TCase *tcase = tcase_create("huge");
	tcase_add_loop_test(tcase, staging_of_any_pages_is_moved_whole_and_wakes_who_waits, 0, 2);
	tcase_add_loop_test(
		tcase, what_is_in_the_way_of_a_move_is_no_obstacle_to_the_copy_after_it, 0, 2);
	tcase_add_test(tcase, guard_that_cannot_move_leaves_the_staging_alone);
	return tcase;
}

UNIT_MAIN("install", filling_case, mappings_case, waiters_case, huge_case)

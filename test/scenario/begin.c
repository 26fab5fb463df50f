/* SPDX-License-Identifier: MIT */
/*
 * mark, begin, ensure: what the copier brings over meanwhile, and that it makes no difference to
 * what ensure promises, whatever else is done to the region beside it.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define N_PAGES 1024 /* 4 MiB */
#define A_WHILE ((struct timespec){ .tv_nsec = 1000000 })

static bool skip_one_processor(void)
{
	cpu_set_t allowed;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0 || CPU_COUNT(&allowed) > 1)
		return false;
	runner_skip("one processor: there is no copier");
	return true;
}

static bool start(struct fixture *f, const struct fixture_options *options)
{
	if (skip_one_processor())
		return false;
	struct fixture_options chosen = *options;
	if (IS_SANITIZED) /* a confined copier cannot read the names that are suppressed */
		chosen.guard_flags |= UFFD_GUARD_NO_SANDBOX;
	ck_assert(fixture_start(f, &chosen));
	assert_ok(uffd_guard_populate(f->region, 0, N_PAGES * f->page));
	return true;
}

static bool start_plain(struct fixture *f)
{
	return start(f, &(struct fixture_options){ .n_pages = N_PAGES });
}

/* The client draws all of it. */
static void draw(const struct fixture *f, unsigned char value)
{
	unsigned char *bytes = malloc(N_PAGES * f->page);
	ck_assert_ptr_nonnull(bytes);
	memset(bytes, value, N_PAGES * f->page);
	ck_assert_int_eq(pwrite(f->fd, bytes, N_PAGES * f->page, 0), (ssize_t)(N_PAGES * f->page));
	free(bytes);
}

static void mark(
	const struct fixture *f, uint64_t offset, uint64_t stride, uint64_t width, uint64_t height)
{
	const struct uffd_guard_rect rect = { offset, stride, width, height };
	assert_ok(uffd_guard_mark_rects(f->region, &rect, 1));
}

static void mark_all(const struct fixture *f)
{
	mark(f, 0, 0, N_PAGES * f->page, 1);
}

static void assert_all_are(const struct fixture *f, unsigned char value)
{
	for (size_t i = 0; i < N_PAGES * f->page; i += 64) {
		if (f->data[i] != value)
			ck_abort_msg("byte %zu is %d, not %d; lost: %#x", i, f->data[i], value,
				uffd_guard_region_take_losses(f->region));
	}
}

/* False: it did not come, within a time that is long. */
static bool comes_over(const struct fixture *f, size_t byte, unsigned char value)
{
	for (int i = 0; i < 30000 && f->data[byte] != value; i++)
		nanosleep(&A_WHILE, NULL);
	return f->data[byte] == value;
}

/* ---- What is begun ---- */

START_TEST(what_is_begun_comes_over_by_itself)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	for (unsigned char value = 1; value < 20; value++) {
		draw(&f, value);
		mark_all(&f);
		assert_ok(uffd_guard_begin(f.region));
		ck_assert(comes_over(&f, N_PAGES * f.page - 1, value));
		assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
		assert_all_are(&f, value);
	}
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(only_what_is_marked_comes_over)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	draw(&f, 77);
	mark(&f, 100, 4 * f.page, 2 * f.page, N_PAGES / 4 - 1);
	assert_ok(uffd_guard_begin(f.region));
	ck_assert(comes_over(&f, 100 + 4 * f.page * (N_PAGES / 4 - 2), 77));
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	for (size_t row = 0; row < N_PAGES / 4 - 1; row++) {
		const size_t at = 100 + row * 4 * f.page;
		ck_assert_uint_eq(f.data[at], 77);
		ck_assert_uint_eq(f.data[at + 2 * f.page - 1], 77);
		ck_assert_uint_eq(f.data[at - 1], page_value((at - 1) / f.page));
		ck_assert_uint_eq(f.data[at + 2 * f.page], page_value((at + 2 * f.page) / f.page));
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(ensure_right_after_begin_is_new)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	for (int i = 0; i < (IS_SANITIZED ? 20 : 300); i++) {
		const unsigned char value = (unsigned char)(i % 250 + 1);
		draw(&f, value);
		mark_all(&f);
		assert_ok(uffd_guard_begin(f.region));
		assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
		assert_all_are(&f, value);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(mark_after_begin_is_brought_over_again)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	for (int i = 0; i < (IS_SANITIZED ? 20 : 300); i++) {
		const unsigned char value = (unsigned char)(i % 125 + 1);
		draw(&f, value);
		mark_all(&f);
		assert_ok(uffd_guard_begin(f.region));
		draw(&f, value + 125);
		mark_all(&f);
		if (i % 2)
			assert_ok(uffd_guard_begin(f.region));
		assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
		assert_all_are(&f, value + 125);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(absent_pages_that_are_begun_are_filled)
{
	struct fixture f;
	if (runner_skip_eager() || !start_plain(&f))
		return;
	assert_ok(uffd_guard_discard(f.region, 0, N_PAGES * f.page));
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	for (int i = 0; i < 3000 && fixture_stats(&f).bytes_resident < N_PAGES * f.page; i++)
		nanosleep(&A_WHILE, NULL);
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, N_PAGES * f.page);
	ck_assert_uint_eq(fixture_stats(&f).faults, 0);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(guard_without_copiers_leaves_all_to_ensure)
{
	struct fixture f;
	if (!start(&f, &(struct fixture_options){
			       .n_pages = N_PAGES, .guard_flags = UFFD_GUARD_NO_COPIERS }))
		return;
	draw(&f, 99);
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	assert_all_are(&f, 99);
	fixture_stop(&f);
}
END_TEST

static TCase *begin_case(void)
{
	TCase *tcase = tcase_create("begin");
	tcase_add_test(tcase, what_is_begun_comes_over_by_itself);
	tcase_add_test(tcase, only_what_is_marked_comes_over);
	tcase_add_test(tcase, ensure_right_after_begin_is_new);
	tcase_add_test(tcase, mark_after_begin_is_brought_over_again);
	tcase_add_test(tcase, absent_pages_that_are_begun_are_filled);
	tcase_add_test(tcase, guard_without_copiers_leaves_all_to_ensure);
	return tcase;
}

/* ---- What the file lacks ---- */

START_TEST(file_cut_after_begin_is_lost_when_it_is_ensured)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	draw(&f, 88);
	fixture_truncate(&f, N_PAGES / 2);
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	assert_losses_eq(&f, 0); /* nobody has looked */
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_page_is(&f, i, i < N_PAGES / 2 ? 88 : 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(absent_pages_past_the_end_that_are_begun_are_no_loss)
{
	struct fixture f;
	if (runner_skip_eager() || !start_plain(&f))
		return;
	assert_ok(uffd_guard_discard(f.region, 0, N_PAGES * f.page));
	fixture_truncate(&f, N_PAGES / 2);
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_that_become_holes_after_begin_give_their_memory_back)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	file_punch(f.fd, 0, N_PAGES / 2);
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	assert_page_is(&f, 0, 0);
	if (fixture_stats(&f).bytes_resident < N_PAGES * f.page)
		ck_assert_uint_eq(fixture_stats(&f).bytes_resident, N_PAGES / 2 * f.page);
	else /* populated for system calls that cannot wait */
		ck_assert(!(uffd_guard_features(f.guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS));
	fixture_stop(&f);
}
END_TEST

START_TEST(holes_that_are_begun_cost_no_memory)
{
	struct fixture f;
	if (skip_one_processor())
		return;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = N_PAGES, .is_sparse = true }));
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	ck_assert_uint_eq(file_allocated_bytes(f.fd), 0);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

static TCase *lacking_case(void)
{
	TCase *tcase = tcase_create("lacking");
	tcase_add_test(tcase, file_cut_after_begin_is_lost_when_it_is_ensured);
	tcase_add_test(tcase, absent_pages_past_the_end_that_are_begun_are_no_loss);
	tcase_add_test(tcase, pages_that_become_holes_after_begin_give_their_memory_back);
	tcase_add_test(tcase, holes_that_are_begun_cost_no_memory);
	return tcase;
}

/* ---- Beside it ---- */

START_TEST(region_that_is_unmapped_after_begin_is_left_alone)
{
	struct fixture f;
	if (!start_plain(&f))
		return;
	const size_t length = N_PAGES * f.page;
	for (int i = 0; i < (IS_SANITIZED ? 20 : 300); i++) {
		struct uffd_guard_region *region;
		const struct uffd_guard_rect all = { 0, 0, length, 1 };
		assert_ok(uffd_guard_map(f.guard, f.fd, length, NULL, &region));
		if (i % 3)
			assert_ok(uffd_guard_populate(region, 0, length));
		assert_ok(uffd_guard_mark_rects(region, &all, 1));
		assert_ok(uffd_guard_begin(region));
		if (i % 2)
			sched_yield();
		uffd_guard_unmap(region);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(resize_and_discard_after_begin_keep_what_they_promise)
{
	struct fixture f;
	if (!start(&f,
		    &(struct fixture_options){ .n_pages = N_PAGES, .reserve = 2 * N_PAGES * 4096 }))
		return;
	for (int i = 0; i < (IS_SANITIZED ? 20 : 200); i++) {
		const unsigned char value = (unsigned char)(i % 250 + 1);
		draw(&f, value);
		mark_all(&f);
		assert_ok(uffd_guard_begin(f.region));
		assert_ok(uffd_guard_discard(f.region, f.page, 100 * f.page));
		assert_ok(uffd_guard_resize(f.region, N_PAGES * f.page / 2 + 9));
		assert_bytes_are(&f, N_PAGES * f.page / 2 + 9, (N_PAGES / 2 + 1) * f.page, 0);
		assert_ok(uffd_guard_resize(f.region, N_PAGES * f.page));
		assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
		ck_assert_uint_eq(f.data[0], value);
		ck_assert_uint_eq(f.data[50 * f.page], value);
		ck_assert_uint_eq(f.data[N_PAGES * f.page / 2 - 1], value);
	}
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

struct server {
	struct fixture *f;
	atomic_bool shall_stop;
	_Atomic uint32_t n_marked; /* the number that was last marked */
};

static void *ensure_all_the_time(void *data)
{
	struct server *server = data;
	const struct fixture *f = server->f;
	while (!atomic_load(&server->shall_stop)) {
		const uint32_t least = atomic_load(&server->n_marked);
		assert_ok(uffd_guard_ensure(f->region, 0, N_PAGES * f->page));
		for (size_t page = 0; page < N_PAGES && least > 0; page += 64)
			ck_assert_uint_ge(*(volatile uint32_t *)(f->data + page * f->page), least);
	}
	return NULL;
}

static void *begin_all_the_time(void *data)
{
	struct server *server = data;
	while (!atomic_load(&server->shall_stop))
		assert_ok(uffd_guard_begin(server->f->region));
	return NULL;
}

START_TEST(no_byte_is_older_than_its_mark_whoever_ensures)
{
	struct fixture f;
	pthread_t threads[3];
	if (!start_plain(&f))
		return;
	struct server server = { .f = &f };
	assert_ok(pthread_create(&threads[0], NULL, ensure_all_the_time, &server));
	assert_ok(pthread_create(&threads[1], NULL, ensure_all_the_time, &server));
	assert_ok(pthread_create(&threads[2], NULL, begin_all_the_time, &server));
	for (uint32_t n = 1; n <= (IS_SANITIZED ? 50 : 500); n++) {
		for (size_t page = 0; page < N_PAGES; page += 64)
			ck_assert_int_eq(
				pwrite(f.fd, &n, sizeof(n), (off_t)(page * f.page)), sizeof(n));
		mark_all(&f);
		atomic_store(&server.n_marked, n);
	}
	atomic_store(&server.shall_stop, true);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	fixture_stop(&f);
}
END_TEST

static void *refresh_a_byte(void *data)
{
	const struct fixture *f = data;
	for (unsigned i = 0; i < (IS_SANITIZED ? 1000 : 10000); i++)
		assert_ok(uffd_guard_refresh(f->region, 0, 1));
	return NULL;
}

/* They count themselves while they want the region, and the copier keeps away as long. */
START_TEST(copier_comes_when_those_who_wanted_the_region_have_had_it)
{
	struct fixture f;
	pthread_t threads[4];
	if (!start_plain(&f))
		return;
	for (size_t i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, refresh_a_byte, &f));
	for (size_t i = 0; i < 4; i++)
		assert_ok(pthread_join(threads[i], NULL));
	draw(&f, 88);
	mark_all(&f);
	assert_ok(uffd_guard_begin(f.region));
	ck_assert(comes_over(&f, N_PAGES * f.page - 1, 88));
	fixture_stop(&f);
}
END_TEST

#define N_BEGUN 64 /* pages: more than are left to ensure */

static struct uffd_guard_region *map_begun(struct uffd_guard *guard, int fd)
{
	struct uffd_guard_region *region;
	const size_t length = N_BEGUN * (size_t)sysconf(_SC_PAGESIZE);
	assert_ok(uffd_guard_map(guard, fd, length, NULL, &region));
	assert_ok(uffd_guard_populate(region, 0, length));
	return region;
}

static void mark_and_begin(struct uffd_guard_region *region)
{
	const struct uffd_guard_rect all = { .width = uffd_guard_region_length(region),
		.height = 1 };
	assert_ok(uffd_guard_mark_rects(region, &all, 1));
	assert_ok(uffd_guard_begin(region));
}

/* Two regions that come and go, begun, beside one that has to come over each time. */
static void *begin_and_unmap(void *data)
{
	struct uffd_guard *guard = data;
	const int fd = file_create(FILE_MEMFD, N_BEGUN, false);
	struct uffd_guard_region *kept = map_begun(guard, fd);
	const struct fixture f = { .data = uffd_guard_region_data(kept) };
	for (unsigned char value = 1; value < (IS_SANITIZED ? 20 : 100); value++) {
		struct uffd_guard_region *one = map_begun(guard, fd), *other = map_begun(guard, fd);
		ck_assert_int_eq(pwrite(fd, &value, 1, 0), 1);
		mark_and_begin(one);
		mark_and_begin(kept);
		mark_and_begin(other);
		uffd_guard_unmap(one);
		uffd_guard_unmap(other);
		ck_assert_msg(comes_over(&f, 0, value), "%d does not come over", value);
	}
	uffd_guard_unmap(kept);
	close(fd);
	return NULL;
}

START_TEST(regions_that_many_begin_and_unmap_at_once_all_come_over)
{
	pthread_t threads[4];
	if (skip_one_processor())
		return;
	struct uffd_guard *guard = guard_start(IS_SANITIZED ? UFFD_GUARD_NO_SANDBOX : 0);
	begin_and_unmap(guard); /* while one thread starts the copier, others go on without it */
	for (size_t i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, begin_and_unmap, guard));
	for (size_t i = 0; i < 4; i++)
		assert_ok(pthread_join(threads[i], NULL));
	uffd_guard_destroy(guard);
}
END_TEST

/* A fill that read the old bytes is about to install them: in a guard with a bound the copier fills
 * nothing itself, and would take the page for absent and the mark for done. */
START_TEST(what_is_begun_waits_for_a_fill_under_way)
{
	struct fixture f = { .page = (size_t)sysconf(_SC_PAGESIZE) };
	struct hold hold;
	struct reader reader;
	if (runner_skip_eager() || skip_one_processor())
		return;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() | (IS_SANITIZED ? UFFD_GUARD_NO_SANDBOX : 0),
		.max_resident = 2 * N_BEGUN * f.page };
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	assert_ok(uffd_guard_create(&options, &f.guard));
	f.fd = file_create(FILE_MEMFD, N_BEGUN, false);
	assert_ok(uffd_guard_map(f.guard, f.fd, N_BEGUN * f.page, NULL, &f.region));
	f.data = uffd_guard_region_data(f.region);
	reader_start(&reader, f.data);
	sem_wait(&hold.is_held);
	file_write_page(f.fd, 0, 99);
	mark_and_begin(f.region);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	sem_post(&hold.may_go);
	reader_finish(&reader);
	assert_ok(uffd_guard_ensure(f.region, 0, f.page));
	assert_page_is(&f, 0, 99);
	fixture_stop(&f);
}
END_TEST

/* The reader's fault must not wait for a lock that the copier or a caller holds. */
START_TEST(faults_are_answered_while_the_copier_is_at_work)
{
	struct fixture f;
	struct reader reader;
	if (!start_plain(&f))
		return;
	for (int i = 0; i < 100; i++) {
		assert_ok(uffd_guard_discard(f.region, 0, N_PAGES * f.page / 2));
		mark_all(&f);
		assert_ok(uffd_guard_begin(f.region));
		reader_start(&reader, f.data + (size_t)i * f.page);
		ck_assert_int_eq(reader_finish(&reader), page_value((size_t)i));
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(urgent_thread_ensures_what_an_ordinary_one_has_begun)
{
	struct fixture f;
	const struct sched_param param = { .sched_priority = 3 };
	if (!start_plain(&f))
		return;
	for (int i = 0; i < 50; i++) {
		draw(&f, (unsigned char)(i + 1));
		mark_all(&f);
		assert_ok(uffd_guard_begin(f.region));
		if (sched_setscheduler(0, SCHED_FIFO, &param) < 0) {
			ck_assert_int_eq(errno, EPERM);
			runner_skip("may not use real-time scheduling");
			break;
		}
		assert_ok(uffd_guard_ensure(f.region, 0, N_PAGES * f.page));
		assert_ok(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 }));
		assert_all_are(&f, (unsigned char)(i + 1));
	}
	fixture_stop(&f);
}
END_TEST

static TCase *beside_case(void)
{
	TCase *tcase = tcase_create("beside");
	tcase_add_test(tcase, region_that_is_unmapped_after_begin_is_left_alone);
	tcase_add_test(tcase, resize_and_discard_after_begin_keep_what_they_promise);
	tcase_add_test(tcase, no_byte_is_older_than_its_mark_whoever_ensures);
	tcase_add_test(tcase, copier_comes_when_those_who_wanted_the_region_have_had_it);
	tcase_add_test(tcase, regions_that_many_begin_and_unmap_at_once_all_come_over);
	tcase_add_test(tcase, what_is_begun_waits_for_a_fill_under_way);
	tcase_add_test(tcase, faults_are_answered_while_the_copier_is_at_work);
	tcase_add_test(tcase, urgent_thread_ensures_what_an_ordinary_one_has_begun);
	return tcase;
}

RUNNER_MAIN("begin", begin_case, lacking_case, beside_case)

/* SPDX-License-Identifier: MIT */
/* Memory held stays within what the server has set, whatever clients declare and whoever reads. */
#include "../support/fixture.h"
#include "../support/inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUDGET_PAGES 64

struct budgets {
	size_t guard_pages, region_pages;
	uint32_t guard_flags; /* besides the run's */
};

static const struct budgets rows[] = {
	{ .guard_pages = BUDGET_PAGES },
	{ .region_pages = BUDGET_PAGES },
	{ .guard_pages = 2 * BUDGET_PAGES, .region_pages = BUDGET_PAGES },
};
#define N_ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static void start(struct fixture *f, const struct budgets *budgets, size_t n_pages, bool is_sparse,
	uint32_t map_flags)
{
	*f = (struct fixture){ .page = (size_t)getpagesize() };
	const struct uffd_guard_options guard = { .size = sizeof(guard),
		.flags = runner_guard_flags() | budgets->guard_flags,
		.max_resident = budgets->guard_pages * f->page };
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = map_flags,
		.max_resident = budgets->region_pages * f->page };
	f->fd = file_create(FILE_MEMFD, n_pages, is_sparse);
	assert_ok(uffd_guard_create(&guard, &f->guard));
	assert_ok(uffd_guard_map(f->guard, f->fd, n_pages * f->page, &map, &f->region));
	f->data = uffd_guard_region_data(f->region);
}

/* What the kernel says is there, zeros not counted. */
static size_t count_resident(const struct fixture *f, size_t n_pages)
{
	unsigned char there[4096];
	size_t n = 0;
	ck_assert_uint_le(n_pages, sizeof(there));
	assert_ok(mincore((void *)f->data, n_pages * f->page, there));
	for (size_t i = 0; i < n_pages; i++)
		n += there[i] & 1;
	return n;
}

static void assert_within(const struct fixture *f, size_t n_pages)
{
	ck_assert_uint_le(fixture_stats(f).bytes_resident, BUDGET_PAGES * f->page);
	ck_assert_uint_le(count_resident(f, n_pages), BUDGET_PAGES);
}

START_TEST(reading_everything_stays_within_the_budget)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	start(&f, &rows[_i], 2048, false, 0);
	for (size_t i = 0; i < 2048; i++) {
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
		if (i % 100 == 0)
			assert_within(&f, 2048);
	}
	for (size_t i = 2048; i-- > 0;)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	assert_within(&f, 2048);
	ck_assert_uint_gt(fixture_stats(&f).pages_evicted, 2048 - BUDGET_PAGES);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

/* A budget of huge pages, and pages that go in as such. */
START_TEST(huge_pages_are_charged_as_others_are)
{
	struct fixture f;
	const size_t budget = 4 * 512, n_pages = 16 * 512;
	if (runner_skip_eager())
		return;
	start(&f, &(struct budgets){ .guard_pages = budget }, n_pages, false, 0);
	for (size_t i = 0; i < n_pages; i += 512) {
		assert_ok(uffd_guard_populate(f.region, i * f.page, 512 * f.page));
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
		ck_assert_uint_le(fixture_stats(&f).bytes_resident, budget * f.page);
	}
	assert_ok(uffd_guard_discard(f.region, 0, n_pages * f.page));
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	if (fixture_stats(&f).pages_moved == 0)
		runner_skip("no huge page was moved");
	fixture_stop(&f);
}
END_TEST

START_TEST(populating_everything_stays_within_the_budget)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	start(&f, &rows[_i], 2048, false, 0);
	assert_ok(uffd_guard_populate(f.region, 0, 2048 * f.page));
	assert_within(&f, 2048);
	assert_ok(uffd_guard_refresh(f.region, 0, 2048 * f.page));
	assert_within(&f, 2048);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_just_waited_for_stay_and_the_others_come_back_fresh)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	start(&f, &rows[_i], 256, false, 0);
	/* Backwards, so that each page is filled alone. */
	for (size_t i = 256; i-- > 256 - BUDGET_PAGES;)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	for (size_t i = 0; i < 256; i++)
		file_write_page(f.fd, i, 200);
	ck_assert_uint_eq(f.data[10 * f.page], 200);
	for (size_t i = 256 - BUDGET_PAGES; i < 256 - BUDGET_PAGES + 8; i++)
		assert_page_is(&f, i, page_value(i)); /* the last */
	for (size_t i = 192; i-- > 0;)
		ck_assert_uint_eq(f.data[i * f.page], 200);
	for (size_t i = 192; i < 256; i++)
		assert_page_is(&f, i, 200);
	fixture_stop(&f);
}
END_TEST

START_TEST(stores_are_spared_until_they_are_written_back)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	start(&f, &rows[_i], 1024, false, UFFD_GUARD_MAP_WRITE);
	for (size_t i = 0; i < 8; i++) {
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
		f.data[i * f.page + 5] = 250;
	}
	for (size_t i = 0; i < 1024; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	assert_within(&f, 1024);
	for (size_t i = 0; i < 8; i++)
		ck_assert_uint_eq(f.data[i * f.page + 5], 250);

	ck_assert_int_eq(
		uffd_guard_write_back(f.region, 0, 1024 * f.page), (ssize_t)(1024 * f.page));
	for (size_t i = 0; i < 8; i++)
		file_write_page(f.fd, i, 99);
	for (size_t i = 8; i < 1024; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	for (size_t i = 0; i < 8; i++)
		ck_assert_uint_eq(f.data[i * f.page + 5], 99); /* they went like the others */
	assert_within(&f, 1024);
	fixture_stop(&f);
}
END_TEST

START_TEST(store_to_a_saved_page_is_spared_again)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	start(&f, &rows[_i], 512, false, UFFD_GUARD_MAP_WRITE);
	f.data[0] = 250;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, f.page), (ssize_t)f.page);
	f.data[1] = 251;
	for (size_t i = 512; i-- > 1;) /* backwards, so that each page is waited for */
		(void)f.data[i * f.page];
	file_write_page(f.fd, 0, 99);
	ck_assert_uint_eq(f.data[1], 251);
	fixture_stop(&f);
}
END_TEST

/* Pages are protected to notice stores, and the kernel's own would get EFAULT from that. */
START_TEST(system_call_stores_to_populated_pages_and_the_bytes_are_spared)
{
	const struct budgets user_only = { .guard_pages = BUDGET_PAGES,
		.guard_flags = UFFD_GUARD_USER_FAULTS_ONLY };
	struct fixture f;
	char bytes[16];
	if (runner_skip_eager())
		return;
	start(&f, &user_only, 512, false, UFFD_GUARD_MAP_WRITE);
	memset(bytes, 250, sizeof(bytes));
	assert_ok(uffd_guard_populate(f.region, 0, 2 * f.page));
	ck_assert_int_eq(pwrite(f.fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(pread(f.fd, (void *)(f.data + f.page), sizeof(bytes), 0), sizeof(bytes));
	for (size_t i = 2; i < 512; i++)
		ck_assert_uint_eq(f.data[i * f.page], page_value(i));
	for (size_t i = 0; i < sizeof(bytes); i++)
		ck_assert_uint_eq(f.data[f.page + i], 250);
	fixture_stop(&f);
}
END_TEST

/* The region whose pages need room; published, for another thread walks through it. */
static _Atomic(const struct fixture *) walked;

static int walk_before_the_store(const struct injected_call *call, void *data)
{
	const struct fixture *f = atomic_load(&walked);
	(void)call;
	(void)data;
	for (size_t i = 0; i < 512; i++)
		ck_assert_uint_eq(f->data[i * f->page], page_value(i));
	return INJECT_CONTINUE;
}

/* Between the moment when a page stops counting as stored to, and the one when the file has it. */
START_TEST(write_back_loses_no_store_to_another_region_that_is_read)
{
	struct fixture f, g;
	if (runner_skip_eager())
		return;
	inject_syscall(SYS_process_vm_readv, 5, 0, walk_before_the_store, NULL);
	start(&f, &rows[0], 16, false, UFFD_GUARD_MAP_WRITE);
	g = f;
	g.fd = file_create(FILE_MEMFD, 512, false);
	assert_ok(uffd_guard_map(g.guard, g.fd, 512 * g.page, NULL, &g.region));
	g.data = uffd_guard_region_data(g.region);
	atomic_store(&walked, &g);
	for (unsigned char value = 200; value < 205; value++) {
		for (size_t i = 0; i < 16; i++)
			memset((void *)&f.data[i * f.page], value, f.page);
		ck_assert_int_eq(
			uffd_guard_write_back(f.region, 0, 16 * f.page), (ssize_t)(16 * f.page));
		for (size_t i = 0; i < 16; i++) {
			unsigned char byte;
			ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(i * f.page + 5)), 1);
			ck_assert_uint_eq(byte, value);
			ck_assert_uint_eq(f.data[i * f.page + 5], value);
		}
	}
	uffd_guard_unmap(g.region);
	close(g.fd);
	fixture_stop(&f);
}
END_TEST

static void *walk(void *data)
{
	const struct fixture *f = data;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < 512; i++)
			ck_assert_uint_eq(f->data[i * f->page], page_value(i));
	}
	return NULL;
}

START_TEST(regions_of_a_guard_share_its_budget)
{
	struct fixture f, g;
	pthread_t threads[2];
	if (runner_skip_eager())
		return;
	start(&f, &rows[0], 512, false, 0);
	g = f;
	g.fd = file_create(FILE_MEMFD, 512, false);
	assert_ok(uffd_guard_map(g.guard, g.fd, 512 * g.page, NULL, &g.region));
	g.data = uffd_guard_region_data(g.region);
	assert_ok(pthread_create(&threads[0], NULL, walk, &f));
	assert_ok(pthread_create(&threads[1], NULL, walk, &g));
	for (int i = 0; i < 200; i++) {
		struct uffd_guard_stats stats = { .size = sizeof(stats) };
		assert_ok(uffd_guard_populate(g.region, (size_t)i * g.page, 100 * g.page));
		assert_ok(uffd_guard_get_stats(g.guard, &stats));
		/* Two fill at a time: what each has made room for may come at once. */
		ck_assert_uint_le(stats.bytes_resident, 2 * BUDGET_PAGES * g.page);
	}
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	(void)f.data[0];
	ck_assert_uint_le(count_resident(&f, 512) + count_resident(&g, 512), BUDGET_PAGES + 32);
	uffd_guard_unmap(g.region);
	close(g.fd);
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, BUDGET_PAGES * f.page);
	fixture_stop(&f);
}
END_TEST

START_TEST(client_that_declares_a_terabyte_costs_the_budget)
{
	struct fixture f;
	if (skip_terabyte())
		return;
	const size_t n_pages = (size_t)((UINT64_C(1) << 40) / (size_t)getpagesize());
	start(&f, &rows[_i], n_pages, true, 0);
	for (size_t i = 0; i < 500; i++)
		file_write_page(f.fd, i * 500009, 7);
	fixture_changed(&f);
	for (size_t i = 0; i < 500 && !runner_is_eager(); i++)
		ck_assert_uint_eq(f.data[i * 500009 * f.page], 7);
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, BUDGET_PAGES * f.page);
	fixture_stop(&f);
}
END_TEST

/* One load, though its address is odd. */
struct __attribute__((packed)) eight_bytes {
	uint64_t value;
};

START_TEST(load_across_two_pages_returns_with_the_smallest_budget)
{
	struct fixture f = { .page = (size_t)getpagesize() };
	const struct uffd_guard_options guard = {
		.size = sizeof(guard), .flags = runner_guard_flags(), .max_resident = _i == 0
	};
	const struct uffd_guard_map_options map = { .size = sizeof(map), .max_resident = _i == 1 };
	f.fd = file_create(FILE_MEMFD, 4, false);
	assert_ok(uffd_guard_create(&guard, &f.guard));
	assert_ok(uffd_guard_map(f.guard, f.fd, 4 * f.page, &map, &f.region));
	f.data = uffd_guard_region_data(f.region);

	const volatile struct eight_bytes *across = (const volatile void *)&f.data[2 * f.page - 4];
	const uint64_t value = across->value;
	unsigned char bytes[sizeof(value)];
	memcpy(bytes, &value, sizeof(value));
	for (size_t i = 0; i < sizeof(value); i++)
		ck_assert_uint_eq(bytes[i], page_value(i < 4 ? 1 : 2));
	fixture_stop(&f);
}
END_TEST

/* Zeros hold no memory until some bytes of them become data. */
START_TEST(refreshing_some_bytes_of_each_page_stays_within_the_budget)
{
	struct fixture f;
	start(&f, &rows[_i], 2048, true, 0);
	for (size_t i = 0; i < 2048; i++)
		ck_assert_uint_eq(f.data[i * f.page], 0);
	static struct uffd_guard_span spans[2048];
	for (size_t i = 0; i < 2048; i++) {
		file_write_page(f.fd, i, 7);
		spans[i] = (struct uffd_guard_span){ .offset = i * f.page + 8, .length = 4 };
	}
	assert_ok(uffd_guard_refresh_spans(f.region, spans, 2048));
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, BUDGET_PAGES * f.page);
	size_t n_data = 0;
	for (size_t i = 0; i < 2048; i++)
		n_data += f.data[i * f.page + 8] == 7;
	/* In EAGER nothing could be brought back. */
	ck_assert_uint_eq(n_data, runner_is_eager() ? BUDGET_PAGES : 2048);
	assert_losses_eq(&f, runner_is_eager() ? UFFD_GUARD_LOST_NO_MEMORY : 0);
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, BUDGET_PAGES * f.page);
	fixture_stop(&f);
}
END_TEST

/* The kernel may not write to pages that are watched for stores. */
START_TEST(refresh_is_exact_to_the_byte_with_a_budget_too)
{
	struct fixture f;
	struct budgets budgets = rows[_i / 2];
	budgets.guard_flags = _i % 2 ? UFFD_GUARD_USER_FAULTS_ONLY : 0;
	start(&f, &budgets, 4, false, UFFD_GUARD_MAP_WRITE);
	for (size_t i = 0; i < 4; i++) {
		assert_page_is(&f, i, page_value(i));
		file_write_page(f.fd, i, 99);
	}
	assert_ok(uffd_guard_refresh(f.region, f.page + 10, 16));
	assert_bytes_are(&f, f.page, f.page + 10, page_value(1));
	assert_bytes_are(&f, f.page + 10, f.page + 26, 99);
	assert_bytes_are(&f, f.page + 26, 2 * f.page, page_value(1));
	assert_page_is(&f, 0, page_value(0));
	assert_page_is(&f, 2, page_value(2));
	fixture_stop(&f);
}
END_TEST

/* There nothing could be brought back. */
START_TEST(beyond_the_budget_eager_has_zeros_and_tells)
{
	struct fixture f;
	if (!runner_is_eager())
		return;
	start(&f, &rows[_i], 256, false, 0);
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, BUDGET_PAGES * f.page);
	assert_losses_eq(&f, UFFD_GUARD_LOST_NO_MEMORY);
	assert_page_is(&f, 255, 0);
	fixture_stop(&f);
}
END_TEST

static TCase *budget_case(void)
{
	TCase *tcase = tcase_create("budget");
	tcase_add_loop_test(tcase, reading_everything_stays_within_the_budget, 0, N_ROWS);
	tcase_add_test(tcase, huge_pages_are_charged_as_others_are);
	tcase_add_loop_test(tcase, populating_everything_stays_within_the_budget, 0, N_ROWS);
	tcase_add_loop_test(
		tcase, pages_just_waited_for_stay_and_the_others_come_back_fresh, 0, N_ROWS);
	tcase_add_loop_test(tcase, stores_are_spared_until_they_are_written_back, 0, N_ROWS);
	tcase_add_loop_test(tcase, store_to_a_saved_page_is_spared_again, 0, N_ROWS);
	tcase_add_test(tcase, system_call_stores_to_populated_pages_and_the_bytes_are_spared);
	tcase_add_test(tcase, write_back_loses_no_store_to_another_region_that_is_read);
	tcase_add_test(tcase, regions_of_a_guard_share_its_budget);
	tcase_add_loop_test(tcase, client_that_declares_a_terabyte_costs_the_budget, 0, N_ROWS);
	tcase_add_loop_test(tcase, load_across_two_pages_returns_with_the_smallest_budget, 0, 2);
	tcase_add_loop_test(
		tcase, refreshing_some_bytes_of_each_page_stays_within_the_budget, 0, N_ROWS);
	tcase_add_loop_test(tcase, refresh_is_exact_to_the_byte_with_a_budget_too, 0, 2 * N_ROWS);
	tcase_add_loop_test(tcase, beyond_the_budget_eager_has_zeros_and_tells, 0, N_ROWS);
	return tcase;
}

RUNNER_MAIN("budget", budget_case)

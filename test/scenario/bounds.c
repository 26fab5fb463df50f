/* SPDX-License-Identifier: MIT */
/*
 * Bounds that hold at each moment, whatever is done and by how many: of memory, of threads, of
 * what a region costs that is hardly used. A sampler looks all the time at what the counters say,
 * and at what the kernel does.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MIB	  ((size_t)1 << 20)
#define MOST	  (4 * MIB)
#define PIECE	  (2 * MIB) /* that a thread may be filling */
#define MOST_SEEN 64

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- The sampler ---- */

struct range {
	uintptr_t start, end;
};

struct sampler {
	struct uffd_guard *guard;
	struct range ranges[MOST_SEEN];
	size_t n_ranges;
	pthread_t thread;
	atomic_bool is_over;
	uint64_t counted, seen; /* the most there ever was, by the counters and in smaps */
};

static bool is_sampled(const struct sampler *s, uintptr_t start, uintptr_t end)
{
	for (size_t i = 0; i < s->n_ranges; i++) {
		if (start < s->ranges[i].end && s->ranges[i].start < end)
			return true;
	}
	return false;
}

static uint64_t read_rss(const struct sampler *s)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	unsigned long start, end, kib;
	uint64_t all = 0;
	bool is_ours = false;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_ours = is_sampled(s, start, end);
		else if (is_ours && sscanf(line, "Rss: %lu kB", &kib) == 1)
			all += kib * 1024;
	}
	if (f)
		fclose(f);
	return all;
}

/* At least what read_rss() would count, and in a fraction of the time: all of smaps is long. */
static bool may_be_more(const struct sampler *s)
{
	static unsigned char is_there[4096];
	const size_t page = (size_t)getpagesize();
	uint64_t n = 0;
	for (size_t i = 0; i < s->n_ranges; i++) {
		for (uintptr_t at = s->ranges[i].start, end = s->ranges[i].end; at < end;) {
			const size_t left = (end - at + page - 1) / page;
			const size_t n_pages = left < sizeof(is_there) ? left : sizeof(is_there);
			if (mincore((void *)at, n_pages * page, is_there) < 0)
				return true;
			for (size_t k = 0; k < n_pages; k++)
				n += is_there[k] & 1;
			at += n_pages * page;
		}
	}
	return n * page > s->seen;
}

static void look(struct sampler *s)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	for (int i = 0; i < 20; i++) {
		uffd_guard_get_stats(s->guard, &stats);
		if (stats.bytes_resident > s->counted)
			s->counted = stats.bytes_resident;
	}
	if (!may_be_more(s))
		return;
	/* The kernel walks along the pages, and may count some before they go, and those that have
	 * come for them: what is there is there the next time too. */
	uint64_t rss = read_rss(s);
	for (int i = 0; i < 3 && rss > s->seen; i++) {
		const uint64_t again = read_rss(s);
		rss = again < rss ? again : rss;
	}
	if (rss > s->seen)
		s->seen = rss;
}

static void *sample(void *data)
{
	struct sampler *s = data;
	while (!atomic_load(&s->is_over))
		look(s);
	return NULL;
}

static void sampler_start(struct sampler *s)
{
	assert_ok(pthread_create(&s->thread, NULL, sample, s));
}

/* Who fills at one moment: the threads of the test, and the handler. */
static void sampler_stop(struct sampler *s, size_t n_filling)
{
	atomic_store(&s->is_over, true);
	assert_ok(pthread_join(s->thread, NULL));
	look(s);
	const size_t most = MOST + n_filling * PIECE;
	ck_assert_msg(s->counted <= most, "%zu KiB are counted, %zu bear", (size_t)s->counted >> 10,
		most >> 10);
	ck_assert_msg(s->seen <= most, "%zu KiB are resident, %zu bear", (size_t)s->seen >> 10,
		most >> 10);
}

/* ---- Guards with a bound ---- */

struct bound {
	bool is_of_region;
	uint32_t guard_flags, map_flags;
};

static const struct bound bounds[] = {
	{ false, 0, 0 },
	{ true, 0, 0 },
	{ false, 0, UFFD_GUARD_MAP_WRITE },
	{ true, 0, UFFD_GUARD_MAP_WRITE },
	{ false, UFFD_GUARD_USER_FAULTS_ONLY, 0 },
};
#define N_BOUNDS ((int)(sizeof(bounds) / sizeof(bounds[0])))

static void start_guard(struct fixture *f, const struct bound *bound)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() | bound->guard_flags,
		.max_resident = bound->is_of_region ? 0 : MOST };
	*f = (struct fixture){ .page = (size_t)getpagesize() };
	assert_ok(uffd_guard_create(&options, &f->guard));
}

/* Where not, what is populated counts as stored to, and stays. */
static bool stores_are_seen(const struct fixture *f)
{
	return uffd_guard_features(f->guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS;
}

static bool bound_holds(const struct fixture *f, const struct bound *bound)
{
	if (!(bound->map_flags & UFFD_GUARD_MAP_WRITE) || stores_are_seen(f))
		return true;
	runner_skip("the stores of system calls are not seen");
	uffd_guard_destroy(f->guard);
	return false;
}

/* A client's file of so many bytes, data or a part of it. */
static int create_file(size_t length, unsigned percent_of_data)
{
	const size_t page = (size_t)getpagesize();
	char *bytes = malloc(page);
	memset(bytes, 'd', page);
	int fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	assert_ok(ftruncate(fd, (off_t)length));
	for (size_t i = 0; i < length / page; i++) {
		if (i * 37 % 100 < percent_of_data)
			ck_assert_int_eq(pwrite(fd, bytes, page, (off_t)(i * page)), (ssize_t)page);
	}
	free(bytes);
	return fd;
}

static void map_sampled(
	struct fixture *f, const struct bound *bound, size_t length, struct sampler *s)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = bound->map_flags,
		.max_resident = bound->is_of_region ? MOST : 0 };
	assert_ok(uffd_guard_map(f->guard, f->fd, length, &options, &f->region));
	f->data = uffd_guard_region_data(f->region);
	s->guard = f->guard;
	if (s->n_ranges < MOST_SEEN)
		s->ranges[s->n_ranges++] =
			(struct range){ (uintptr_t)f->data, (uintptr_t)f->data + length };
}

static void read_all(const struct fixture *f, size_t length)
{
	for (size_t at = 0; at < length; at += f->page)
		(void)f->data[at];
}

/* ---- What was discarded ---- */

START_TEST(pages_read_and_discarded_leave_the_bound_as_it_is)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[_i]);
	const size_t small = 16 * MIB, large = 64 * MIB;
	f.fd = create_file(large, 100);
	map_sampled(&f, &bounds[_i], large, &s);
	sampler_start(&s);
	for (size_t i = 0; i < 4096; i++) { /* single pages */
		const size_t at = (1 + i * 2 % (small / f.page - 2)) * f.page;
		(void)f.data[at];
		assert_ok(uffd_guard_discard(f.region, at, f.page));
	}
	read_all(&f, large);
	sampler_stop(&s, 1);
	fixture_stop(&f);
}
END_TEST

START_TEST(regions_that_have_gone_leave_the_bound_as_it_is)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[0]);
	f.fd = create_file(64 * MIB, 100);
	for (size_t i = 0; i < 2000; i++) {
		struct uffd_guard_region *region;
		assert_ok(uffd_guard_map(f.guard, f.fd, 2 * f.page, NULL, &region));
		(void)((volatile char *)uffd_guard_region_data(region))[f.page];
		uffd_guard_unmap(region);
	}
	map_sampled(&f, &bounds[0], 64 * MIB, &s);
	sampler_start(&s);
	read_all(&f, 64 * MIB);
	sampler_stop(&s, 1);
	fixture_stop(&f);
}
END_TEST

/* ---- Stores that could be, and are not ---- */

START_TEST(populating_more_than_the_bound_stays_within)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[_i]);
	f.fd = create_file(64 * MIB, 100);
	map_sampled(&f, &bounds[_i], 64 * MIB, &s);
	sampler_start(&s);
	assert_ok(uffd_guard_populate(f.region, 0, 64 * MIB));
	sampler_stop(&s, 1);
	fixture_stop(&f);
}
END_TEST

START_TEST(refreshing_some_bytes_of_each_page_stays_within)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[_i]);
	const size_t length = 16 * MIB, n = length / f.page;
	f.fd = create_file(length, 50);
	map_sampled(&f, &bounds[_i], length, &s);
	struct uffd_guard_span *spans = calloc(n, sizeof(*spans));
	for (size_t i = 0; i < n; i++)
		spans[i] = (struct uffd_guard_span){ .offset = i * f.page + 50, .length = 100 };
	sampler_start(&s);
	for (int round = 0; round < 2; round++) {
		read_all(&f, length);
		assert_ok(uffd_guard_refresh_spans(f.region, spans, n));
		for (size_t i = 0; i < n; i++) { /* page by page, as it is read */
			(void)f.data[i * f.page];
			assert_ok(uffd_guard_refresh(f.region, spans[i].offset, 100));
		}
	}
	sampler_stop(&s, 1);
	free(spans);
	fixture_stop(&f);
}
END_TEST

START_TEST(many_small_regions_populated_one_by_one_stay_within)
{
	struct sampler s = { 0 };
	struct fixture f, all[MOST_SEEN];
	if (runner_skip_eager())
		return;
	struct bound bound = bounds[_i];
	bound.is_of_region = false;
	start_guard(&f, &bound);
	if (!bound_holds(&f, &bound))
		return;
	const size_t length = 64 * f.page * 4; /* 64 of them: 64 MiB */
	f.fd = create_file(length, 100);
	for (size_t i = 0; i < MOST_SEEN; i++) {
		all[i] = f;
		map_sampled(&all[i], &bound, length, &s);
	}
	sampler_start(&s);
	for (size_t i = 0; i < MOST_SEEN; i++)
		assert_ok(uffd_guard_populate(all[i].region, 0, length));
	for (size_t i = 0; i < MOST_SEEN; i++)
		assert_ok(uffd_guard_refresh(all[i].region, 0, length));
	sampler_stop(&s, 1);
	for (size_t i = 0; i < MOST_SEEN; i++)
		uffd_guard_unmap(all[i].region);
	close(f.fd);
	uffd_guard_destroy(f.guard);
}
END_TEST

/* ---- Many threads ---- */

struct worker {
	struct fixture *f;
	size_t length;
	void (*work)(struct fixture *f, size_t length, unsigned n);
	pthread_t thread;
};

static void *work_for_a_while(void *data)
{
	struct worker *worker = data;
	unsigned n = 0;
	for (uint64_t end = now_ms() + 300; now_ms() < end; n++)
		worker->work(worker->f, worker->length, n);
	return NULL;
}

static void read_some(struct fixture *f, size_t length, unsigned n)
{
	const size_t n_pages = length / f->page;
	for (size_t i = 0; i < 64; i++)
		(void)f->data[(n * 61 + i) % n_pages * f->page];
}

static void read_by_jumps(struct fixture *f, size_t length, unsigned n)
{
	(void)f->data[n * 7919 % (length / f->page) * f->page];
}

static void refresh_spans(struct fixture *f, size_t length, unsigned n)
{
	struct uffd_guard_span spans[200];
	for (size_t i = 0; i < 200; i++)
		spans[i] =
			(struct uffd_guard_span){ .offset = (i * 4099 + n) * 997 % (length - 20000),
				.length = 1 + i * 97 };
	assert_ok(uffd_guard_refresh_spans(f->region, spans, 200));
}

static void refresh_all(struct fixture *f, size_t length, unsigned n)
{
	(void)n;
	assert_ok(uffd_guard_refresh(f->region, 0, length / 2));
}

static void populate_some(struct fixture *f, size_t length, unsigned n)
{
	assert_ok(uffd_guard_populate(f->region, n * 333 * f->page % (length / 4), length / 4));
}

static void discard_some(struct fixture *f, size_t length, unsigned n)
{
	assert_ok(uffd_guard_discard(f->region, n * 77 * f->page % (length / 4), length / 16));
}

static void resize_to_and_fro(struct fixture *f, size_t length, unsigned n)
{
	assert_ok(uffd_guard_resize(f->region, n % 2 ? length : length / 2));
}

static void work_at_once(struct fixture *f, size_t length, struct sampler *s, size_t n_works,
	void (*const works[])(struct fixture *f, size_t length, unsigned n))
{
	struct worker workers[8];
	sampler_start(s);
	for (size_t i = 0; i < n_works; i++) {
		workers[i] = (struct worker){ .f = f, .length = length, .work = works[i] };
		assert_ok(pthread_create(&workers[i].thread, NULL, work_for_a_while, &workers[i]));
	}
	for (size_t i = 0; i < n_works; i++)
		assert_ok(pthread_join(workers[i].thread, NULL));
}

START_TEST(refreshing_spans_while_four_threads_read_stays_within)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[_i / 3]);
	f.fd = create_file(64 * MIB, 70 - (unsigned)(_i % 3) * 30);
	map_sampled(&f, &bounds[_i / 3], 64 * MIB, &s);
	work_at_once(&f, 64 * MIB, &s, 5,
		(void (*const[])(struct fixture *, size_t, unsigned)){
			refresh_spans, read_some, read_some, read_by_jumps, read_by_jumps });
	sampler_stop(&s, 2); /* who refreshes, and the handler */
	fixture_stop(&f);
}
END_TEST

START_TEST(whatever_is_done_at_once_stays_within)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[_i]);
	if (!bound_holds(&f, &bounds[_i]))
		return;
	f.fd = create_file(64 * MIB, 80);
	map_sampled(&f, &bounds[_i], 64 * MIB, &s);
	/* Not behind the half, which may be outside. */
	work_at_once(&f, 32 * MIB, &s, 6,
		(void (*const[])(struct fixture *, size_t, unsigned)){ refresh_all, populate_some,
			discard_some, read_some, read_by_jumps, populate_some });
	sampler_stop(&s, 5);
	fixture_stop(&f);
}
END_TEST

static void resize_whole(struct fixture *f, size_t length, unsigned n)
{
	resize_to_and_fro(f, 2 * length, n);
}

START_TEST(resizing_beside_readers_stays_within)
{
	struct sampler s = { 0 };
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[_i]);
	if (!bound_holds(&f, &bounds[_i]))
		return;
	f.fd = create_file(64 * MIB, 80);
	map_sampled(&f, &bounds[_i], 64 * MIB, &s);
	work_at_once(&f, 32 * MIB, &s, 4,
		(void (*const[])(struct fixture *, size_t, unsigned)){
			resize_whole, read_some, read_by_jumps, populate_some });
	sampler_stop(&s, 3);
	fixture_stop(&f);
}
END_TEST

/* Stores are the exception, and come back within the bound when they are saved. */
START_TEST(stores_may_exceed_the_bound_until_they_are_written_back)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	start_guard(&f, &bounds[2]);
	const size_t length = 4 * MOST;
	f.fd = create_file(length, 100);
	struct sampler s = { 0 };
	map_sampled(&f, &bounds[2], length, &s);
	for (size_t at = 0; at < length; at += f.page)
		f.data[at] = 'w';
	for (size_t at = 0; at < length; at += f.page)
		ck_assert_uint_eq(f.data[at], 'w');
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, length), (ssize_t)length);
	read_all(&f, length);
	if (stores_are_seen(&f))
		assert_ok(uffd_guard_populate(f.region, 0, length));
	sampler_start(&s);
	for (size_t at = 0; at < length; at += f.page)
		ck_assert_uint_eq(f.data[at], 'w');
	sampler_stop(&s, 1);
	fixture_stop(&f);
}
END_TEST

/* ---- Stores and refresh beside eviction ---- */

struct storing {
	struct fixture f;
	size_t n_pages;
	uint64_t until;
};

/* Each store is there until it is saved, and in the file then. */
static void *store_and_save(void *data)
{
	struct storing *s = data;
	struct fixture *f = &s->f;
	unsigned char *expected = malloc(s->n_pages);
	memset(expected, 'd', s->n_pages);
	for (size_t n = 0; now_ms() < s->until; n++) {
		const size_t page = n * 7919 % s->n_pages;
		ck_assert_uint_eq(f->data[page * f->page], expected[page]);
		expected[page] = (unsigned char)(n % 251);
		f->data[page * f->page] = expected[page];
		if (n % 200 == 199)
			ck_assert_int_eq(uffd_guard_write_back(f->region, 0, s->n_pages * f->page),
				(ssize_t)(s->n_pages * f->page));
	}
	free(expected);
	return NULL;
}

START_TEST(stores_are_kept_while_another_thread_evicts)
{
	struct sampler unused = { 0 };
	struct storing s = { .n_pages = 900, .until = now_ms() + 2000 };
	struct fixture other;
	pthread_t thread;
	if (runner_skip_eager())
		return;
	start_guard(&s.f, &bounds[2]);
	other = s.f;
	s.f.fd = create_file(s.n_pages * s.f.page, 100);
	other.fd = create_file(2 * MOST, 100);
	map_sampled(&s.f, &bounds[2], s.n_pages * s.f.page, &unused);
	map_sampled(&other, &bounds[0], 2 * MOST, &unused);
	assert_ok(pthread_create(&thread, NULL, store_and_save, &s));
	while (now_ms() < s.until) {
		assert_ok(uffd_guard_discard(other.region, 0, 2 * MOST));
		assert_ok(uffd_guard_populate(other.region, 0, 2 * MOST));
	}
	assert_ok(pthread_join(thread, NULL));
	uffd_guard_unmap(other.region);
	close(other.fd);
	fixture_stop(&s.f);
}
END_TEST

static atomic_bool holds_madvise, is_held;

static int hold_for_a_while(const struct injected_call *call, void *data)
{
	(void)call;
	(void)data;
	if (atomic_exchange(&holds_madvise, false)) {
		atomic_store(&is_held, true);
		usleep(300000);
	}
	return INJECT_CONTINUE;
}

/* Two regions of a guard whose bound the first one fills. */
static void start_two(struct fixture *f, struct fixture *other, size_t n_pages, uint32_t flags)
{
	*f = (struct fixture){ .page = (size_t)getpagesize() };
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags(),
		.max_resident = n_pages * f->page };
	const struct uffd_guard_map_options map = { .size = sizeof(map), .flags = flags };
	assert_ok(uffd_guard_create(&options, &f->guard));
	*other = *f;
	f->fd = file_create(FILE_MEMFD, n_pages, false);
	other->fd = file_create(FILE_MEMFD, 1, false);
	assert_ok(uffd_guard_map(f->guard, f->fd, n_pages * f->page, &map, &f->region));
	assert_ok(uffd_guard_map(f->guard, other->fd, f->page, NULL, &other->region));
	f->data = uffd_guard_region_data(f->region);
	other->data = uffd_guard_region_data(other->region);
	read_all(f, n_pages * f->page);
}

static void stop_two(struct fixture *f, struct fixture *other)
{
	uffd_guard_unmap(other->region);
	close(other->fd);
	fixture_stop(f);
}

/* @reader is just taking pages of @f away, for one of @other. */
static void start_two_and_evict(struct fixture *f, struct fixture *other, struct reader *reader)
{
	inject_syscall(SYS_madvise, 2, MADV_DONTNEED, hold_for_a_while, NULL);
	start_two(f, other, 64, 0);
	atomic_store(&holds_madvise, true);
	reader_start(reader, other->data);
	while (!atomic_load(&is_held))
		usleep(1000);
}

/* A page that goes for another region's sake is noted as gone, and can be read until it is. */
START_TEST(refresh_waits_for_who_evicts)
{
	struct fixture f, other;
	struct reader reader;
	if (runner_skip_eager())
		return;
	start_two_and_evict(&f, &other, &reader);
	for (size_t i = 0; i < 64; i++)
		file_write_page(f.fd, i, 99);
	assert_ok(uffd_guard_refresh(f.region, 0, 64 * f.page));
	for (size_t i = 0; i < 64; i++)
		ck_assert_uint_eq(f.data[i * f.page], 99);
	ck_assert_int_eq(reader_finish(&reader), page_value(0));
	stop_two(&f, &other);
}
END_TEST

/* Or else the pages go of whatever is mapped there next. */
START_TEST(unmap_waits_for_who_evicts)
{
	struct fixture f, other;
	struct reader reader;
	if (runner_skip_eager())
		return;
	start_two_and_evict(&f, &other, &reader);
	const size_t length = 64 * f.page;
	uffd_guard_unmap(f.region);
	f.region = NULL;
	unsigned char *mine = mmap((void *)f.data, length, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ck_assert_ptr_eq(mine, (void *)f.data);
	memset(mine, 77, length);
	ck_assert_int_eq(reader_finish(&reader), page_value(0));
	for (size_t i = 0; i < length; i++)
		ck_assert_uint_eq(mine[i], 77);
	munmap(mine, length);
	stop_two(&f, &other);
}
END_TEST

static void *populate_page(void *data)
{
	const struct fixture *f = data;
	assert_ok(uffd_guard_populate(f->region, 0, f->page));
	return NULL;
}

START_TEST(store_to_a_page_that_another_thread_evicts_is_kept)
{
	struct fixture f, other;
	pthread_t thread;
	if (runner_skip_eager())
		return;
	inject_syscall(SYS_madvise, 2, MADV_DONTNEED, hold_for_a_while, NULL);
	start_two(&f, &other, 64, UFFD_GUARD_MAP_WRITE);
	atomic_store(&holds_madvise, true);
	assert_ok(pthread_create(&thread, NULL, populate_page, &other));
	while (!atomic_load(&is_held))
		usleep(1000);
	for (size_t i = 0; i < 64; i++)
		f.data[i * f.page] = 77;
	assert_ok(pthread_join(thread, NULL));
	for (size_t i = 0; i < 64; i++)
		ck_assert_uint_eq(f.data[i * f.page], 77);
	stop_two(&f, &other);
}
END_TEST

/* ---- What a region costs that is hardly used ---- */

START_TEST(reserve_of_two_gigabytes_costs_what_is_filled)
{
	enum { N = 400 };
	struct fixture f = { .page = (size_t)getpagesize() };
	struct uffd_guard_region *regions[N];
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.reserve = (size_t)2 << 30 };
	if (sizeof(size_t) < 8) {
		runner_skip("32 bits have no room for two gigabytes");
		return;
	}
	if (IS_SANITIZED) {
		runner_skip("a sanitizer's own memory grows with each allocation");
		return;
	}
	if (runner_is_eager() && _i == 0 && loads_cost_memory()) {
		runner_skip("this kernel has no page of zeros to share");
		return;
	}
	f.guard = guard_start(0);
	f.fd = file_create(FILE_MEMFD, 16, _i == 0);
	struct uffd_guard_region *warm;
	for (int i = 0; i < 3; i++) { /* which teaches malloc(3) to keep what is large */
		assert_ok(uffd_guard_map(f.guard, f.fd, 16 * f.page, &options, &warm));
		uffd_guard_unmap(warm);
	}
	const size_t before = count_anonymous_bytes();
	for (int i = 0; i < N; i++) {
		assert_ok(uffd_guard_map(f.guard, f.fd, 16 * f.page, &options, &regions[i]));
		(void)((volatile char *)uffd_guard_region_data(regions[i]))[15 * f.page];
	}
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	assert_ok(uffd_guard_get_stats(f.guard, &stats));
	const size_t cost = (count_anonymous_bytes() - before - stats.bytes_resident) / N;
	ck_assert_msg(cost < 1024, "%zu bytes for a region", cost);
	for (int i = 0; i < N; i++)
		uffd_guard_unmap(regions[i]);
	close(f.fd);
	uffd_guard_destroy(f.guard);
}
END_TEST

static TCase *memory_case(void)
{
	TCase *tcase = tcase_create("memory");
	tcase_add_loop_test(tcase, pages_read_and_discarded_leave_the_bound_as_it_is, 0, N_BOUNDS);
	tcase_add_test(tcase, regions_that_have_gone_leave_the_bound_as_it_is);
	tcase_add_loop_test(tcase, populating_more_than_the_bound_stays_within, 0, N_BOUNDS);
	tcase_add_loop_test(tcase, refreshing_some_bytes_of_each_page_stays_within, 0, N_BOUNDS);
	tcase_add_loop_test(
		tcase, many_small_regions_populated_one_by_one_stay_within, 0, N_BOUNDS);
	tcase_add_test(tcase, stores_may_exceed_the_bound_until_they_are_written_back);
	return tcase;
}

static TCase *threads_case(void)
{
	TCase *tcase = tcase_create("threads");
	tcase_add_loop_test(
		tcase, refreshing_spans_while_four_threads_read_stays_within, 0, 3 * N_BOUNDS);
	tcase_add_loop_test(tcase, whatever_is_done_at_once_stays_within, 0, N_BOUNDS);
	tcase_add_test(tcase, stores_are_kept_while_another_thread_evicts);
	tcase_add_test(tcase, refresh_waits_for_who_evicts);
	tcase_add_test(tcase, unmap_waits_for_who_evicts);
	tcase_add_test(tcase, store_to_a_page_that_another_thread_evicts_is_kept);
	tcase_add_loop_test(tcase, resizing_beside_readers_stays_within, 0, N_BOUNDS);
	return tcase;
}

static TCase *unused_case(void)
{
	TCase *tcase = tcase_create("unused");
	tcase_add_loop_test(tcase, reserve_of_two_gigabytes_costs_what_is_filled, 0, 2);
	return tcase;
}

RUNNER_MAIN("bounds", memory_case, threads_case, unused_case)

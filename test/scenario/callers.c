/* SPDX-License-Identifier: MIT */
/* Several callers of one guard at a time, as its event loop is one of them. A hang is the test's
 * timeout. */
#include "../support/fixture.h"
#include "../support/fuse_file.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_MS 1500 /* for races that no step of a test can force */

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- on_event may call anything ---- */

struct loop {
	struct uffd_guard *guard;
	void (*on_event)(const struct uffd_guard_event *event, void *data);
	pthread_t thread;
	atomic_bool is_over;
	atomic_size_t n_events, n_wrong;
	size_t page;
};

static void *dispatch_for_ever(void *data)
{
	struct loop *loop = data;
	while (!atomic_load(&loop->is_over))
		uffd_guard_dispatch(loop->guard, loop->on_event, loop);
	return NULL;
}

static void loop_start(struct loop *loop, const struct fixture *f,
	void (*on_event)(const struct uffd_guard_event *event, void *data))
{
	*loop = (struct loop){ .guard = f->guard, .on_event = on_event, .page = f->page };
	assert_ok(pthread_create(&loop->thread, NULL, dispatch_for_ever, loop));
}

static void loop_stop(struct loop *loop)
{
	atomic_store(&loop->is_over, true);
	assert_ok(pthread_join(loop->thread, NULL));
	ck_assert_uint_eq(loop->n_wrong, 0);
}

static void refresh_it(const struct uffd_guard_event *event, void *data)
{
	struct loop *loop = data;
	atomic_fetch_add(&loop->n_events, 1);
	if (uffd_guard_refresh(event->region, 0, loop->page))
		atomic_fetch_add(&loop->n_wrong, 1);
}

static void read_it(const struct uffd_guard_event *event, void *data)
{
	struct loop *loop = data;
	const volatile unsigned char *bytes = uffd_guard_region_data(event->region);
	atomic_fetch_add(&loop->n_events, 1);
	const bool is_there = bytes[0] == page_value(0);
	/* EAGER may tell while map is still at work. */
	if (!is_there && !runner_is_eager())
		atomic_fetch_add(&loop->n_wrong, 1);
}

static void use_it(const struct uffd_guard_event *event, void *data)
{
	struct loop *loop = data;
	const size_t length = uffd_guard_region_length(event->region);
	atomic_fetch_add(&loop->n_events, 1);
	if (uffd_guard_populate(event->region, 0, length) ||
		uffd_guard_discard(event->region, 0, length) ||
		uffd_guard_resize(event->region, length / 2 + loop->page))
		atomic_fetch_add(&loop->n_wrong, 1);
	uffd_guard_dispatch(loop->guard, loop->on_event, loop);
}

static void (*const uses[])(
	const struct uffd_guard_event *event, void *data) = { refresh_it, read_it, use_it };
#define N_USES ((int)(sizeof(uses) / sizeof(uses[0])))

/* Regions come and go, and each has a loss to tell of. */
static void *map_lose_and_unmap(void *data)
{
	const struct fixture *f = data;
	const uint64_t end = now_ms() + RUN_MS;
	while (now_ms() < end) {
		struct uffd_guard_region *region;
		assert_ok(uffd_guard_map(f->guard, f->fd, 40 * f->page, NULL, &region));
		(void)((volatile unsigned char *)uffd_guard_region_data(region))[39 * f->page];
		uffd_guard_unmap(region);
	}
	return NULL;
}

START_TEST(regions_are_unmapped_while_their_events_use_them)
{
	struct fixture f;
	struct loop loop;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 1 }));
	loop_start(&loop, &f, uses[_i]);
	do
		map_lose_and_unmap(&f);
	while (loop.n_events == 0); /* on a busy machine the other thread may never be in time */
	loop_stop(&loop);
	fixture_stop(&f);
}
END_TEST

START_TEST(many_threads_unmap_while_two_dispatch)
{
	struct fixture f;
	struct loop loops[2];
	pthread_t threads[4];
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 1 }));
	for (int i = 0; i < 2; i++)
		loop_start(&loops[i], &f, uses[i]);
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, map_lose_and_unmap, &f));
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_join(threads[i], NULL));
	for (int i = 0; i < 2; i++)
		loop_stop(&loops[i]);
	struct uffd_guard_stats stats = fixture_stats(&f);
	ck_assert_uint_eq(stats.regions, 1);
	fixture_stop(&f);
}
END_TEST

/* The same, one step after the other. */
struct delivery {
	const struct fixture *fixture;
	struct uffd_guard_region *region;
	atomic_bool is_inside, has_unmapped;
	bool was_whole;
};

static void use_it_while_it_is_unmapped(const struct uffd_guard_event *event, void *data)
{
	struct delivery *delivery = data;
	const struct fixture *f = delivery->fixture;
	atomic_store(&delivery->is_inside, true);
	usleep(100000); /* the other thread comes as far as it may */
	delivery->was_whole =
		!atomic_load(&delivery->has_unmapped) && fixture_stats(f).regions == 2 &&
		uffd_guard_refresh(event->region, 0, f->page) == 0 &&
		*(volatile unsigned char *)uffd_guard_region_data(event->region) == page_value(0);
}

static void *unmap_while_it_is_delivered(void *data)
{
	struct delivery *delivery = data;
	while (!atomic_load(&delivery->is_inside))
		sched_yield();
	uffd_guard_unmap(delivery->region);
	atomic_store(&delivery->has_unmapped, true);
	return NULL;
}

START_TEST(region_is_whole_as_long_as_its_event_is_delivered)
{
	struct fixture f;
	pthread_t thread;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 1 }));
	struct delivery delivery = { .fixture = &f };
	assert_ok(uffd_guard_map(f.guard, f.fd, 4 * f.page, NULL, &delivery.region));
	(void)((volatile unsigned char *)uffd_guard_region_data(delivery.region))[3 * f.page];
	assert_ok(pthread_create(&thread, NULL, unmap_while_it_is_delivered, &delivery));
	ck_assert_int_eq(uffd_guard_dispatch(f.guard, use_it_while_it_is_unmapped, &delivery), 1);
	assert_ok(pthread_join(thread, NULL));
	ck_assert(delivery.was_whole);
	fixture_stop(&f);
}
END_TEST

/* ---- A handler that gives up while a region is on its way out ---- */

struct leaving {
	struct fixture f;
	int pipe[2];
	ssize_t written;
};

static void *populate_first_page(void *data)
{
	struct leaving *leaving = data;
	uffd_guard_populate(leaving->f.region, 0, leaving->f.page);
	return NULL;
}

static void *unmap_region(void *data)
{
	struct leaving *leaving = data;
	uffd_guard_unmap(leaving->f.region);
	return NULL;
}

static void *write_last_page(void *data)
{
	struct leaving *leaving = data;
	const void *bytes = (const void *)&leaving->f.data[3 * leaving->f.page];
	leaving->written = write(leaving->pipe[1], bytes, 1);
	return NULL;
}

/* Of a file that does not answer, which makes unmap wait for a caller who still asks it. */
static struct fuse_file *leaving_start(struct leaving *leaving)
{
	struct fixture *f = &leaving->f;
	const struct uffd_guard_options options = {
		.size = sizeof(options), .flags = runner_guard_flags(), .read_deadline_ms = 1000
	};
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_ANY_FILE };
	struct fuse_file *file = fuse_file_start(4, false);
	if (!file)
		return NULL;
	*leaving = (struct leaving){ .f = { .page = (size_t)getpagesize() } };
	assert_ok(pipe(leaving->pipe));
	assert_ok(uffd_guard_create(&options, &f->guard));
	fuse_file_behave(file, FUSE_STALLS);
	assert_ok(uffd_guard_map(f->guard, fuse_file_fd(file), 4 * f->page, &map, &f->region));
	f->data = uffd_guard_region_data(f->region);
	return file;
}

static int fail_once(const struct injected_call *call, void *data)
{
	(void)call;
	return atomic_exchange((atomic_bool *)data, false) ? -EINVAL : INJECT_CONTINUE;
}

/* The last one's system call asks for a page of the region when that is out of the table, but still
 * mapped. It is told so (EFAULT), however the handler ends. */
START_TEST(who_waits_in_a_region_on_its_way_out_is_woken_though_the_handler_gives_up)
{
	struct leaving leaving;
	pthread_t populating, unmapping, writing;
	static atomic_bool fails;
	if (runner_skip_eager())
		return;
	if (IS_SANITIZED) { /* unmapping under a caller is forbidden: here it makes the moment last
			     */
		runner_skip("a sanitizer finds the misuse that makes a moment last");
		return;
	}
	if (runner_guard_flags() & UFFD_GUARD_NO_IO_URING) {
		runner_skip("files that may block need io_uring");
		return;
	}
	inject_ioctl(UFFDIO_WAKE, fail_once, &fails);
	struct fuse_file *file = leaving_start(&leaving);
	if (!file)
		return;
	struct uffd_guard *guard = leaving.f.guard;
	if (!(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS)) {
		runner_skip("a system call cannot be made to wait for a page");
		return;
	}
	const pid_t child = fork(); /* holds the userfaultfd open */
	if (child == 0) {
		pause();
		_exit(0);
	}
	assert_ok(pthread_create(&populating, NULL, populate_first_page, &leaving));
	usleep(100000); /* it waits for the file */
	assert_ok(pthread_create(&unmapping, NULL, unmap_region, &leaving));
	usleep(100000); /* it waits for that one */
	atomic_store(
		&fails, true); /* nobody knows the page; and the wake fails: the handler gives up */
	assert_ok(pthread_create(&writing, NULL, write_last_page, &leaving));
	assert_ok(pthread_join(populating, NULL));
	assert_ok(pthread_join(unmapping, NULL));
	assert_ok(pthread_join(writing, NULL)); /* a hang if nobody wakes it */
	ck_assert_int_eq(leaving.written, -1);
	fuse_file_behave(file, FUSE_ANSWERS); /* or the child could not close it */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	uffd_guard_destroy(guard);
	fuse_file_stop(file);
}
END_TEST

/* ---- System calls beside a refresh, with user-mode faults only ---- */

#define SHARED_PAGES 64

struct refresher {
	struct fixture f;
	pthread_t thread;
	atomic_bool is_over;
	int change; /* what the client does to its file in between */
};

static void change_file(struct refresher *r, unsigned round)
{
	struct fixture *f = &r->f;
	switch (r->change) {
	case 1: /* data comes, and goes again */
		if (round % 2)
			file_punch(f->fd, 0, SHARED_PAGES);
		else
			for (size_t i = 0; i < SHARED_PAGES; i += 2)
				file_write_page(f->fd, i, 7);
		break;
	case 2: /* it is cut, and grows again */
		fixture_truncate(f, round % 2 ? SHARED_PAGES : 3);
		break;
	}
}

static void *refresh_for_ever(void *data)
{
	struct refresher *r = data;
	for (unsigned round = 0; !atomic_load(&r->is_over); round++) {
		change_file(r, round);
		assert_ok(uffd_guard_refresh(r->f.region, 0, SHARED_PAGES * r->f.page));
		assert_ok(uffd_guard_refresh(r->f.region, 10, SHARED_PAGES * r->f.page - 20));
	}
	return NULL;
}

START_TEST(system_call_reads_populated_pages_while_they_are_refreshed)
{
	struct refresher r = { .change = _i };
	struct fixture *f = &r.f;
	ck_assert(fixture_start(f, &(struct fixture_options){ .n_pages = SHARED_PAGES,
					   .is_sparse = true,
					   .guard_flags = UFFD_GUARD_USER_FAULTS_ONLY }));
	const size_t length = SHARED_PAGES * f->page;
	const int sink = memfd_create("sink", MFD_CLOEXEC);
	assert_ok(uffd_guard_populate(f->region, 0, length));
	assert_ok(pthread_create(&r.thread, NULL, refresh_for_ever, &r));
	for (uint64_t end = now_ms() + RUN_MS; now_ms() < end;)
		ck_assert_int_eq(pwrite(sink, (const void *)f->data, length, 0), (ssize_t)length);
	atomic_store(&r.is_over, true);
	assert_ok(pthread_join(r.thread, NULL));
	close(sink);
	fixture_stop(f);
}
END_TEST

/* The pages that stay are still those of the file. */
START_TEST(refresh_that_takes_no_page_away_is_exact)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8,
					    .is_sparse = true,
					    .guard_flags = UFFD_GUARD_USER_FAULTS_ONLY }));
	const size_t all = 8 * f.page;
	assert_ok(uffd_guard_populate(f.region, 0, all));
	f.data[5] = 9; /* a store of ours, in a page of zeros */
	f.data[f.page + 5] = 9;
	file_write_page(f.fd, 2, 22);
	assert_ok(uffd_guard_refresh(f.region, 0, f.page));
	ck_assert_uint_eq(f.data[5], 0);
	ck_assert_uint_eq(f.data[f.page + 5], 9);
	assert_page_is(&f, 2, 0);
	assert_ok(uffd_guard_refresh(f.region, 2 * f.page + 10, 16));
	assert_bytes_are(&f, 2 * f.page, 2 * f.page + 10, 0);
	assert_bytes_are(&f, 2 * f.page + 10, 2 * f.page + 26, 22);
	assert_bytes_are(&f, 2 * f.page + 26, 3 * f.page, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, all));
	assert_page_is(&f, 2, 22);
	assert_page_is(&f, 1, 0);
	file_punch(f.fd, 2, 1);
	assert_ok(uffd_guard_refresh(f.region, 0, all));
	assert_page_is(&f, 2, 0);
	file_write_page(f.fd, 3, 33);
	assert_ok(uffd_guard_refresh(f.region, 0, all));
	assert_ok(ftruncate(f.fd, (off_t)(3 * f.page + 7)));
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, all));
	assert_bytes_are(&f, 3 * f.page, 3 * f.page + 7, 33);
	assert_bytes_are(&f, 3 * f.page + 7, all, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

/* A refresh that has begun before anybody populated may take pages away, for that moment. */
static atomic_bool holds_pages, is_taking_pages;

static int hold_each_for_a_while(const struct injected_call *call, void *data)
{
	(void)call;
	(void)data;
	if (atomic_load(&holds_pages)) {
		atomic_store(&is_taking_pages, true);
		usleep(200000);
	}
	return INJECT_CONTINUE;
}

struct populating {
	const struct fixture *f;
	size_t page;
	pthread_t thread;
};

static void *populate_and_write_from(void *data)
{
	const struct populating *it = data;
	const struct fixture *f = it->f;
	const int sink = memfd_create("sink", MFD_CLOEXEC);
	assert_ok(uffd_guard_populate(f->region, it->page * f->page, f->page));
	for (uint64_t end = now_ms() + 500; now_ms() < end; usleep(1000))
		ck_assert_int_eq(
			pwrite(sink, (const void *)(f->data + it->page * f->page), 1, 0), 1);
	close(sink);
	return NULL;
}

static void *refresh_two_pages(void *data)
{
	const struct fixture *f = data;
	assert_ok(uffd_guard_refresh(f->region, 0, 2 * f->page));
	return NULL;
}

START_TEST(each_that_populates_waits_for_a_refresh_that_is_taking_pages_away)
{
	struct fixture f;
	struct populating them[2] = { { .f = &f, .page = 0 }, { .f = &f, .page = 1 } };
	pthread_t refresher;
	if (runner_skip_eager())
		return;
	inject_syscall(SYS_madvise, 2, MADV_DONTNEED, hold_each_for_a_while, NULL);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 2,
					    .guard_flags = UFFD_GUARD_USER_FAULTS_ONLY }));
	for (size_t i = 0; i < 2; i++)
		assert_page_is(&f, i, page_value(i));
	file_punch(f.fd, 0, 2);
	atomic_store(&holds_pages, true);
	assert_ok(pthread_create(&refresher, NULL, refresh_two_pages, &f));
	while (!atomic_load(&is_taking_pages))
		usleep(1000);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(pthread_create(&them[i].thread, NULL, populate_and_write_from, &them[i]));
		usleep(20000); /* the first is to have begun when the second one does */
	}
	for (size_t i = 0; i < 2; i++)
		assert_ok(pthread_join(them[i].thread, NULL));
	assert_ok(pthread_join(refresher, NULL));
	fixture_stop(&f);
}
END_TEST

/* ---- Populate and what the program has given back ---- */

START_TEST(populate_brings_back_what_the_program_gave_away)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8,
					    .guard_flags = UFFD_GUARD_USER_FAULTS_ONLY }));
	const int sink = memfd_create("sink", MFD_CLOEXEC);
	file_punch(f.fd, 4, 1);
	assert_ok(uffd_guard_populate(f.region, 0, 8 * f.page));
	for (size_t first = 0; first < 8; first++) {
		file_write_page(f.fd, 3, (unsigned char)(60 + first));
		assert_ok(madvise(
			(void *)&f.data[first * f.page], (8 - first) * f.page, MADV_DONTNEED));
		assert_ok(uffd_guard_populate(f.region, first * f.page, (8 - first) * f.page));
		ck_assert_int_eq(
			pwrite(sink, (const void *)f.data, 8 * f.page, 0), (ssize_t)(8 * f.page));
		assert_page_is(&f, 3, (unsigned char)(60 + (first < 4 ? first : 3)));
		assert_page_is(&f, 4, 0);
	}
	close(sink);
	fixture_stop(&f);
}
END_TEST

/* ---- Two at once ---- */

struct neighbour {
	struct fixture f;
	unsigned char value;
	pthread_t thread;
};

static void *fill_and_compare(void *data)
{
	struct neighbour *n = data;
	struct fixture *f = &n->f;
	for (uint64_t end = now_ms() + RUN_MS; now_ms() < end;) {
		assert_ok(uffd_guard_discard(f->region, 0, 64 * f->page));
		assert_ok(uffd_guard_populate(f->region, 0, 64 * f->page));
		for (size_t i = 0; i < 64; i++)
			ck_assert_uint_eq(f->data[i * f->page + i], n->value);
		f->data[f->page] = 0;
		assert_ok(uffd_guard_refresh(f->region, 0, 64 * f->page));
		ck_assert_uint_eq(f->data[f->page], n->value);
	}
	return NULL;
}

START_TEST(callers_at_once_get_their_own_clients_bytes)
{
	struct neighbour all[4];
	ck_assert(fixture_start(&all[0].f, &(struct fixture_options){ .n_pages = 64 }));
	for (unsigned i = 0; i < 4; i++) {
		struct fixture *f = &all[i].f;
		if (i > 0) {
			*f = (struct fixture){ .guard = all[0].f.guard, .page = all[0].f.page };
			f->fd = file_create(FILE_MEMFD, 64, false);
			assert_ok(uffd_guard_map(f->guard, f->fd, 64 * f->page, NULL, &f->region));
			f->data = uffd_guard_region_data(f->region);
		}
		all[i].value = (unsigned char)(100 + i);
		for (size_t k = 0; k < 64; k++)
			file_write_page(f->fd, k, all[i].value);
	}
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_create(&all[i].thread, NULL, fill_and_compare, &all[i]));
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_join(all[i].thread, NULL));
	for (int i = 1; i < 4; i++) {
		uffd_guard_unmap(all[i].f.region);
		close(all[i].f.fd);
	}
	fixture_stop(&all[0].f);
}
END_TEST

static void *map_here_and_there(void *data)
{
	const struct fixture *f = data;
	struct uffd_guard_region *regions[16] = { NULL };
	unsigned n = 0;
	for (uint64_t end = now_ms() + RUN_MS; now_ms() < end; n++) {
		struct uffd_guard_region **region = &regions[n * 7 % 16];
		uffd_guard_unmap(*region);
		assert_ok(uffd_guard_map(f->guard, f->fd, (1 + n % 4) * f->page, NULL, region));
		const volatile unsigned char *bytes = uffd_guard_region_data(*region);
		ck_assert_uint_eq(bytes[(n % 4) * f->page], page_value(n % 4));
	}
	for (int i = 0; i < 16; i++)
		uffd_guard_unmap(regions[i]);
	return NULL;
}

START_TEST(regions_are_mapped_and_unmapped_by_many_at_once)
{
	struct fixture f;
	pthread_t threads[4];
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, map_here_and_there, &f));
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_join(threads[i], NULL));
	ck_assert_uint_eq(fixture_stats(&f).regions, 1);
	fixture_stop(&f);
}
END_TEST

static unsigned map_until_refused(struct fixture *f, struct uffd_guard *guard)
{
	enum { MANY = 500 };
	struct uffd_guard_region *regions[MANY];
	unsigned n = 0;
	while (n < MANY && uffd_guard_map(guard, f->fd, f->page, NULL, &regions[n]) == 0)
		n++;
	for (unsigned i = 0; i < n; i++)
		uffd_guard_unmap(regions[i]);
	return n;
}

/* Regions, their memory and their descriptors are counted by all threads, and limited. */
START_TEST(what_many_callers_map_and_unmap_at_once_is_counted_exactly)
{
	enum { MOST = 100, DESCRIPTORS = 200 };
	const struct uffd_guard_options options = {
		.size = sizeof(options), .flags = runner_guard_flags(), .max_regions = MOST
	};
	struct fixture f = { .page = (size_t)getpagesize() };
	struct rlimit limit;
	pthread_t threads[4];
	assert_ok(uffd_guard_create(&options, &f.guard));
	f.fd = file_create(FILE_MEMFD, 4, false);
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, map_here_and_there, &f));
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_join(threads[i], NULL));
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	assert_ok(uffd_guard_get_stats(f.guard, &stats));
	ck_assert_uint_eq(stats.regions, 0);
	ck_assert_uint_eq(stats.bytes_resident, 0);
	ck_assert_uint_eq(map_until_refused(&f, f.guard), MOST);

	struct uffd_guard *other = guard_start(0);
	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = DESCRIPTORS;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	ck_assert_uint_eq(map_until_refused(&f, other), DESCRIPTORS / 4 * 3);
	uffd_guard_destroy(other);
	uffd_guard_destroy(f.guard);
	close(f.fd);
}
END_TEST

struct changer {
	struct fixture *f;
	int what;
	pthread_t thread;
};

static void *change_for_a_while(void *data)
{
	struct changer *c = data;
	struct fixture *f = c->f;
	const size_t all = 64 * f->page;
	unsigned n = 0;
	for (uint64_t end = now_ms() + RUN_MS; now_ms() < end; n++) {
		int err = 0;
		switch (c->what) {
		case 0:
			err = uffd_guard_refresh(f->region, 0, 32 * f->page);
			break;
		case 1:
			err = uffd_guard_resize(f->region, n % 2 ? all : 32 * f->page);
			break;
		case 2:
			err = uffd_guard_discard(f->region, (n % 31) * f->page, f->page);
			break;
		case 3:
			err = uffd_guard_populate(f->region, 0, 32 * f->page);
			break;
		}
		ck_assert_int_eq(err, 0);
		for (size_t i = 0; i < 32; i++)
			ck_assert_uint_eq(f->data[i * f->page], page_value(i));
	}
	return NULL;
}

START_TEST(one_region_is_refreshed_resized_discarded_and_populated_at_once)
{
	struct fixture f;
	struct changer changers[4];
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	for (int i = 0; i < 4; i++) {
		changers[i] = (struct changer){ .f = &f, .what = i };
		assert_ok(pthread_create(
			&changers[i].thread, NULL, change_for_a_while, &changers[i]));
	}
	for (int i = 0; i < 4; i++)
		assert_ok(pthread_join(changers[i].thread, NULL));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

static TCase *events_case(void)
{
	TCase *tcase = tcase_create("events");
	tcase_add_test(tcase, region_is_whole_as_long_as_its_event_is_delivered);
	tcase_add_loop_test(tcase, regions_are_unmapped_while_their_events_use_them, 0, N_USES);
	tcase_add_test(tcase, many_threads_unmap_while_two_dispatch);
	tcase_add_test(
		tcase, who_waits_in_a_region_on_its_way_out_is_woken_though_the_handler_gives_up);
	return tcase;
}

static TCase *system_calls_case(void)
{
	TCase *tcase = tcase_create("system calls");
	tcase_add_loop_test(
		tcase, system_call_reads_populated_pages_while_they_are_refreshed, 0, 3);
	tcase_add_test(tcase, each_that_populates_waits_for_a_refresh_that_is_taking_pages_away);
	tcase_add_test(tcase, refresh_that_takes_no_page_away_is_exact);
	tcase_add_test(tcase, populate_brings_back_what_the_program_gave_away);
	return tcase;
}

static TCase *at_once_case(void)
{
	TCase *tcase = tcase_create("at once");
	tcase_add_test(tcase, callers_at_once_get_their_own_clients_bytes);
	tcase_add_test(tcase, regions_are_mapped_and_unmapped_by_many_at_once);
	tcase_add_test(tcase, what_many_callers_map_and_unmap_at_once_is_counted_exactly);
	tcase_add_test(tcase, one_region_is_refreshed_resized_discarded_and_populated_at_once);
	return tcase;
}

RUNNER_MAIN("callers", events_case, system_calls_case, at_once_case)

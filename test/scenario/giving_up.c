/* SPDX-License-Identifier: MIT */
/*
 * Promise P2: every fault is answered, or the handler gives up, says so, and nobody hangs.
 *
 * Each system call that the handler makes is failed in turn, with each error and for good, while
 * threads wait for pages. The kernel gives few of these answers; a sandbox, a tracer or a kernel
 * to come may give any. Giving up at the limits of the process is in limits.c, with a child in
 * fork.c.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFDIO_MOVE
#define UFFDIO_MOVE _IOC(_IOC_READ | _IOC_WRITE, UFFDIO, 0x05, 5 * sizeof(uint64_t))
#endif

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* ---- The handler's system calls ---- */

/* What a call that fails for good leads to. */
enum outcome {
	GOES_ON, /* all data is right */
	LOSES,	 /* zeros for what is asked, each reported; right again once the call works */
	GIVES_UP,
};

typedef int provoke_fn(const struct injected_call *seen);
static provoke_fn fail_zeropage, say_it_is_there;

struct handler_call {
	const char *name;
	int nr;
	uint32_t request; /* of an ioctl */
	enum outcome outcome;
	provoke_fn *provoke; /* makes the handler come to this call */
	enum { BOTH_LOOPS, POLL_LOOP, URING_LOOP } loop;
	bool is_of_liburing; /* 2.9 makes none as a ring ends */
	bool is_of_moves;    /* made where there are huge pages, and the kernel moves them */
	bool is_at_the_end;  /* made when the thread stops */
	bool is_release;     /* what it does not release is leaked, by whoever let it fail */
};

#define CALL(call)   .name = #call, .nr = SYS_##call
#define IOCTL(which) .name = #which, .nr = SYS_ioctl, .request = (uint32_t)(which)

/* As strace shows them, from the end of uffd_guard_create() on; a test sees to it that none is
 * missing. */
static const struct handler_call handler_calls[] = {
	/* waiting */
	{ CALL(poll), .outcome = GIVES_UP, .loop = POLL_LOOP },
	{ CALL(read), .outcome = GIVES_UP, .loop = POLL_LOOP },
	{ CALL(io_uring_enter), .outcome = GIVES_UP, .loop = URING_LOOP },
	/* whose descriptor it is */
	{ CALL(fcntl), .outcome = GIVES_UP, .provoke = fail_zeropage },
	/* filling */
	{ CALL(pread64), .outcome = LOSES },
	{ IOCTL(UFFDIO_COPY), .outcome = LOSES },
	{ IOCTL(UFFDIO_ZEROPAGE), .outcome = GIVES_UP },
	{ IOCTL(UFFDIO_WAKE), .outcome = GIVES_UP, .provoke = say_it_is_there },
	{ IOCTL(UFFDIO_MOVE), .outcome = GOES_ON, .is_of_moves = true },
	/* a staging buffer in place of the one that was moved away */
	{ CALL(getrusage), .outcome = GOES_ON, .is_of_moves = true },
	{ CALL(mmap), .outcome = GOES_ON, .is_of_moves = true },
	{ CALL(madvise), .outcome = GOES_ON, .is_of_moves = true },
	{ CALL(munlock), .outcome = GOES_ON, .is_of_moves = true },
	/* telling of a loss */
	{ CALL(epoll_ctl), .outcome = GOES_ON },
	/* giving up, and the end */
	{ IOCTL(UFFDIO_UNREGISTER), .outcome = GIVES_UP, .provoke = fail_zeropage },
	{ CALL(dup3), .outcome = GIVES_UP, .provoke = fail_zeropage },
	{ CALL(munmap), .is_at_the_end = true, .is_release = true, .loop = URING_LOOP },
	{ CALL(io_uring_register), .is_at_the_end = true, .loop = URING_LOOP,
		.is_of_liburing = true },
	{ CALL(close), .is_at_the_end = true, .is_release = true, .loop = URING_LOOP },
};
#define N_CALLS N_ELEMENTS(handler_calls)

/* Made, and not in the table: futex(2), which cannot fail for a word that is there; the first where
 * the vDSO has no clock; the second by the C library at the end of a thread. */
static const int other_calls[] = { SYS_clock_gettime, SYS_rt_sigprocmask };

static const int errors[] = { EPERM, EIO, ENOMEM, EINVAL, ENOSYS, EAGAIN, EFAULT };
#define N_ERRORS N_ELEMENTS(errors)

static bool is_the_call(const struct injected_call *seen, int nr, uint32_t request)
{
	return seen->nr == nr && (request == 0 || request == (uint32_t)seen->args[1]);
}

static int fail_zeropage(const struct injected_call *seen)
{
	return is_the_call(seen, SYS_ioctl, (uint32_t)UFFDIO_ZEROPAGE) ? -EINVAL : INJECT_CONTINUE;
}

/* As if another thread had made the page a moment before, and before the reader fell asleep. */
static int say_it_is_there(const struct injected_call *seen)
{
	if (!is_the_call(seen, SYS_ioctl, (uint32_t)UFFDIO_COPY))
		return INJECT_CONTINUE;
	struct uffdio_copy *op = (struct uffdio_copy *)(uintptr_t)seen->args[2];
	struct uffdio_copy by_another = *op;
	by_another.len = (size_t)sysconf(_SC_PAGESIZE);
	by_another.mode = UFFDIO_COPY_MODE_DONTWAKE;
	if (ioctl((int)seen->args[0], UFFDIO_COPY, &by_another) < 0)
		return -errno;
	op->copy = -EEXIST;
	return -EEXIST;
}

/* ---- Failing one of them ---- */

struct failure {
	const struct handler_call *call;
	atomic_int err;	   /* 0: none */
	atomic_int thread; /* the handler's; 0: nothing fails */
	atomic_uint n_failed;
	atomic_int unknown; /* a call that the handler has made and nobody knows of; else -1 */
};

static bool is_known(const struct injected_call *seen)
{
	for (size_t i = 0; i < N_CALLS; i++) {
		if (is_the_call(seen, handler_calls[i].nr, handler_calls[i].request))
			return true;
	}
	for (size_t i = 0; i < N_ELEMENTS(other_calls); i++) {
		if (seen->nr == other_calls[i])
			return true;
	}
	return false;
}

static int fail_it(const struct injected_call *seen, void *data)
{
	struct failure *failure = data;
	const struct handler_call *call = failure->call;
	if (seen->thread != atomic_load(&failure->thread))
		return INJECT_CONTINUE;
	if (!is_known(seen))
		atomic_store(&failure->unknown, seen->nr);
	const int err = atomic_load(&failure->err);
	if (err && is_the_call(seen, call->nr, call->request)) {
		atomic_fetch_add(&failure->n_failed, 1);
		return -err;
	}
	return call->provoke ? call->provoke(seen) : INJECT_CONTINUE;
}

/* ---- What the handler is kept busy with ---- */

/* Enough to be moved in huge pages, and then ahead of need; a hole; a file that has ended. */
#define N_DATA ((size_t)4 * 512)
enum { DATA, HOLE, ENDED, N_REGIONS };
static const struct {
	size_t n_pages, n_file_pages;
	bool is_sparse;
} pools[N_REGIONS] = {
	[DATA] = { N_DATA, N_DATA, false },
	[HOLE] = { 64, 64, true },
	[ENDED] = { 64, 4, false },
};
static int files[N_REGIONS];
static size_t page;

struct pool {
	struct uffd_guard_region *region;
	volatile unsigned char *data;
	bool is_lost[N_DATA]; /* pages that were zeros instead of data */
	size_t n_lost;
};

struct scene {
	struct uffd_guard *guard;
	struct pool pools[N_REGIONS];
	uint32_t reasons; /* of all losses */
};

static void make_files(void)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	for (int i = 0; i < N_REGIONS; i++)
		files[i] = file_create(FILE_MEMFD, pools[i].n_file_pages, pools[i].is_sparse);
}

static int right_value(int kind, size_t at)
{
	return at < pools[kind].n_file_pages && !pools[kind].is_sparse ? page_value(at) : 0;
}

static struct scene *scene_start(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	scene->guard = guard_start(0);
	for (int i = 0; i < N_REGIONS; i++) {
		struct pool *pool = &scene->pools[i];
		const struct uffd_guard_map_options options = { .size = sizeof(options),
			.user_data = pool };
		assert_ok(uffd_guard_map(
			scene->guard, files[i], pools[i].n_pages * page, &options, &pool->region));
		pool->data = uffd_guard_region_data(pool->region);
	}
	return scene;
}

/* A check that passes is a system call, which goes by way of our supervisor: not for each page. */
static void take_value(struct scene *scene, int kind, size_t at, int value)
{
	struct pool *pool = &scene->pools[kind];
	const int right = right_value(kind, at);
	if (value != right && value != 0)
		ck_abort_msg("page %zu is %d, not %d", at, value, right);
	if (value != right && !pool->is_lost[at]) {
		pool->is_lost[at] = true;
		pool->n_lost++;
	}
}

static void read_page(struct scene *scene, int kind, size_t at)
{
	take_value(scene, kind, at, scene->pools[kind].data[at * page]);
}

static void scene_read(struct scene *scene, size_t n_pages)
{
	const size_t at_once[] = { 0, 0, 9, 1030 };
	struct reader readers[N_ELEMENTS(at_once)];
	for (size_t i = 0; i < N_ELEMENTS(at_once); i++)
		reader_start(&readers[i], &scene->pools[DATA].data[at_once[i] * page]);
	for (size_t i = 0; i < N_ELEMENTS(at_once); i++)
		take_value(scene, DATA, at_once[i], reader_finish(&readers[i]));

	read_page(scene, HOLE, 1);
	read_page(scene, ENDED, 40);
	for (size_t i = 0; i < n_pages; i++)
		read_page(scene, DATA, i);
}

/* Takes the pages of a reported loss off those that are missed. */
static void note_loss(const struct uffd_guard_event *event, void *data)
{
	struct scene *scene = data;
	struct pool *pool = event->user_data;
	scene->reasons |= event->reasons;
	for (size_t at = event->offset / page; at * page < event->offset + event->length; at++) {
		pool->n_lost -= pool->is_lost[at];
		pool->is_lost[at] = false;
	}
}

static void scene_stop(struct scene *scene)
{
	for (int i = 0; i < N_REGIONS; i++)
		uffd_guard_unmap(scene->pools[i].region);
	uffd_guard_destroy(scene->guard);
	free(scene);
}

/* ---- What is seen afterwards ---- */

static void assert_all_calls_answer(struct scene *scene, int err)
{
	struct uffd_guard_region *region = scene->pools[ENDED].region, *another = NULL;
	const struct uffd_guard_span span = { 0, page };
	char byte;
	ck_assert_int_eq(uffd_guard_refresh(region, 0, page), err);
	ck_assert_int_eq(uffd_guard_refresh_spans(region, &span, 1), err);
	ck_assert_int_eq(uffd_guard_populate(region, 0, page), err);
	ck_assert_int_eq(uffd_guard_discard(region, 0, page), err);
	ck_assert_int_eq(uffd_guard_resize(region, pools[ENDED].n_pages * page), err);
	ck_assert_int_eq(uffd_guard_read(region, 0, &byte, 1), err ? err : 1);
	ck_assert_int_eq(uffd_guard_write_back(region, 0, 1), err ? err : -EACCES);
	ck_assert_int_eq(uffd_guard_map(scene->guard, files[DATA], page, NULL, &another), err);
	uffd_guard_unmap(another);
}

static void assert_getters_answer(struct scene *scene)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	struct uffd_guard_region *region = scene->pools[DATA].region;
	assert_ok(uffd_guard_get_stats(scene->guard, &stats));
	ck_assert_uint_eq(stats.regions, N_REGIONS);
	ck_assert_int_ge(uffd_guard_get_fd(scene->guard), 0);
	ck_assert_uint_eq(uffd_guard_region_length(region), pools[DATA].n_pages * page);
	ck_assert_ptr_eq(uffd_guard_region_data(region), (void *)scene->pools[DATA].data);
}

static void assert_gave_up(struct scene *scene)
{
	ck_assert(scene->reasons & UFFD_GUARD_LOST_HANDLER);
	for (int i = 0; i < N_REGIONS; i++) {
		struct pool *pool = &scene->pools[i];
		ck_assert(uffd_guard_region_take_losses(pool->region) & UFFD_GUARD_LOST_HANDLER);
		read_page(scene, i, pools[i].n_pages - 1);
		pool->data[(pools[i].n_pages - 1) * page] = 1; /* plain memory */
	}
	assert_all_calls_answer(scene, -EIO);
}

static void assert_lost(struct scene *scene)
{
	ck_assert(scene->reasons & (UFFD_GUARD_LOST_IO_ERROR | UFFD_GUARD_LOST_NO_MEMORY));
	ck_assert(!(scene->reasons & UFFD_GUARD_LOST_HANDLER));
	assert_ok(uffd_guard_discard(scene->pools[DATA].region, 0, page));
	ck_assert_int_eq(scene->pools[DATA].data[0], right_value(DATA, 0));
	assert_all_calls_answer(scene, 0);
}

static void assert_goes_on(struct scene *scene)
{
	ck_assert_uint_eq(scene->reasons, UFFD_GUARD_LOST_TRUNCATED);
	size_t n_wrong = 0;
	for (size_t i = 0; i < pools[DATA].n_pages; i++)
		n_wrong += scene->pools[DATA].data[i * page] != right_value(DATA, i);
	ck_assert_uint_eq(n_wrong, 0);
	assert_all_calls_answer(scene, 0);
}

/* ---- Each call, each error ---- */

static bool is_of_this_loop(const struct handler_call *call)
{
	bool is_poll = runner_guard_flags() & UFFD_GUARD_NO_IO_URING;
	return call->loop == BOTH_LOOPS || call->loop == (is_poll ? POLL_LOOP : URING_LOOP);
}

/* They make such calls for themselves, or make none of ours. */
static bool is_of_the_sanitizers(const struct handler_call *call)
{
	return IS_SANITIZED && (call->nr == SYS_mmap || call->nr == SYS_munmap ||
				       call->nr == SYS_madvise || call->nr == SYS_munlock);
}

static void assert_nothing(struct scene *scene)
{
	(void)scene;
}

/* A handler that gives up may have calls to make when all readers are awake. */
static void wait_for_the_call(const struct failure *failure)
{
	const bool is_to_come = atomic_load(&failure->err) && failure->call->outcome == GIVES_UP;
	for (int i = 0; is_to_come && i < 5000 && atomic_load(&failure->n_failed) == 0; i++)
		usleep(1000);
}

/* From the first fault to the end, with the handler failing so. */
static void play(
	struct failure *failure, size_t n_pages, void (*assert_outcome)(struct scene *scene))
{
	struct scene *scene = scene_start();
	atomic_store(&failure->thread, find_handler());
	scene_read(scene, n_pages);

	uffd_guard_dispatch(scene->guard, note_loss, scene);
	ck_assert_uint_eq(scene->pools[DATA].n_lost, 0); /* every zero was reported */
	assert_getters_answer(scene);
	if (!failure->call->is_at_the_end) {
		wait_for_the_call(failure);
		atomic_store(&failure->thread, 0);
	}
	assert_outcome(scene);
	scene_stop(scene);
	atomic_store(&failure->thread, 0);
}

/* How far to read: far enough for windows of huge pages. With each copy asked for again and again,
 * and each time by way of our supervisor, some pages say as much. */
static size_t pages_to_read(const struct handler_call *call)
{
	return call->request == (uint32_t)UFFDIO_COPY ? 16 : N_DATA;
}

static void (*const assert_outcome[])(struct scene *scene) = {
	[GOES_ON] = assert_goes_on,
	[LOSES] = assert_lost,
	[GIVES_UP] = assert_gave_up,
};

START_TEST(system_call_of_the_handler_that_fails_hangs_nobody)
{
	const struct handler_call *call = &handler_calls[_i / (int)N_ERRORS];
	const int err = errors[_i % (int)N_ERRORS];
	struct failure failure = { .call = call, .unknown = -1 };
	if (!is_of_this_loop(call))
		return;
	if (is_of_the_sanitizers(call)) {
		runner_skip("a sanitizer needs mappings of its own");
		return;
	}
	make_files();
	inject_any_syscall(fail_it, &failure);
	play(&failure, 16, assert_nothing); /* what is made once is made now */
	size_t fds = count_fds(), mappings = count_mappings();

	atomic_store(&failure.err, err);
	play(&failure, pages_to_read(call), assert_outcome[call->outcome]);
	if (call->is_of_moves && atomic_load(&failure.n_failed) == 0)
		runner_skip("no huge page was moved");
	else if (call->is_of_liburing && atomic_load(&failure.n_failed) == 0)
		runner_skip("this liburing does not make the call");
	else
		ck_assert_msg(atomic_load(&failure.n_failed) > 0, "no %s was seen", call->name);
	if (!call->is_release) {
		ck_assert_uint_eq(count_fds(), fds);
		if (!IS_SANITIZED)
			ck_assert_uint_eq(count_mappings(), mappings);
	}
}
END_TEST

START_TEST(every_system_call_of_the_handler_is_in_the_table)
{
	if (IS_SANITIZED) {
		runner_skip("a sanitizer makes system calls of its own");
		return;
	}
	struct handler_call nothing_fails = { "", -1,
		.provoke = (provoke_fn *[]){ NULL, fail_zeropage, say_it_is_there }[_i] };
	struct failure failure = { .call = &nothing_fails, .unknown = -1 };
	nothing_fails.is_at_the_end = true; /* looked at until then */
	make_files();
	inject_any_syscall(fail_it, &failure);
	play(&failure, N_DATA, assert_nothing);
	ck_assert_int_eq(atomic_load(&failure.unknown), -1);
}
END_TEST

/* ---- While others are at work ---- */

static void *call_until_it_fails(void *data)
{
	const struct fixture *f = data;
	intptr_t err = 0;
	while (!err) {
		err = uffd_guard_populate(f->region, 0, 8 * f->page);
		if (!err)
			err = uffd_guard_refresh(f->region, 0, 8 * f->page);
		if (!err)
			err = uffd_guard_discard(f->region, 0, 8 * f->page);
	}
	return (void *)err;
}

START_TEST(calls_under_way_while_the_handler_gives_up_come_back)
{
	atomic_bool fails = false;
	inject_ioctl(UFFDIO_ZEROPAGE, inject_while_on, &fails);
	struct fixture f;
	pthread_t threads[4];
	void *err;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8, .is_sparse = true }));
	for (size_t i = 0; i < 4; i++)
		assert_ok(pthread_create(&threads[i], NULL, call_until_it_fails, &f));
	for (int i = 0; i < 100; i++)
		f.data[0];
	atomic_store(&fails, true);
	/* Until it is the handler that has to make a page. */
	while (!(uffd_guard_region_take_losses(f.region) & UFFD_GUARD_LOST_HANDLER)) {
		uffd_guard_discard(f.region, 0, 8 * f.page);
		f.data[0];
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &err);
		ck_assert_int_lt((intptr_t)err, 0); /* of ZEROPAGE itself, or because it gave up */
	}
	ck_assert_int_eq(uffd_guard_populate(f.region, 0, 1), -EIO);
	fixture_stop(&f);
}
END_TEST

static TCase *calls_case(void)
{
	TCase *tcase = tcase_create("calls");
	tcase_add_loop_test(tcase, system_call_of_the_handler_that_fails_hangs_nobody, 0,
		(int)(N_CALLS * N_ERRORS));
	tcase_add_loop_test(tcase, every_system_call_of_the_handler_is_in_the_table, 0, 3);
	return tcase;
}

static TCase *others_case(void)
{
	TCase *tcase = tcase_create("others");
	tcase_add_test(tcase, calls_under_way_while_the_handler_gives_up_come_back);
	return tcase;
}

RUNNER_MAIN("giving_up", calls_case, others_case)

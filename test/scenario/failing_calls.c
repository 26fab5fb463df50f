/* SPDX-License-Identifier: MIT */
/*
 * "On an error nothing has changed": each system call behind each function fails in turn, and then
 * each allocation.
 *
 * An operation is repeated; the first time its first system call fails, then its second, until it
 * has no more. Each time it has done its work all the same, or says why not and has changed
 * nothing: content, length, descriptors, mappings and memory are as before, and it works when it
 * is called again. The call that failed was not made, so what close(2) or munmap(2) did not
 * release is not looked for.
 */
#include "../support/allocations.h"
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static const int errors[] = { EPERM, EIO, ENOMEM, EINVAL, ENOSYS, EAGAIN, EFAULT, EMFILE };
#define N_ERRORS N_ELEMENTS(errors)

/* ---- Failing the n-th call ---- */

struct failure {
	atomic_bool is_on;
	atomic_int err;
	atomic_uint n_before; /* calls to let pass */
	atomic_uint n_seen;
	atomic_int failed;   /* its number, or -1: there was no such call */
	pid_t spared_thread; /* the handler of a guard that is to go on */
	const int *spared_calls;
	bool is_of_allocations; /* of the calling thread, in place of system calls */
};

/* Not the library's: of the C library, which does not look at the answer or does not survive it. */
static const int calls_of_libc[] = { SYS_rt_sigprocmask, SYS_set_robust_list, SYS_rseq, SYS_brk,
	SYS_getpid, -1 };

/* All that can be failed where a sanitizer has calls of its own. */
static const int calls_of_ours[] = { SYS_userfaultfd, SYS_ioctl, SYS_memfd_create, SYS_ftruncate,
	SYS_eventfd2, SYS_epoll_create1, SYS_epoll_ctl, SYS_fcntl, SYS_fstatfs, SYS_pread64,
	SYS_process_vm_readv, SYS_process_vm_writev, SYS_io_uring_setup, SYS_io_uring_enter,
	SYS_io_uring_register, -1 };

/* NULL: none. */
static bool is_among(int nr, const int *calls)
{
	for (; calls && *calls >= 0; calls++) {
		if (*calls == nr)
			return true;
	}
	return false;
}

static bool may_fail(const struct failure *failure, const struct injected_call *call)
{
	if (call->thread == failure->spared_thread || is_among(call->nr, failure->spared_calls))
		return false;
	if (IS_SANITIZED)
		return is_among(call->nr, calls_of_ours);
	return !is_among(call->nr, calls_of_libc);
}

static int fail_nth(const struct injected_call *call, void *data)
{
	struct failure *failure = data;
	if (!atomic_load(&failure->is_on) || !may_fail(failure, call))
		return INJECT_CONTINUE;
	if (atomic_fetch_add(&failure->n_seen, 1) != atomic_load(&failure->n_before))
		return INJECT_CONTINUE;
	atomic_store(&failure->failed, call->nr);
	return -atomic_load(&failure->err);
}

static void failure_begin(struct failure *failure, unsigned n_before)
{
	if (failure->is_of_allocations) {
		allocations_fail_after(n_before);
		return;
	}
	atomic_store(&failure->n_before, n_before);
	atomic_store(&failure->n_seen, 0);
	atomic_store(&failure->failed, -1);
	atomic_store(&failure->is_on, true);
}

#define AN_ALLOCATION 0 /* in place of the number of a call */

static void failure_end(struct failure *failure)
{
	if (failure->is_of_allocations)
		atomic_store(&failure->failed, allocations_end() ? AN_ALLOCATION : -1);
	atomic_store(&failure->is_on, false);
}

/* ---- Operations ---- */

#define N_FILE_PAGES 8
#define N_RESERVED   16
#define N_LONG_PAGES 512 /* a copy of so many is shared */

struct subject {
	const struct operation *operation;
	struct uffd_guard *guard, *second_guard;
	struct uffd_guard_region *region, *bystander;
	int fd, bystander_fd;
	size_t page, n_threads;
	unsigned char *buffer, *in_file;
	int n_events;
};

struct operation {
	const char *name;
	void (*prepare)(struct subject *subject);
	ssize_t (*run)(struct subject *subject);
	void (*judge)(struct subject *subject, ssize_t result); /* nothing fails any more */
	uint32_t flags;						/* of the region */
	bool is_sealed;						/* the file, against shrinking */
	bool is_on_disk;
	bool has_own_guard; /* the second guard, which has done nothing before */
	uint64_t bound;	    /* of the region */
	size_t pages[2];    /* of the region, before and after a resize; odd: and a bit */
	const int *spared;  /* calls that do not fail, up to a -1 */
};

static size_t length_of(const struct subject *subject, int which)
{
	const size_t n_pages = subject->operation->pages[which];
	return n_pages % 2 ? n_pages * subject->page + 100 : n_pages * subject->page;
}

static int map_subject(struct subject *subject)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = subject->operation->flags,
		.reserve = (subject->operation->pages[0] > N_RESERVED ? N_LONG_PAGES : N_RESERVED) *
			   subject->page,
		.max_resident = subject->operation->bound };
	return uffd_guard_map(
		subject->operation->has_own_guard ? subject->second_guard : subject->guard,
		subject->fd, length_of(subject, 0), &options, &subject->region);
}

static volatile unsigned char *bytes_of(const struct subject *subject)
{
	return uffd_guard_region_data(subject->region);
}

static void touch_all(const struct subject *subject)
{
	for (size_t i = 0; i < N_RESERVED; i++)
		bytes_of(subject)[i * subject->page];
}

/* All of it: each system call goes by way of our supervisor. Zeros behind the end. */
static const unsigned char *look_at_file(const struct subject *subject)
{
	const size_t length = N_FILE_PAGES * subject->page;
	memset(subject->in_file, 0, length);
	if (pread(subject->fd, subject->in_file, length, 0) < 0)
		ck_abort_msg("the file cannot be read: %d", errno);
	return subject->in_file;
}

/* The first and last byte of each page. A page that is direct shows the file behind the length. */
static void assert_reads_as_file(const struct subject *subject)
{
	const size_t length = uffd_guard_region_length(subject->region), page = subject->page;
	const bool is_direct = uffd_guard_region_mode(subject->region) == UFFD_GUARD_MODE_DIRECT;
	const size_t end = is_direct ? (length + page - 1) / page * page : length;
	const size_t file_end = end < N_FILE_PAGES * page ? end : N_FILE_PAGES * page;
	const unsigned char *in_file = look_at_file(subject);
	size_t n_wrong = 0; /* one check, which is a system call, for all */
	for (size_t i = 0; i < 2 * N_RESERVED; i++) {
		const size_t at = i / 2 * page + (i % 2) * (page - 1);
		n_wrong += bytes_of(subject)[at] != (at < file_end ? in_file[at] : 0);
	}
	ck_assert_uint_eq(n_wrong, 0);
}

/* The first byte of each page of the buffer. */
static void assert_buffer_is_as_file(const struct subject *subject, size_t n_pages)
{
	const unsigned char *in_file = look_at_file(subject);
	size_t n_wrong = 0;
	for (size_t i = 0; i < n_pages; i++) {
		const size_t at = i * subject->page;
		n_wrong += subject->buffer[at] != (i < N_FILE_PAGES ? in_file[at] : 0);
	}
	ck_assert_uint_eq(n_wrong, 0);
}

static bool was_something_lost(const struct subject *subject)
{
	return uffd_guard_region_take_losses(subject->region) &
	       (UFFD_GUARD_LOST_IO_ERROR | UFFD_GUARD_LOST_NO_MEMORY);
}

/* create, destroy */

static ssize_t create(struct subject *subject)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	return uffd_guard_create(&options, &subject->second_guard);
}

/* Errors of the kernel that the header does not name are told by others. */
static bool is_error_of_create(ssize_t result)
{
	static const int named[] = { EPERM, ENOSYS, EFBIG, EMFILE, ENFILE, ENOMEM, EAGAIN };
	for (size_t i = 0; i < N_ELEMENTS(named); i++) {
		if (result == -named[i])
			return true;
	}
	return false;
}

static void judge_create(struct subject *subject, ssize_t result)
{
	ck_assert(result == 0 || is_error_of_create(result));
	struct uffd_guard_region *region = NULL;
	ck_assert_int_eq(result < 0, subject->second_guard == NULL);
	if (result < 0)
		return;
	ck_assert_int_ge(fcntl(uffd_guard_get_fd(subject->second_guard), F_GETFD), 0);
	/* It may be the new handler's first wait that failed: it gives up, before we map, or after.
	 */
	int err = uffd_guard_map(subject->second_guard, subject->fd, subject->page, NULL, &region);
	ck_assert(err == 0 || err == -EIO);
	if (region) {
		const int value = *(volatile unsigned char *)uffd_guard_region_data(region);
		const bool is_lost =
			uffd_guard_region_take_losses(region) & UFFD_GUARD_LOST_HANDLER;
		ck_assert_int_eq(value, is_lost && value == 0 ? 0 : page_value(0));
	}
	uffd_guard_unmap(region);
}

static void prepare_destroy(struct subject *subject)
{
	assert_ok(create(subject));
}

static ssize_t destroy(struct subject *subject)
{
	uffd_guard_destroy(subject->second_guard);
	subject->second_guard = NULL;
	return 0;
}

static void judge_nothing(struct subject *subject, ssize_t result)
{
	(void)subject;
	(void)result;
}

/* map, unmap */

static ssize_t map(struct subject *subject)
{
	return map_subject(subject);
}

static void judge_map(struct subject *subject, ssize_t result)
{
	ck_assert_int_eq(result < 0, subject->region == NULL);
	if (result < 0)
		return;
	if (was_something_lost(subject)) /* by populate */
		assert_ok(uffd_guard_discard(subject->region, 0, length_of(subject, 0)));
	assert_reads_as_file(subject);
}

static void prepare_region(struct subject *subject)
{
	assert_ok(map_subject(subject));
}

static void prepare_filled_region(struct subject *subject)
{
	prepare_region(subject);
	touch_all(subject);
}

static ssize_t unmap(struct subject *subject)
{
	uffd_guard_unmap(subject->region);
	subject->region = NULL;
	return 0;
}

/* resize */

static ssize_t resize(struct subject *subject)
{
	return uffd_guard_resize(subject->region, length_of(subject, 1));
}

static void judge_resize(struct subject *subject, ssize_t result)
{
	ck_assert_uint_eq(
		uffd_guard_region_length(subject->region), length_of(subject, result == 0));
	if (!was_something_lost(subject))
		assert_reads_as_file(subject);
	assert_ok(resize(subject));
	assert_ok(uffd_guard_refresh(subject->region, 0, length_of(subject, 1)));
	assert_reads_as_file(subject);
}

/* refresh, populate, discard */

static void prepare_stale_region(struct subject *subject)
{
	file_punch(subject->fd, 3, 1);
	prepare_filled_region(subject);
	file_write_page(subject->fd, 1, 99);
	file_punch(subject->fd, 2, 1);
	file_write_page(subject->fd, 3, 98);
	assert_ok(ftruncate(subject->fd, (off_t)(6 * subject->page)));
}

static ssize_t refresh(struct subject *subject)
{
	return uffd_guard_refresh(subject->region, 0, length_of(subject, 0));
}

static void judge_content(struct subject *subject, ssize_t result)
{
	if (!was_something_lost(subject) && result == 0)
		assert_reads_as_file(subject);
	assert_ok(refresh(subject));
	assert_reads_as_file(subject);
}

static ssize_t populate(struct subject *subject)
{
	return uffd_guard_populate(subject->region, 0, length_of(subject, 0));
}

static ssize_t discard(struct subject *subject)
{
	return uffd_guard_discard(subject->region, 0, length_of(subject, 0));
}

#define N_RECTS 100 /* more than are kept on the stack */

static ssize_t refresh_rects(struct subject *subject)
{
	struct uffd_guard_rect rects[N_RECTS];
	for (size_t i = 0; i < N_RECTS; i++)
		rects[i] = (struct uffd_guard_rect){ i * 300, 10, 10, 1 };
	return uffd_guard_refresh_rects(subject->region, rects, N_RECTS);
}

static ssize_t refresh_spans(struct subject *subject)
{
	struct uffd_guard_span spans[N_RECTS];
	for (size_t i = 0; i < N_RECTS; i++)
		spans[i] = (struct uffd_guard_span){ i * 300, 10 };
	return uffd_guard_refresh_spans(subject->region, spans, N_RECTS);
}

static void judge_partly(struct subject *subject, ssize_t result)
{
	(void)result;
	judge_content(subject, -1);
}

static ssize_t update_rects(struct subject *subject)
{
	const struct uffd_guard_rect all = { 0, subject->page, subject->page,
		subject->operation->pages[0] };
	return uffd_guard_update_rects(subject->region, &all, 1);
}

static ssize_t in_steps(struct subject *subject)
{
	const size_t length = length_of(subject, 0);
	const struct uffd_guard_rect all = { 0, length, length, 1 };
	int err = uffd_guard_mark_rects(subject->region, &all, 1);
	if (!err)
		err = uffd_guard_begin(subject->region);
	return err ? err : uffd_guard_ensure(subject->region, 0, length);
}

static void prepare_own_guard(struct subject *subject)
{
	assert_ok(create(subject));
	prepare_region(subject);
}

/* Filled by its handler: callers of that guard have borrowed no buffer yet. */
static void prepare_own_stale_region(struct subject *subject)
{
	assert_ok(create(subject));
	prepare_stale_region(subject);
}

/* read, write_back */

static ssize_t read_file(struct subject *subject)
{
	memset(subject->buffer, 255, N_FILE_PAGES * subject->page);
	return uffd_guard_read(subject->region, 0, subject->buffer, N_FILE_PAGES * subject->page);
}

static void judge_read(struct subject *subject, ssize_t result)
{
	if (result >= 0)
		assert_buffer_is_as_file(subject, N_FILE_PAGES);
	ck_assert_int_eq(read_file(subject), (ssize_t)(N_FILE_PAGES * subject->page));
}

static ssize_t read_long(struct subject *subject)
{
	return uffd_guard_read(subject->region, 0, subject->buffer, N_LONG_PAGES * subject->page);
}

static void judge_read_long(struct subject *subject, ssize_t result)
{
	ck_assert_int_eq(result, (ssize_t)(N_FILE_PAGES * subject->page));
	assert_buffer_is_as_file(subject, N_LONG_PAGES);
}

static void prepare_stored_region(struct subject *subject)
{
	prepare_filled_region(subject);
	for (size_t i = 0; i < N_FILE_PAGES; i++)
		bytes_of(subject)[i * subject->page] = 77;
}

static ssize_t write_back(struct subject *subject)
{
	return uffd_guard_write_back(subject->region, 0, length_of(subject, 0));
}

static void judge_write_back(struct subject *subject, ssize_t result)
{
	const ssize_t all = (ssize_t)length_of(subject, 0);
	ck_assert_int_le(result, all);
	const unsigned char *in_file = look_at_file(subject);
	for (size_t i = 0; (ssize_t)(i * subject->page) < result; i++)
		ck_assert_uint_eq(in_file[i * subject->page], 77);
	ck_assert_int_eq(lseek(subject->fd, 0, SEEK_END), (off_t)(N_FILE_PAGES * subject->page));
	ck_assert_int_eq(write_back(subject), all);
	ck_assert_uint_eq(look_at_file(subject)[(N_FILE_PAGES - 1) * subject->page], 77);
}

/* dispatch */

static void prepare_loss(struct subject *subject)
{
	prepare_region(subject);
	assert_ok(ftruncate(subject->fd, 0));
	bytes_of(subject)[0];
	subject->n_events = 0;
}

static void count_event(const struct uffd_guard_event *event, void *data)
{
	struct subject *subject = data; /* libcheck allocates, which may be what fails */
	subject->n_events += event->region == subject->region ? 1 : 1000;
}

static ssize_t dispatch(struct subject *subject)
{
	return uffd_guard_dispatch(subject->guard, count_event, subject);
}

static void judge_dispatch(struct subject *subject, ssize_t result)
{
	if (result < 0)
		ck_assert_int_eq(subject->n_events, 0);
	ck_assert_int_ge(dispatch(subject), 0);
	ck_assert_int_eq(subject->n_events, 1);
}

#define WRITE	 UFFD_GUARD_MAP_WRITE
#define DIRECT	 UFFD_GUARD_MAP_DIRECT
#define SEAL	 UFFD_GUARD_MAP_SEAL
#define POPULATE UFFD_GUARD_MAP_POPULATE
#define SPARED(call)                                                                               \
	(const int[])                                                                              \
	{                                                                                          \
		(call), -1                                                                         \
	}
#define RESIZE(name, ...)                                                                          \
	{                                                                                          \
		name, prepare_filled_region, resize, judge_resize, __VA_ARGS__                     \
	}

static const struct operation operations[] = {
	{ "create", NULL, create, judge_create, .pages = { 8 } },
	{ "destroy", prepare_destroy, destroy, judge_nothing, .pages = { 8 } },
	{ "map", NULL, map, judge_map, .pages = { 8 } },
	{ "map, populate", NULL, map, judge_map, .flags = POPULATE, .pages = { 7 } },
	{ "map, direct", NULL, map, judge_map, .flags = DIRECT, .is_sealed = true, .pages = { 8 } },
	{ "map, seal", NULL, map, judge_map, .flags = DIRECT | SEAL, .pages = { 8 },
		.spared = SPARED(SYS_clone3) }, /* the C library keeps the stack for the next */
	{ "unmap", prepare_filled_region, unmap, judge_nothing, .pages = { 8 } },
	{ "unmap, direct", prepare_filled_region, unmap, judge_nothing, .flags = DIRECT,
		.is_sealed = true, .pages = { 8 } },
	RESIZE("grow", .pages = { 3, 8 }),
	RESIZE("shrink", .pages = { 8, 3 }),
	RESIZE("grow, direct", .flags = DIRECT, .is_sealed = true, .pages = { 3, 8 }),
	RESIZE("shrink, direct", .flags = DIRECT, .is_sealed = true, .pages = { 8, 3 }),
	RESIZE("beyond, direct", .flags = DIRECT, .is_sealed = true, .pages = { 4, 16 }),
	{ "refresh", prepare_stale_region, refresh, judge_content, .pages = { 8 } },
	{ "populate", prepare_region, populate, judge_content, .pages = { 8 } },
	{ "discard", prepare_stale_region, discard, judge_content, .pages = { 7 } },
	{ "read", prepare_region, read_file, judge_read, .pages = { 8 } },
	{ "write_back", prepare_stored_region, write_back, judge_write_back, .flags = WRITE,
		.pages = { 8 } },
	{ "dispatch", prepare_loss, dispatch, judge_dispatch, .pages = { 8 } },
};
#define N_OPERATIONS N_ELEMENTS(operations)

/* That allocate, and are the same as others to system calls. */
static const struct operation more_operations[] = {
	{ "map, bounded", NULL, map, judge_map, .flags = WRITE, .bound = 64 << 10, .pages = { 8 } },
	{ "map, populate and direct", NULL, map, judge_map, .flags = DIRECT | POPULATE,
		.pages = { 8 } },
	{ "map, on a disk", NULL, map, judge_map, .flags = UFFD_GUARD_MAP_ANY_FILE,
		.is_on_disk = true, .pages = { 8 } },
	{ "unmap, on a disk", prepare_region, unmap, judge_nothing,
		.flags = UFFD_GUARD_MAP_ANY_FILE, .is_on_disk = true, .pages = { 8 } },
	{ "refresh, rectangles", prepare_stale_region, refresh_rects, judge_partly,
		.pages = { 8 } },
	{ "refresh, spans", prepare_stale_region, refresh_spans, judge_partly, .pages = { 8 } },
	{ "update, rectangles", prepare_stale_region, update_rects, judge_content, .pages = { 8 } },
	{ "mark, begin, ensure", prepare_stale_region, in_steps, judge_content, .pages = { 8 } },
	{ "first populate", prepare_own_guard, populate, judge_content, .has_own_guard = true,
		.pages = { 8 } },
	{ "map, bounded and long", NULL, map, judge_map, .flags = WRITE, .bound = 64 << 10,
		.pages = { N_LONG_PAGES } },
	{ "first map, populate", prepare_destroy, map, judge_map, .flags = POPULATE,
		.has_own_guard = true, .pages = { 8 } },
	{ "first refresh", prepare_own_stale_region, refresh, judge_content, .has_own_guard = true,
		.pages = { 8 } },
	{ "first refresh, spans", prepare_own_stale_region, refresh_spans, judge_partly,
		.has_own_guard = true, .pages = { 8 } },
	{ "first update, rectangles", prepare_own_stale_region, update_rects, judge_content,
		.has_own_guard = true, .pages = { 8 } },
	{ "first write_back", prepare_own_guard, write_back, judge_nothing, .flags = WRITE,
		.has_own_guard = true, .pages = { 8 } },
	{ "first long read", prepare_own_guard, read_long, judge_read_long, .has_own_guard = true,
		.pages = { N_LONG_PAGES } },
};
#define N_MORE_OPERATIONS N_ELEMENTS(more_operations)

/* ---- What must be as before ---- */

struct belongings {
	size_t n_fds, n_mappings, heap;
	long n_live; /* allocations, where they are counted */
	struct uffd_guard_stats stats;
};

static void ignore_event(const struct uffd_guard_event *event, void *data)
{
	(void)event;
	(void)data;
}

static struct belongings take_stock(const struct subject *subject)
{
	/* A loss that nobody has heard of keeps its region's struct. */
	uffd_guard_dispatch(subject->guard, ignore_event, NULL);
	struct belongings now = { .stats.size = sizeof(now.stats) };
	assert_ok(uffd_guard_get_stats(subject->guard, &now.stats));
	now.n_fds = count_fds();
	now.n_mappings = count_mappings();
	now.heap = mallinfo2().uordblks;
	now.n_live = allocations_live();
	return now;
}

/* What each thread keeps of freed memory counts as used, and libseccomp frees a little of each
 * size. So the tests are run without: GLIBC_TUNABLES=glibc.malloc.tcache_count=0. */
static bool is_heap_exact(void)
{
	const char *tunables = getenv("GLIBC_TUNABLES");
	return tunables && strstr(tunables, "glibc.malloc.tcache_count=0");
}

static bool is_release(int nr)
{
	return nr == SYS_close || nr == SYS_munmap;
}

static void assert_nothing_leaked(const struct belongings *before, const struct belongings *after)
{
	ck_assert_uint_eq(after->stats.regions, before->stats.regions);
	ck_assert_uint_eq(after->stats.bytes_resident, before->stats.bytes_resident);
	ck_assert_uint_eq(after->n_fds, before->n_fds);
	if (IS_SANITIZED)
		return;
	ck_assert_uint_eq(after->n_mappings, before->n_mappings);
	if (is_heap_exact())
		ck_assert_uint_eq(after->heap, before->heap);
}

static void assert_bystander_goes_on(const struct subject *subject)
{
	assert_ok(uffd_guard_discard(subject->bystander, 0, 4 * subject->page));
	ck_assert_uint_eq(*(volatile unsigned char *)uffd_guard_region_data(subject->bystander),
		page_value(0));
	/* The handler counts after it has woken us: let it. */
	assert_ok(uffd_guard_refresh(subject->bystander, 0, 0));
}

/* ---- The test ---- */

/* Those that add a seal end by themselves, and the C library counts its caches until then. */
static void wait_for_threads(const struct subject *subject)
{
	/* Workers of the kernel stay for some seconds. */
	while (!subject->operation->is_on_disk && count_threads() > subject->n_threads)
		sched_yield();
}

static int create_file(const struct operation *operation)
{
	if (!operation->is_on_disk)
		return file_create(FILE_MEMFD, N_FILE_PAGES, false);
	const int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	for (size_t i = 0; fd >= 0 && i < N_FILE_PAGES; i++)
		file_write_page(fd, i, page_value(i));
	return fd;
}

static ssize_t run_once(struct subject *subject, struct failure *failure, unsigned n_before)
{
	const struct operation *operation = subject->operation;
	subject->region = NULL;
	subject->second_guard = NULL;
	subject->fd = create_file(operation);
	if (operation->is_sealed)
		assert_ok(fcntl(subject->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	if (operation->prepare)
		operation->prepare(subject);

	failure_begin(failure, n_before);
	ssize_t result = operation->run(subject);
	failure_end(failure);

	operation->judge(subject, result);
	uffd_guard_unmap(subject->region);
	uffd_guard_destroy(subject->second_guard);
	close(subject->fd);
	wait_for_threads(subject);
	assert_bystander_goes_on(subject);
	return result;
}

static void start(struct subject *subject, const struct operation *operation)
{
	*subject = (struct subject){ .operation = operation,
		.page = (size_t)sysconf(_SC_PAGESIZE),
		.guard = guard_start(0),
		.bystander_fd = file_create(FILE_MEMFD, 4, false) };
	subject->buffer = malloc(N_LONG_PAGES * subject->page);
	subject->in_file = malloc(N_FILE_PAGES * subject->page);
	assert_ok(uffd_guard_map(subject->guard, subject->bystander_fd, 4 * subject->page, NULL,
		&subject->bystander));
	/* The staging buffer that callers share is made once. */
	assert_ok(uffd_guard_populate(subject->bystander, 0, 4 * subject->page));
	subject->n_threads = count_threads();
}

#define NONE_FAILS UINT32_MAX

static void assert_errno_is_plain(ssize_t result, int err)
{
	/* -EAGAIN: no thread for want of memory. -ENODEV: a file without seals is not memory, and
	 * that is what EINVAL says. -EMFILE: of fcntl(F_DUPFD), EINVAL says that the limit is below
	 * the number asked for. -ENOSYS: create has no other name for it. */
	if (result < 0)
		ck_assert_msg(result == -err || result == -ENOMEM || result == -EAGAIN ||
				      (err == EINVAL && (result == -ENODEV || result == -EMFILE)) ||
				      (result == -ENOSYS && !is_error_of_create(-err)),
			"%zd is not the error of the call, %d", result, -err);
}

START_TEST(function_whose_system_calls_fail_has_changed_nothing)
{
	const struct operation *operation = &operations[_i / (int)N_ERRORS];
	const int err = errors[_i % (int)N_ERRORS];
	struct failure failure = { .err = err, .spared_calls = operation->spared };
	struct subject subject;
	inject_any_syscall(fail_nth, &failure);
	start(&subject, operation);
	failure.spared_thread = find_handler();
	for (int i = 0; i < 2; i++) /* what is made once is made now */
		ck_assert_int_ge(run_once(&subject, &failure, NONE_FAILS), 0);

	struct belongings before = take_stock(&subject);
	for (unsigned n = 0;; n++) {
		assert_errno_is_plain(run_once(&subject, &failure, n), err);
		const struct belongings after = take_stock(&subject);
		const int failed = atomic_load(&failure.failed);
		if (failed < 0)
			break;
		if (!is_release(failed))
			assert_nothing_leaked(&before, &after);
		before = after;
	}
	uffd_guard_unmap(subject.bystander);
	uffd_guard_destroy(subject.guard);
	free(subject.buffer);
	free(subject.in_file);
}
END_TEST

static void fail_each_allocation(struct subject *subject)
{
	struct failure failure = { .is_of_allocations = true };
	for (int i = 0; i < 2; i++)
		ck_assert_int_ge(run_once(subject, &failure, NONE_FAILS), 0);
	const struct belongings before = take_stock(subject);
	for (unsigned n = 0;; n++) {
		const ssize_t result = run_once(subject, &failure, n);
		const struct belongings after = take_stock(subject);
		if (atomic_load(&failure.failed) < 0)
			break;
		/* -EAGAIN: no thread. */
		ck_assert_msg(result >= 0 || result == -ENOMEM || result == -EAGAIN,
			"%s, allocation %u: %zd", subject->operation->name, n, result);
		ck_assert_msg(after.n_live == before.n_live, "%s, allocation %u: %ld blocks",
			subject->operation->name, n, after.n_live - before.n_live);
		assert_nothing_leaked(&before, &after);
	}
}

/* The loop that polls, and a guard without io_uring, refuse files that may block. */
static bool can_be_run(const struct operation *operation, struct uffd_guard *guard)
{
	const int fd = operation->is_on_disk ? create_file(operation) : -1;
	if (fd >= 0)
		close(fd);
	return !operation->is_on_disk ||
	       (fd >= 0 && uffd_guard_features(guard) & UFFD_GUARD_FEATURE_IO_URING);
}

START_TEST(function_whose_allocations_fail_has_changed_nothing)
{
	const struct operation *operation =
		_i < (int)N_OPERATIONS ? &operations[_i] : &more_operations[_i - (int)N_OPERATIONS];
	struct subject subject;
	if (!allocations_can_fail()) {
		runner_skip("a sanitizer has an allocator of its own");
		return;
	}
	start(&subject, operation);
	if (can_be_run(operation, subject.guard))
		fail_each_allocation(&subject);
	uffd_guard_unmap(subject.bystander);
	uffd_guard_destroy(subject.guard);
	free(subject.buffer);
	free(subject.in_file);
}
END_TEST

static TCase *failing_calls_case(void)
{
	TCase *tcase = tcase_create("failing calls");
	tcase_add_loop_test(tcase, function_whose_system_calls_fail_has_changed_nothing, 0,
		(int)(N_OPERATIONS * N_ERRORS));
	return tcase;
}

static TCase *failing_allocations_case(void)
{
	TCase *tcase = tcase_create("failing allocations");
	tcase_add_loop_test(tcase, function_whose_allocations_fail_has_changed_nothing, 0,
		(int)(N_OPERATIONS + N_MORE_OPERATIONS));
	return tcase;
}

RUNNER_MAIN("failing_calls", failing_calls_case, failing_allocations_case)

/* SPDX-License-Identifier: MIT */
/* fork(2), from any thread and at any moment: the child has no handler, so it reads zeros and is
 * told so; the parent goes on as if there were no child. */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- The child ---- */

/* A number for each thing that may be wrong. The child is no place for assertions: another thread
 * may have been in the midst of one. */
static int reads_zeros(const struct fixture *f)
{
	for (size_t i = 0; i < uffd_guard_region_length(f->region); i++) {
		if (f->data[i])
			return 1;
	}
	f->data[0] = 1; /* the child's own memory */
	return f->data[0] == 1 ? 0 : 2;
}

static void ignore_event(const struct uffd_guard_event *event, void *data)
{
	(void)event;
	(void)data;
}

static int every_call_says_so(const struct fixture *f)
{
	const struct uffd_guard_span span = { 0, 1 };
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	struct uffd_guard_region *region;
	char byte;
	const ssize_t answers[] = {
		uffd_guard_refresh(f->region, 0, 1),
		uffd_guard_refresh_spans(f->region, &span, 1),
		uffd_guard_populate(f->region, 0, 1),
		uffd_guard_discard(f->region, 0, 1),
		uffd_guard_resize(f->region, 1),
		uffd_guard_read(f->region, 0, &byte, 1),
		uffd_guard_write_back(f->region, 0, 1),
		uffd_guard_map(f->guard, f->fd, 1, NULL, &region),
		uffd_guard_dispatch(f->guard, ignore_event, NULL),
		uffd_guard_get_stats(f->guard, &stats),
		uffd_guard_get_fd(f->guard),
	};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i] != -ECHILD)
			return 10 + (int)i;
	}
	uffd_guard_unmap(f->region);
	uffd_guard_destroy(f->guard);
	return 0;
}

static int guard_of_its_own_works(const struct fixture *f)
{
	struct uffd_guard_region *region;
	struct uffd_guard *guard;
	if (IS_SANITIZED) /* no new thread in a child there */
		return 0;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	if (uffd_guard_create(&options, &guard))
		return 30;
	if (uffd_guard_map(guard, f->fd, f->page, NULL, &region))
		return 31;
	if (*(volatile unsigned char *)uffd_guard_region_data(region) != page_value(0))
		return 32;
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	return 0;
}

static int is_a_proper_child(const struct fixture *f)
{
	int wrong = reads_zeros(f);
	if (!wrong)
		wrong = every_call_says_so(f);
	return wrong ? wrong : guard_of_its_own_works(f);
}

static void assert_child_ends_well(pid_t child)
{
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "the child was killed by %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static void *fork_on_this_thread(void *data)
{
	const struct fixture *f = data;
	pid_t child = fork();
	if (child == 0)
		_exit(is_a_proper_child(f));
	ck_assert_int_ge(child, 0);
	assert_child_ends_well(child);
	return NULL;
}

START_TEST(forked_child_reads_zeros_and_is_told_so)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 4, .map_flags = UFFD_GUARD_MAP_WRITE }));
	assert_page_is(&f, 0, page_value(0)); /* filled and unfilled pages alike */
	assert_page_is(&f, 1, page_value(1));
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, fork_on_this_thread, &f));
	pthread_join(thread, NULL);
	for (size_t i = 0; i < 4; i++)
		assert_page_is(&f, i, page_value(i));
	fixture_stop(&f);
}
END_TEST

START_TEST(forked_child_goes_on_seeing_a_direct_file)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 4,
			    .map_flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL }));
	pid_t child = fork();
	if (child == 0)
		_exit(f.data[3 * f.page] == page_value(3) ? every_call_says_so(&f) : 1);
	assert_child_ends_well(child);
	assert_page_is(&f, 3, page_value(3));
	fixture_stop(&f);
}
END_TEST

/* A child that waits to be killed. */
static pid_t fork_idle(void)
{
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_ge(child, 0);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

START_TEST(guard_is_destroyed_though_a_child_holds_the_userfaultfd)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	assert_page_is(&f, 0, page_value(0));
	pid_t child = fork_idle();
	fixture_stop(&f);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	assert_page_is(&f, 0, page_value(0));
	fixture_stop(&f);
	end_child(child);
}
END_TEST

/* After fork() the child holds the userfaultfd open, so closing it in the parent wakes nobody. */
START_TEST(handler_gives_up_though_a_child_holds_the_userfaultfd)
{
	atomic_bool fails = false;
	if (runner_skip_eager())
		return;
	inject_ioctl(UFFDIO_ZEROPAGE, inject_while_on, &fails);
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8, .is_sparse = true }));
	pid_t child = fork_idle();
	atomic_store(&fails, true);
	assert_handler_gives_up(&f);
	fixture_stop(&f);
	end_child(child);
}
END_TEST

/* A handler that gives up is held before it lets go of the userfaultfd; whoever shrinks a DIRECT
 * region is held before it registers what leaves it, and again behind that. */
struct late {
	struct uffd_guard *guard;
	struct uffd_guard_region *direct;
	volatile unsigned char *page;	      /* leaves the region */
	sem_t is_shrinking, has_unregistered; /* the handler has */
	sem_t may_touch, may_let_go;	      /* a late reader; the handler */
	bool was_held;
	int err;
};

static int hold_handler(const struct injected_call *seen, void *data)
{
	struct late *late = data;
	struct timespec until;
	if (seen->nr == SYS_ioctl && (uint32_t)seen->args[1] == (uint32_t)UFFDIO_ZEROPAGE)
		return -EINVAL;
	if (seen->nr == SYS_dup3) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 5;
		sem_timedwait(&late->may_let_go, &until);
	}
	return INJECT_CONTINUE;
}

static void *create_guard(void *data)
{
	struct late *late = data;
	inject_any_syscall(hold_handler, late);
	late->guard = guard_start(0);
	return NULL;
}

static int hold_shrinking(const struct injected_call *seen, void *data)
{
	struct late *late = data;
	if (seen->nr == SYS_ioctl && (uint32_t)seen->args[1] == (uint32_t)UFFDIO_REGISTER) {
		sem_post(&late->is_shrinking);
		sem_wait(&late->has_unregistered);
	}
	if (seen->nr == SYS_munlock && !late->was_held) {
		late->was_held = true;
		sem_post(&late->may_touch);
		usleep(200000); /* until it waits for the page */
	}
	return INJECT_CONTINUE;
}

static void *shrink(void *data)
{
	struct late *late = data;
	inject_any_syscall(hold_shrinking, late);
	late->err = uffd_guard_resize(late->direct, 1);
	return NULL;
}

static void *read_late(void *data)
{
	struct late *late = data;
	sem_wait(&late->may_touch);
	(void)*late->page;
	return NULL;
}

static struct uffd_guard_region *map_sealed(struct uffd_guard *guard, int fd, size_t length)
{
	struct uffd_guard_region *region;
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_ok(uffd_guard_map(guard, fd, length,
		&(struct uffd_guard_map_options){ .size = sizeof(struct uffd_guard_map_options),
			.flags = UFFD_GUARD_MAP_DIRECT },
		&region));
	ck_assert_int_eq(uffd_guard_region_mode(region), UFFD_GUARD_MODE_DIRECT);
	return region;
}

START_TEST(late_reader_of_what_left_a_direct_region_is_woken_by_a_handler_that_gives_up)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct late late = { .was_held = false };
	struct uffd_guard_region *holes;
	pthread_t maker, shrinker, late_reader;
	struct reader reader;
	if (runner_skip_eager())
		return;
	if (IS_SANITIZED) { /* munlock(2) does nothing there */
		runner_skip("a sanitizer makes system calls of its own");
		return;
	}
	sem_init(&late.is_shrinking, 0, 0);
	sem_init(&late.has_unregistered, 0, 0);
	sem_init(&late.may_touch, 0, 0);
	sem_init(&late.may_let_go, 0, 0);
	assert_ok(pthread_create(&maker, NULL, create_guard, &late));
	assert_ok(pthread_join(maker, NULL));
	const int file = file_create(FILE_MEMFD, 2, false),
		  sparse = file_create(FILE_MEMFD, 2, true);
	late.direct = map_sealed(late.guard, file, 2 * page);
	late.page = (volatile unsigned char *)uffd_guard_region_data(late.direct) + page;
	assert_ok(uffd_guard_map(late.guard, sparse, page, NULL, &holes));
	const pid_t child = fork_idle();

	assert_ok(pthread_create(&late_reader, NULL, read_late, &late));
	assert_ok(pthread_create(&shrinker, NULL, shrink, &late));
	sem_wait(&late.is_shrinking);
	reader_start(&reader, uffd_guard_region_data(holes));
	ck_assert_int_eq(reader_finish(&reader), 0);
	usleep(100000); /* all regions, not only this one */
	sem_post(&late.has_unregistered);
	assert_ok(pthread_join(shrinker, NULL));
	ck_assert(late.was_held);
	ck_assert_int_eq(late.err, -EIO);
	sem_post(&late.may_let_go);
	assert_ok(pthread_join(late_reader, NULL));
	uffd_guard_unmap(late.direct);
	uffd_guard_unmap(holes);
	uffd_guard_destroy(late.guard);
	close(file);
	close(sparse);
	end_child(child);
}
END_TEST

/* ---- At any moment ---- */

static atomic_bool shall_stop;

static void *read_and_discard(void *data)
{
	struct fixture *f = data;
	while (!atomic_load(&shall_stop)) {
		for (size_t i = 0; i < 64; i++)
			ck_assert_uint_eq(f->data[i * f->page], page_value(i));
		assert_ok(uffd_guard_discard(f->region, 0, 64 * f->page));
	}
	return NULL;
}

START_TEST(faults_are_answered_while_others_fork)
{
	struct fixture f;
	pthread_t thread;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	assert_ok(pthread_create(&thread, NULL, read_and_discard, &f));
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(reads_zeros(&f));
		ck_assert_int_ge(child, 0);
		assert_child_ends_well(child);
	}
	atomic_store(&shall_stop, true);
	pthread_join(thread, NULL);
	fixture_stop(&f);
}
END_TEST

START_TEST(page_that_is_being_filled_is_zero_in_the_child)
{
	struct hold hold;
	struct fixture f;
	struct reader reader;
	if (runner_skip_eager())
		return;
	inject_hold_ioctl(UFFDIO_COPY, &hold);
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
	reader_start(&reader, &f.data[f.page]);
	sem_wait(&hold.is_held); /* the handler is about to make the page; the reader waits */
	pid_t child = fork();
	if (child == 0)
		_exit(reads_zeros(&f));
	ck_assert_int_ge(child, 0);
	assert_child_ends_well(child);
	sem_post(&hold.may_go);
	ck_assert_int_eq(reader_finish(&reader), page_value(1));
	fixture_stop(&f);
}
END_TEST

/* ---- What it costs the parent ---- */

#define PAGEMAP_PRESENT	  (UINT64_C(1) << 63)
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)

static uint64_t pagemap_entry(const volatile void *address)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	off_t at = (off_t)((uintptr_t)address / (size_t)sysconf(_SC_PAGESIZE) * sizeof(entry));
	ck_assert_int_eq(pread(fd, &entry, sizeof(entry), at), sizeof(entry));
	close(fd);
	return entry;
}

/* A page that is shared with a child is copied at the next write to it: by refresh, frame for
 * frame. */
START_TEST(child_shares_no_page_with_the_parents_regions)
{
	struct fixture f;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = 64, .map_flags = UFFD_GUARD_MAP_POPULATE }));
	pid_t child = fork_idle();
	for (size_t i = 0; i < 64; i++) {
		const uint64_t entry = pagemap_entry(&f.data[i * f.page]);
		ck_assert(entry & PAGEMAP_PRESENT);
		ck_assert_msg(entry & PAGEMAP_EXCLUSIVE, "page %zu is shared", i);
	}
	file_write_page(f.fd, 5, 99);
	assert_ok(uffd_guard_refresh(f.region, 0, 64 * f.page));
	assert_page_is(&f, 5, 99);
	end_child(child);
	fixture_stop(&f);
}
END_TEST

/* ---- fork and exec ---- */

/* What another program finds open, a line for each descriptor. */
static void list_what_exec_leaves(char *list, size_t size)
{
	int fds[2];
	assert_ok(pipe2(fds, O_CLOEXEC));
	pid_t child = fork();
	if (child == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c",
			"for f in /proc/$$/fd/*; do readlink \"$f\"; done; true", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_ge(child, 0);
	close(fds[1]);
	FILE *out = fdopen(fds[0], "r");
	list[fread(list, 1, size - 1, out)] = '\0';
	fclose(out);
	assert_child_ends_well(child);
}

static void *run_a_program(void *data)
{
	char list[4096];
	(void)data;
	for (int i = 0; i < 5; i++) {
		list_what_exec_leaves(list, sizeof(list));
		ck_assert_msg(strstr(list, "pipe:") != NULL, "%s", list);
		ck_assert_msg(!strstr(list, "anon_inode:") && !strstr(list, "memfd:"), "%s", list);
	}
	return NULL;
}

START_TEST(program_run_from_any_thread_inherits_no_descriptor)
{
	struct fixture f;
	pthread_t reader, runner;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	assert_ok(pthread_create(&reader, NULL, read_and_discard, &f));
	assert_ok(pthread_create(&runner, NULL, run_a_program, NULL));
	run_a_program(NULL);
	pthread_join(runner, NULL);
	atomic_store(&shall_stop, true);
	pthread_join(reader, NULL);
	fixture_stop(&f);
}
END_TEST

static TCase *fork_case(void)
{
	TCase *tcase = tcase_create("fork");
	tcase_add_test(tcase, forked_child_reads_zeros_and_is_told_so);
	tcase_add_test(tcase, forked_child_goes_on_seeing_a_direct_file);
	tcase_add_test(tcase, guard_is_destroyed_though_a_child_holds_the_userfaultfd);
	tcase_add_test(tcase, handler_gives_up_though_a_child_holds_the_userfaultfd);
	tcase_add_test(tcase,
		late_reader_of_what_left_a_direct_region_is_woken_by_a_handler_that_gives_up);
	tcase_add_test(tcase, faults_are_answered_while_others_fork);
	tcase_add_test(tcase, page_that_is_being_filled_is_zero_in_the_child);
	tcase_add_test(tcase, child_shares_no_page_with_the_parents_regions);
	tcase_add_test(tcase, program_run_from_any_thread_inherits_no_descriptor);
	return tcase;
}

RUNNER_MAIN("fork", fork_case)

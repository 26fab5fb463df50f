/* SPDX-License-Identifier: MIT */
/*
 * MAP_SEAL of a file whose client holds the inode's lock, which adding a seal takes: write(2) keeps
 * it while it waits for the writer's memory. Nobody waits for the client, neither calls nor what
 * the process does besides.
 */
#include "../support/fixture.h"
#include "../support/time_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PAGES 8
#define LIVE	(UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL)
#define SOON	(2 * NS_PER_S) /* also on a busy machine; the client holds the lock longer */

/* ---- The client, a process of its own ---- */

struct writer {
	pid_t pid;
	int fd;
	char *never_filled;
};

static void *write_what_never_comes(void *data)
{
	const struct writer *writer = data;
	pwrite(writer->fd, writer->never_filled, 1, 0);
	return NULL;
}

/* A page that nobody fills; or -1 where system calls cannot be made to wait for one. */
static int make_page(struct writer *writer)
{
	struct uffdio_api api = { .api = UFFD_API };
	const int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0)
		return -1;
	writer->never_filled =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = { .range = { .start = (uintptr_t)writer->never_filled,
						 .len = 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING };
	return ioctl(uffd, UFFDIO_REGISTER, &range) < 0 ? -1 : uffd;
}

/* In the child: 1 is written to @answer once the lock is held, or 0 if that cannot be done. */
static void be_writer(struct writer *writer, int answer)
{
	pthread_t thread;
	struct uffd_msg message;
	const int uffd = make_page(writer);
	const bool holds = uffd >= 0 &&
			   pthread_create(&thread, NULL, write_what_never_comes, writer) == 0 &&
			   read(uffd, &message, sizeof(message)) == (ssize_t)sizeof(message);
	const char byte = holds ? 1 : 0;
	if (write(answer, &byte, 1) == 1)
		pause();
	_exit(0);
}

/* False after runner_skip(). */
static bool writer_start(struct writer *writer, int fd)
{
	int ends[2];
	char answer = 0;
	assert_ok(pipe2(ends, O_CLOEXEC));
	*writer = (struct writer){ .fd = fd };
	writer->pid = fork();
	if (writer->pid == 0)
		be_writer(writer, ends[1]);
	ck_assert_int_eq(read(ends[0], &answer, 1), 1);
	close(ends[0]);
	close(ends[1]);
	if (!answer)
		runner_skip("a system call cannot be made to wait for a page");
	return answer;
}

static void writer_stop(const struct writer *writer)
{
	kill(writer->pid, SIGKILL);
	ck_assert_int_eq(waitpid(writer->pid, NULL, 0), writer->pid);
}

/* ---- Calls ---- */

static int map_live(const struct fixture *f, uint32_t flags, struct uffd_guard_region **region)
{
	const struct uffd_guard_map_options options = {
		.size = sizeof(options), .flags = LIVE | flags, .reserve = 2 * N_PAGES * f->page
	};
	return uffd_guard_map(f->guard, f->fd, N_PAGES * f->page, &options, region);
}

static void assert_is_live_in_the_end(
	const struct fixture *f, struct uffd_guard_region *region, bool by_resize)
{
	const uint64_t limit = clock_ns() + 10 * NS_PER_S;
	while (uffd_guard_region_mode(region) != UFFD_GUARD_MODE_DIRECT) {
		ck_assert_uint_lt(clock_ns(), limit);
		clock_sleep(NS_PER_MS);
		assert_ok(by_resize ? uffd_guard_resize(region, N_PAGES * f->page)
				    : uffd_guard_refresh(region, 0, 1));
	}
	ck_assert_uint_eq(
		((volatile unsigned char *)uffd_guard_region_data(region))[f->page], page_value(1));
}

START_TEST(seal_that_the_client_holds_up_is_not_waited_for)
{
	struct fixture f;
	struct writer writer;
	struct uffd_guard_region *refreshed, *resized, *gone, *none;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	if (!writer_start(&writer, f.fd))
		return;
	const uint64_t begin = clock_ns();
	assert_ok(map_live(&f, 0, &refreshed));
	assert_ok(map_live(&f, 0, &resized));
	assert_ok(map_live(&f, 0, &gone));
	ck_assert_int_eq(map_live(&f, UFFD_GUARD_MAP_ONLY_DIRECT, &none), -EPERM);
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, UFFD_GUARD_MAP_SEAL), 0);
	assert_ok(uffd_guard_resize(resized, N_PAGES * f.page));
	assert_ok(uffd_guard_refresh(refreshed, 0, N_PAGES * f.page));
	ck_assert_int_eq(uffd_guard_region_mode(refreshed), mode_without_direct());
	assert_page_is(&f, 1, page_value(1));
	uffd_guard_unmap(gone);
	ck_assert_uint_lt(clock_ns() - begin, SOON);

	writer_stop(&writer);
	assert_is_live_in_the_end(&f, refreshed, false);
	assert_is_live_in_the_end(&f, resized, true);
	uffd_guard_unmap(refreshed);
	uffd_guard_unmap(resized);
	fixture_stop(&f);
}
END_TEST

/* Stores that were not written back would be gone with the copies. */
START_TEST(region_with_stores_does_not_become_live_by_a_refresh)
{
	struct fixture f;
	struct writer writer;
	struct uffd_guard_region *region;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	if (!writer_start(&writer, f.fd))
		return;
	assert_ok(map_live(&f, UFFD_GUARD_MAP_WRITE, &region));
	volatile unsigned char *data = uffd_guard_region_data(region);
	data[5 * f.page] = 200;
	writer_stop(&writer);
	const uint64_t limit = clock_ns() + 10 * NS_PER_S;
	while (!(fcntl(f.fd, F_GET_SEALS) & F_SEAL_SHRINK) && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	assert_ok(uffd_guard_refresh(region, 0, f.page));
	ck_assert_uint_eq(data[5 * f.page], 200);
	ck_assert_int_eq(uffd_guard_region_make_direct(region, 0), 1);
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

/* ---- How many ---- */

START_TEST(seals_that_clients_hold_up_cost_a_few_threads_and_no_time)
{
	struct fixture f;
	struct writer writer;
	struct uffd_guard_region *regions[100];
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES }));
	if (!writer_start(&writer, f.fd))
		return;
	const size_t n_threads = count_threads(), n_fds = count_fds();
	const uint64_t begin = clock_ns();
	for (size_t i = 0; i < 100; i++)
		assert_ok(map_live(&f, 0, &regions[i]));
	for (size_t i = 0; i < 500; i++) /* each asks again */
		assert_ok(uffd_guard_resize(regions[0], N_PAGES * f.page));
	ck_assert_uint_lt(clock_ns() - begin, SOON);
	ck_assert_uint_le(count_threads(), n_threads + 8);
	ck_assert_uint_le(count_fds(), n_fds + 100 + 8);
	for (size_t i = 1; i < 100; i++)
		uffd_guard_unmap(regions[i]);

	writer_stop(&writer);
	assert_is_live_in_the_end(&f, regions[0], false);
	uffd_guard_unmap(regions[0]);
	const uint64_t limit = clock_ns() + 10 * NS_PER_S;
	while (count_fds() > n_fds && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	ck_assert_uint_eq(count_fds(), n_fds);
	fixture_stop(&f);
}
END_TEST

/* ---- The process ---- */

enum { CHANGES_USER, EXITS, EXECUTES, N_WAYS };

/* In a child, which has a guard and a seal that is held up. */
static void go_on(int fd, int way)
{
	struct fixture f = { .page = (size_t)sysconf(_SC_PAGESIZE), .fd = fd };
	struct uffd_guard_region *region;
	f.guard = guard_start(0);
	if (map_live(&f, 0, &region))
		_exit(2);
	if (way == EXECUTES)
		execl("/bin/true", "true", (char *)NULL);
	if (way == CHANGES_USER && setresuid(getuid(), getuid(), getuid()) < 0)
		_exit(3);
	exit(0);
}

/* What a thread that cannot be interrupted would hold up: the C library has all of them change the
 * user, the kernel ends all of them at exec and exit. */
START_TEST(process_goes_on_while_a_client_holds_up_a_seal)
{
	struct writer writer;
	const int fd = file_create(FILE_MEMFD, N_PAGES, false);
	if (!writer_start(&writer, fd))
		return;
	const pid_t child = fork();
	if (child == 0)
		go_on(fd, _i);
	int status = -1;
	const uint64_t limit = clock_ns() + 10 * NS_PER_S;
	pid_t ended;
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && clock_ns() < limit)
		clock_sleep(NS_PER_MS);
	writer_stop(&writer);
	ck_assert_int_eq(ended, child);
	ck_assert_int_eq(status, 0);
	close(fd);
}
END_TEST

static TCase *sealing_case(void)
{
	TCase *tcase = tcase_create("sealing");
	tcase_add_test(tcase, seal_that_the_client_holds_up_is_not_waited_for);
	tcase_add_test(tcase, region_with_stores_does_not_become_live_by_a_refresh);
	tcase_add_test(tcase, seals_that_clients_hold_up_cost_a_few_threads_and_no_time);
	tcase_add_loop_test(tcase, process_goes_on_while_a_client_holds_up_a_seal, 0, N_WAYS);
	return tcase;
}

RUNNER_MAIN("sealing", sealing_case)

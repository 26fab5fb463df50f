/* SPDX-License-Identifier: MIT */
/* What else goes on around a region: signals, scheduling, a client that holds a lock, the region
 * next door, another guard. What the program does to its memory is in memory.c, fork(2) in fork.c.
 */
#include "../support/fixture.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* ---- The handler's thread ---- */

START_TEST(handler_is_named_and_blocks_all_signals)
{
	struct uffd_guard *guard = guard_start(0);
	char path[64], line[256];
	unsigned long long blocked = 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", find_handler());
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "SigBlk: %llx", &blocked);
	fclose(f);
	for (int sig = 1; sig < 32; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			ck_assert_msg(blocked >> (sig - 1) & 1, "signal %d is not blocked", sig);
	}
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(handler_takes_over_its_creators_policy)
{
	/* With the flag that rtkit sets, threads do not inherit by themselves. */
	struct sched_param param = { .sched_priority = 3 };
	if (sched_setscheduler(0, SCHED_FIFO | (_i ? SCHED_RESET_ON_FORK : 0), &param) < 0) {
		ck_assert_int_eq(errno, EPERM);
		runner_skip("may not use real-time scheduling");
		return;
	}
	struct uffd_guard *guard = guard_start(0);
	pid_t handler = find_handler();
	ck_assert_int_eq(sched_getscheduler(handler) & ~SCHED_RESET_ON_FORK, SCHED_FIFO);
	assert_ok(sched_getparam(handler, &param));
	ck_assert_int_eq(param.sched_priority, 3);
	uffd_guard_destroy(guard);
}
END_TEST

static void note_warning(int level, const char *message, void *data)
{
	if (level == LOG_WARNING && strstr(message, "real-time"))
		(*(unsigned *)data)++;
}

START_TEST(creator_is_told_that_the_handler_may_not_have_its_policy)
{
	const struct sched_param param = { .sched_priority = 3 };
	struct uffd_guard *guard;
	atomic_bool fails = true;
	unsigned n_told = 0;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags(),
		.log = note_warning,
		.log_data = &n_told };
	if (runner_skip_eager())
		return;
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) < 0) {
		ck_assert_int_eq(errno, EPERM);
		runner_skip("may not use real-time scheduling");
		return;
	}
	inject_syscall(SYS_sched_setscheduler, 1, SCHED_FIFO, inject_while_on, &fails);
	assert_ok(uffd_guard_create(&options, &guard));
	ck_assert_uint_eq(n_told, 1);
	ck_assert_int_eq(sched_getscheduler(find_handler()), SCHED_OTHER);
	uffd_guard_destroy(guard);
}
END_TEST

/* One core for the reader and the handler, and a policy that never takes the core away from who
 * runs: whoever waits for the other has to sleep. */
static void *read_refresh_discard(void *data)
{
	const struct fixture *f = data;
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < 64; i++)
			ck_assert_uint_eq(f->data[i * f->page], page_value(i));
		assert_ok(uffd_guard_refresh(f->region, 0, 64 * f->page));
		assert_ok(uffd_guard_discard(f->region, 0, 32 * f->page));
		assert_ok(uffd_guard_populate(f->region, 0, 16 * f->page));
	}
	return NULL;
}

START_TEST(real_time_readers_on_the_handlers_core_are_answered)
{
	struct fixture f;
	cpu_set_t one_core;
	CPU_ZERO(&one_core);
	CPU_SET(sched_getcpu(), &one_core);
	assert_ok(sched_setaffinity(0, sizeof(one_core), &one_core));
	struct sched_param param = { .sched_priority = 3 };
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0) {
		ck_assert_int_eq(errno, EPERM);
		runner_skip("may not use real-time scheduling");
		return;
	}
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 64 }));
	param.sched_priority += _i; /* as urgent as the handler, or more */
	assert_ok(sched_setscheduler(0, SCHED_FIFO, &param));
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		assert_ok(pthread_create(&threads[i], NULL, read_refresh_discard, &f));
	read_refresh_discard(&f);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	fixture_stop(&f);
}
END_TEST

static void ignore_signal(int sig)
{
	(void)sig;
}

START_TEST(signals_hit_the_reader_and_the_fault_is_answered)
{
	struct fixture f;
	const struct itimerval often = { .it_interval = { .tv_usec = 200 },
		.it_value = { .tv_usec = 200 } };
	const struct itimerval never = { .it_value = { .tv_usec = 0 } };
	struct sigaction action = { .sa_handler = ignore_signal };
	assert_ok(sigaction(SIGALRM, &action, NULL));
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 256 }));
	assert_ok(setitimer(ITIMER_REAL, &often, NULL));
	for (int round = 0; round < 40; round++) {
		for (size_t i = 256; i-- > 0;)
			ck_assert_uint_eq(f.data[i * f.page], page_value(i));
		assert_ok(uffd_guard_discard(f.region, 0, 256 * f.page));
	}
	assert_ok(setitimer(ITIMER_REAL, &never, NULL));
	fixture_stop(&f);
}
END_TEST

static struct fixture handled;
static volatile sig_atomic_t seen_in_handler;

static void read_in_signal_handler(int sig)
{
	(void)sig;
	seen_in_handler = handled.data[handled.page];
}

START_TEST(signal_handler_of_the_program_may_read_a_region)
{
	ck_assert(fixture_start(&handled, &(struct fixture_options){ .n_pages = 2 }));
	struct sigaction action = { .sa_handler = read_in_signal_handler };
	assert_ok(sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	ck_assert_int_eq(seen_in_handler, page_value(1));
	fixture_stop(&handled);
}
END_TEST

START_TEST(features_say_which_loop_runs)
{
	struct uffd_guard *guard = guard_start(0);
	bool poll_loop = runner_guard_flags() & UFFD_GUARD_NO_IO_URING;
	ck_assert_int_eq(!!(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_IO_URING), !poll_loop);
	ck_assert_int_eq(
		!!(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_LAZY), !runner_is_eager());
	uffd_guard_destroy(guard);
}
END_TEST

/* ---- A client that holds a lock ---- */

struct stuck_client {
	int fd, uffd;
	char *never_filled;
};

static void *write_what_never_comes(void *data)
{
	const struct stuck_client *client = data;
	return pwrite(client->fd, client->never_filled, 1, 0) == 1 ? NULL : data;
}

/* A page that nobody fills, as one of a FUSE file would be whose server does not answer: -1 where
 * system calls cannot wait for one. */
static int make_page_that_never_comes(struct stuck_client *client)
{
	struct uffdio_api api = { .api = UFFD_API };
	client->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (client->uffd < 0)
		return -1;
	client->never_filled =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = { .range = { .start = (uintptr_t)client->never_filled,
						 .len = 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING };
	assert_ok(ioctl(client->uffd, UFFDIO_API, &api));
	assert_ok(ioctl(client->uffd, UFFDIO_REGISTER, &range));
	return 0;
}

/* write(2) holds the inode's lock while it waits for the writer's memory. Whatever takes it, waits
 * for the client. */
START_TEST(client_that_holds_its_files_lock_stops_nobody)
{
	struct fixture f;
	pthread_t thread;
	void *failed;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16, .is_sparse = true }));
	struct stuck_client client = { .fd = fcntl(f.fd, F_DUPFD_CLOEXEC, 0) };
	if (make_page_that_never_comes(&client)) {
		runner_skip("a system call cannot be made to wait for a page");
		return;
	}
	file_write_page(f.fd, 5, 55);
	assert_ok(pthread_create(&thread, NULL, write_what_never_comes, &client));
	struct uffd_msg message;
	ck_assert_int_eq(
		read(client.uffd, &message, sizeof(message)), sizeof(message)); /* it waits */

	assert_page_is(&f, 2, 0);
	assert_page_is(&f, 5, 55);
	assert_ok(uffd_guard_populate(f.region, 0, 16 * f.page));
	assert_ok(uffd_guard_refresh(f.region, 0, 16 * f.page));
	assert_ok(uffd_guard_discard(f.region, 0, 16 * f.page));
	assert_page_is(&f, 2, 0);
	struct uffd_guard_region *second;
	assert_ok(uffd_guard_map(f.guard, f.fd, f.page, NULL, &second));
	uffd_guard_unmap(second);
	fixture_stop(&f);

	close(client.uffd);
	pthread_join(thread, &failed);
	close(client.fd);
	ck_assert_ptr_null(failed);
}
END_TEST

/* ---- The region next door, the guard next door ---- */

static void wait_until_idle(const struct fixture *f)
{
	const struct timespec while_ = { .tv_nsec = 20000000 };
	uint64_t wakeups;
	do {
		wakeups = fixture_stats(f).wakeups;
		nanosleep(&while_, NULL);
	} while (fixture_stats(f).wakeups != wakeups);
}

/* Far enough into the first for the handler to go on ahead of need, by more than there is left of
 * it. Aligned, because windows end where huge pages do. */
START_TEST(reading_ahead_ends_where_the_region_does)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 400 }));
	const size_t length = 400 * f.page;
	const uintptr_t huge = (uintptr_t)2 << 20;
	volatile unsigned char *room =
		(unsigned char *)(((uintptr_t)find_room(2 * length + huge) + huge - 1) &
				  ~(huge - 1));
	struct uffd_guard_region *first = map_at(f.guard, f.fd, length, (void *)room),
				 *next = map_at(f.guard, f.fd, length, (void *)(room + length));
	for (size_t i = 0; i <= 128; i++)
		ck_assert_uint_eq(room[i * f.page], page_value(i));
	wait_until_idle(&f);
	ck_assert_uint_le(fixture_stats(&f).bytes_resident, length);
	for (size_t i = 0; i < 400; i++)
		ck_assert(!is_resident(room + length + i * f.page));
	uffd_guard_unmap(first);
	uffd_guard_unmap(next);
	fixture_stop(&f);
}
END_TEST

/* Two guards whose regions lie by turns, side by side. */
START_TEST(two_guards_do_not_mix)
{
	struct fixture a, b;
	struct uffd_guard_region *regions[6];
	ck_assert(fixture_start(&a, &(struct fixture_options){ .n_pages = 16 }));
	ck_assert(fixture_start(&b, &(struct fixture_options){ .n_pages = 16 }));
	for (size_t i = 0; i < 16; i++)
		file_write_page(b.fd, i, (unsigned char)(200 + i));
	fixture_changed(&b);
	const size_t length = 16 * a.page;
	volatile unsigned char *room = find_room(6 * length);
	for (size_t i = 0; i < 6; i++)
		regions[i] = map_at(i % 2 ? b.guard : a.guard, i % 2 ? b.fd : a.fd, length,
			(void *)(room + i * length));
	for (size_t page = 0; page < 16; page++) {
		for (size_t i = 0; i < 6; i++)
			ck_assert_uint_eq(room[i * length + page * a.page],
				i % 2 ? 200 + page : page_value(page));
	}
	for (size_t i = 0; i < 6; i++)
		assert_ok(uffd_guard_refresh(regions[i], 0, 0)); /* handlers count afterwards */
	const size_t n_read = runner_is_eager() ? 4 : 3;	 /* the fixture's own region too */
	ck_assert_uint_eq(fixture_stats(&a).bytes_resident, n_read * length);
	ck_assert_uint_eq(fixture_stats(&b).bytes_resident, n_read * length);

	for (size_t i = 0; i < 6; i += 2)
		uffd_guard_unmap(regions[i]);
	fixture_stop(&a);
	for (size_t i = 1; i < 6; i += 2) {
		assert_ok(uffd_guard_discard(regions[i], 0, length));
		ck_assert_uint_eq(room[i * length + 3 * b.page], 203);
		uffd_guard_unmap(regions[i]);
	}
	assert_page_is(&b, 3, 203);
	fixture_stop(&b);
}
END_TEST

static TCase *handler_case(void)
{
	TCase *tcase = tcase_create("handler");
	tcase_add_test(tcase, handler_is_named_and_blocks_all_signals);
	tcase_add_loop_test(tcase, handler_takes_over_its_creators_policy, 0, 2);
	tcase_add_test(tcase, creator_is_told_that_the_handler_may_not_have_its_policy);
	tcase_add_loop_test(tcase, real_time_readers_on_the_handlers_core_are_answered, 0, 2);
	tcase_add_test(tcase, signals_hit_the_reader_and_the_fault_is_answered);
	tcase_add_test(tcase, signal_handler_of_the_program_may_read_a_region);
	tcase_add_test(tcase, features_say_which_loop_runs);
	return tcase;
}

static TCase *next_door_case(void)
{
	TCase *tcase = tcase_create("next door");
	tcase_add_test(tcase, client_that_holds_its_files_lock_stops_nobody);
	tcase_add_test(tcase, reading_ahead_ends_where_the_region_does);
	tcase_add_test(tcase, two_guards_do_not_mix);
	return tcase;
}

RUNNER_MAIN("neighbours", handler_case, next_door_case)

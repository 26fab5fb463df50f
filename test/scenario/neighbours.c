/* SPDX-License-Identifier: MIT */
/* What else goes on in the process: signals, scheduling, fork, mlockall, the program's own madvise,
 * system calls. */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The handler's thread ---- */

/* A line of /proc/self/task/TID/status of the thread named uffd-guard. */
static pid_t find_handler(void)
{
	char command[256];
	snprintf(command, sizeof(command), "grep -l '^uffd-guard$' /proc/%d/task/*/comm", getpid());
	FILE *f = popen(command, "r");
	int tid = 0;
	ck_assert_int_eq(fscanf(f, "/proc/%*d/task/%d/comm", &tid), 1);
	pclose(f);
	return tid;
}

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

/* The stream's lock is held while the fault is answered. */
START_TEST(region_can_be_what_stdio_reads_from)
{
	struct fixture f;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = 300, .map_flags = UFFD_GUARD_MAP_POPULATE }));
	assert_ok(uffd_guard_discard(f.region, f.page, 299 * f.page));
	FILE *out = fopen("/dev/null", "w");
	static char buffer[1 << 16];
	setvbuf(out, buffer, _IOFBF, sizeof(buffer));
	for (size_t i = 0; i + 1000 < 300 * f.page; i += 1000)
		ck_assert_uint_eq(fwrite((const void *)(f.data + i), 1, 1000, out), 1000);
	fclose(out);
	fixture_stop(&f);
}
END_TEST

/* ---- System calls on a region ---- */

static ssize_t write_page(const struct fixture *f, size_t page)
{
	int out = open("/dev/shm", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(out, 0);
	ssize_t n = write(out, (const void *)(f->data + page * f->page), f->page);
	int err = errno;
	close(out);
	return n < 0 ? -err : n;
}

START_TEST(system_call_on_an_unread_page_works_or_fails_as_announced)
{
	struct fixture f;
	uint32_t flags = _i ? UFFD_GUARD_USER_FAULTS_ONLY : 0;
	ck_assert(
		fixture_start(&f, &(struct fixture_options){ .n_pages = 4, .guard_flags = flags }));
	bool works = uffd_guard_features(f.guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS;
	if (_i && !runner_is_eager())
		ck_assert(!works);
	ck_assert_int_eq(write_page(&f, 2), works ? (ssize_t)f.page : -EFAULT);
	assert_ok(uffd_guard_populate(f.region, 0, 4 * f.page));
	ck_assert_int_eq(write_page(&f, 2), (ssize_t)f.page);
	ck_assert_int_eq(write_page(&f, 3), (ssize_t)f.page);
	/* And refresh leaves what was populated populated, whatever became of the file. */
	file_punch(f.fd, 1, 1);
	fixture_truncate(&f, 3);
	assert_ok(uffd_guard_refresh(f.region, 0, 4 * f.page));
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(write_page(&f, i), (ssize_t)f.page);
	fixture_stop(&f);
}
END_TEST

START_TEST(required_kernel_faults_are_there_or_refused)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_REQUIRE_KERNEL_FAULTS | runner_guard_flags() };
	struct uffd_guard *guard = NULL;
	int err = uffd_guard_create(&options, &guard);
	if (runner_is_root())
		ck_assert_int_eq(err, 0);
	if (err)
		ck_assert_int_eq(err, -EPERM);
	else
		ck_assert(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS);
	uffd_guard_destroy(guard);
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

/* ---- fork ---- */

static int in_child(const struct fixture *f)
{
	struct uffd_guard_region *region;
	struct uffd_guard *guard;
	for (size_t i = 0; i < 4 * f->page; i++) {
		if (f->data[i])
			return 1;
	}
	f->data[0] = 1; /* the child's own memory */
	if (uffd_guard_refresh(f->region, 0, 1) != -ECHILD ||
		uffd_guard_resize(f->region, 1) != -ECHILD ||
		uffd_guard_map(f->guard, f->fd, 1, NULL, &region) != -ECHILD ||
		uffd_guard_get_fd(f->guard) != -ECHILD)
		return 2;
	uffd_guard_unmap(f->region);
	uffd_guard_destroy(f->guard);
	if (IS_SANITIZED) /* no new thread in a child there */
		return 0;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	if (uffd_guard_create(&options, &guard)) /* one of its own works */
		return 3;
	if (uffd_guard_map(guard, f->fd, f->page, NULL, &region))
		return 4;
	if (*(volatile unsigned char *)uffd_guard_region_data(region) != page_value(0))
		return 5;
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	return 0;
}

static void *fork_on_this_thread(void *data)
{
	const struct fixture *f = data;
	pid_t child = fork();
	if (child == 0)
		_exit(in_child(f));
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "the child was killed by %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	return NULL;
}

START_TEST(forked_child_reads_zeros_and_is_told_so)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 4 }));
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
			_exit(0);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
	}
	atomic_store(&shall_stop, true);
	pthread_join(thread, NULL);
	fixture_stop(&f);
}
END_TEST

/* ---- Memory ---- */

START_TEST(mlockall_does_not_fill_regions_with_zeros)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0 && mlockall(MCL_FUTURE) < 0) {
		runner_skip("may not lock memory");
		return;
	}
	assert_ok(mlockall(MCL_FUTURE));
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	if (!runner_is_eager())
		ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	for (size_t i = 0; i < 16; i++)
		assert_page_is(&f, i, page_value(i));
	file_write_page(f.fd, 3, 99);
	assert_ok(uffd_guard_discard(f.region, 3 * f.page, f.page));
	assert_page_is(&f, 3, 99);
	fixture_stop(&f);
}
END_TEST

START_TEST(locked_pages_can_be_discarded)
{
	struct fixture f;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = 4, .map_flags = UFFD_GUARD_MAP_POPULATE }));
	if (mlock((const void *)f.data, 4 * f.page) < 0) {
		runner_skip("may not lock memory");
		return;
	}
	file_write_page(f.fd, 2, 99);
	assert_ok(uffd_guard_discard(f.region, 0, 4 * f.page));
	assert_page_is(&f, 2, 99);
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_that_the_program_took_away_come_back)
{
	struct fixture f;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16,
					    .guard_flags = _i ? UFFD_GUARD_USER_FAULTS_ONLY : 0,
					    .map_flags = UFFD_GUARD_MAP_POPULATE }));
	file_write_page(f.fd, 5, 99);
	assert_ok(madvise((void *)(f.data + 4 * f.page), 4 * f.page, MADV_DONTNEED));
	assert_page_is(&f, 5, 99);
	file_write_page(f.fd, 6, 98);
	assert_ok(uffd_guard_refresh(
		f.region, 0, 16 * f.page)); /* its in-place write meets absent pages */
	assert_page_is(&f, 6, 98);
	assert_page_is(&f, 7, page_value(7));
	fixture_stop(&f);
}
END_TEST

START_TEST(pages_that_the_program_write_protected_are_refreshed)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	assert_page_is(&f, 5, page_value(5));
	assert_ok(mprotect((void *)(f.data + 4 * f.page), 4 * f.page, PROT_READ));
	for (size_t i = 0; i < 16; i++) /* windows reach across what are now three mappings */
		assert_page_is(&f, i, page_value(i));
	file_write_page(f.fd, 3, 97);
	file_write_page(f.fd, 5, 99);
	assert_ok(uffd_guard_refresh(f.region, 3 * f.page, 4 * f.page));
	assert_page_is(&f, 3, 97);
	assert_page_is(&f, 5, 99);
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_discard(f.region, 0, 16 * f.page));
	assert_ok(uffd_guard_populate(f.region, 0, 16 * f.page));
	assert_page_is(&f, 5, 99);
	assert_ok(uffd_guard_resize(f.region, 5 * f.page + 10));
	assert_bytes_are(&f, 5 * f.page + 10, 6 * f.page, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(program_may_populate_by_madvise_where_the_kernel_may_fault)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	int err = madvise((void *)f.data, 16 * f.page, MADV_POPULATE_READ) < 0 ? errno : 0;
	bool works = uffd_guard_features(f.guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS;
	ck_assert_int_eq(err, works ? 0 : EFAULT);
	assert_page_is(&f, 9, page_value(9));
	fixture_stop(&f);
}
END_TEST

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

START_TEST(two_guards_do_not_mix)
{
	struct fixture a, b;
	ck_assert(fixture_start(&a, &(struct fixture_options){ .n_pages = 16 }));
	ck_assert(fixture_start(&b, &(struct fixture_options){ .n_pages = 16 }));
	for (size_t i = 0; i < 16; i++)
		file_write_page(b.fd, i, (unsigned char)(200 + i));
	fixture_changed(&b);
	for (size_t i = 0; i < 16; i++) {
		assert_page_is(&a, i, page_value(i));
		assert_page_is(&b, i, (unsigned char)(200 + i));
	}
	fixture_stop(&a);
	assert_ok(uffd_guard_discard(b.region, 0, 16 * b.page));
	assert_page_is(&b, 3, 203);
	fixture_stop(&b);
}
END_TEST

static TCase *handler_case(void)
{
	TCase *tcase = tcase_create("handler");
	tcase_add_test(tcase, handler_is_named_and_blocks_all_signals);
	tcase_add_loop_test(tcase, handler_takes_over_its_creators_policy, 0, 2);
	tcase_add_test(tcase, signals_hit_the_reader_and_the_fault_is_answered);
	tcase_add_test(tcase, signal_handler_of_the_program_may_read_a_region);
	tcase_add_test(tcase, region_can_be_what_stdio_reads_from);
	tcase_add_loop_test(tcase, system_call_on_an_unread_page_works_or_fails_as_announced, 0, 2);
	tcase_add_test(tcase, required_kernel_faults_are_there_or_refused);
	tcase_add_test(tcase, features_say_which_loop_runs);
	return tcase;
}

static TCase *process_case(void)
{
	TCase *tcase = tcase_create("process");
	tcase_add_test(tcase, forked_child_reads_zeros_and_is_told_so);
	tcase_add_test(tcase, faults_are_answered_while_others_fork);
	tcase_add_test(tcase, mlockall_does_not_fill_regions_with_zeros);
	tcase_add_test(tcase, locked_pages_can_be_discarded);
	tcase_add_loop_test(tcase, pages_that_the_program_took_away_come_back, 0, 2);
	tcase_add_test(tcase, pages_that_the_program_write_protected_are_refreshed);
	tcase_add_test(tcase, program_may_populate_by_madvise_where_the_kernel_may_fault);
	tcase_add_test(tcase, client_that_holds_its_files_lock_stops_nobody);
	tcase_add_test(tcase, two_guards_do_not_mix);
	return tcase;
}

RUNNER_MAIN("neighbours", handler_case, process_case)

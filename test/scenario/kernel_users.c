/* SPDX-License-Identifier: MIT */
/*
 * The kernel, and other processes, as readers of a region.
 *
 * Two rules. A page that was never read is there for a system call only with
 * UFFD_GUARD_FEATURE_KERNEL_FAULTS; else it answers EFAULT until the page is populated. And whoever
 * keeps hold of pages (vmsplice, buffers registered with io_uring, a driver) goes on seeing what
 * refresh brings, for it writes into the same pages; but not what comes after the page was given
 * back: by discard, or by a refresh that finds a hole, the file's end, or data where zeros were.
 */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PAGES 16

static bool may_kernel_fault(const struct fixture *f)
{
	return uffd_guard_features(f->guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS;
}

/* As _i of a loop of two: whatever this user gets, and the least that any user gets. */
static uint32_t fault_flags(int i)
{
	return i ? UFFD_GUARD_USER_FAULTS_ONLY : 0;
}

static void *address_of(const struct fixture *f, size_t page)
{
	return (void *)(f->data + page * f->page);
}

/* ---- write(2) ---- */

static ssize_t write_page(const struct fixture *f, size_t page)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	ck_assert_int_ge(out, 0);
	ssize_t n = write(out, address_of(f, page), f->page);
	int err = errno;
	close(out);
	return n < 0 ? -err : n;
}

START_TEST(system_call_on_an_unread_page_works_or_fails_as_announced)
{
	struct fixture f;
	ck_assert(fixture_start(
		&f, &(struct fixture_options){ .n_pages = 4, .guard_flags = fault_flags(_i) }));
	bool works = may_kernel_fault(&f);
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

/* ---- Direct I/O: the disk reads the region's pages ---- */

static int create_direct(const char *directory)
{
	char path[4096];
	struct statfs fs;
	snprintf(path, sizeof(path), "%s/uffd_guard.XXXXXX", directory);
	int fd = mkostemp(path, O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -1;
	unlink(path);
	if (fstatfs(fd, &fs) == 0 && fs.f_type != TMPFS_MAGIC) /* which takes it and copies */
		return fd;
	close(fd);
	return -1;
}

static int create_on_disk(void)
{
	const char *const directories[] = { "/var/tmp", "/tmp", "." };
	int fd = -1;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]) && fd < 0; i++)
		fd = create_direct(directories[i]);
	if (fd < 0)
		runner_skip("no disk to write to directly");
	return fd;
}

static void assert_file_has(int fd, size_t page, unsigned char value)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *bytes = aligned_alloc(size, size);
	ck_assert_int_eq(pread(fd, bytes, size, (off_t)(page * size)), (ssize_t)size);
	ck_assert_uint_eq(bytes[0], value);
	ck_assert_uint_eq(bytes[size - 1], value);
	free(bytes);
}

START_TEST(region_can_be_written_to_disk_directly)
{
	struct fixture f;
	int out = create_on_disk();
	if (out < 0)
		return;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = N_PAGES, .guard_flags = fault_flags(_i) }));
	const ssize_t all = (ssize_t)(N_PAGES * f.page);
	ssize_t n = pwrite(out, address_of(&f, 0), (size_t)all, 0);
	if (may_kernel_fault(&f))
		ck_assert_int_eq(n, all);
	else
		ck_assert(n < 0 && errno == EFAULT);
	assert_ok(uffd_guard_populate(f.region, 0, (uint64_t)all));
	ck_assert_int_eq(pwrite(out, address_of(&f, 0), (size_t)all, 0), all);
	for (size_t i = 0; i < N_PAGES; i++)
		assert_file_has(out, i, page_value(i));

	file_write_page(f.fd, 3, 99);
	assert_ok(uffd_guard_refresh(f.region, 0, (uint64_t)all));
	ck_assert_int_eq(pwrite(out, address_of(&f, 0), (size_t)all, 0), all);
	assert_file_has(out, 3, 99);
	close(out);
	fixture_stop(&f);
}
END_TEST

/* ---- Who keeps hold of pages ---- */

/* A pipe that holds the region's page itself, not a copy of it. */
static int splice_page(const struct fixture *f, size_t page, int fds[2])
{
	struct iovec iov = { .iov_base = address_of(f, page), .iov_len = f->page };
	assert_ok(pipe2(fds, O_CLOEXEC));
	return vmsplice(fds[1], &iov, 1, 0) < 0 ? -errno : 0;
}

static int read_spliced_byte(const int fds[2])
{
	unsigned char byte;
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return byte;
}

START_TEST(page_in_a_pipe_is_refreshed_and_left_behind_by_discard)
{
	struct fixture f;
	int refreshed[2], discarded[2], unread[2];
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = N_PAGES, .guard_flags = fault_flags(_i) }));
	ck_assert_int_eq(splice_page(&f, 9, unread), may_kernel_fault(&f) ? 0 : -EFAULT);
	if (may_kernel_fault(&f))
		ck_assert_int_eq(read_spliced_byte(unread), page_value(9));

	assert_ok(uffd_guard_populate(f.region, 0, N_PAGES * f.page));
	assert_ok(splice_page(&f, 0, refreshed));
	assert_ok(splice_page(&f, 1, discarded));
	file_write_page(f.fd, 0, 99);
	file_write_page(f.fd, 1, 98);
	assert_ok(uffd_guard_refresh(f.region, 0, f.page));
	assert_ok(uffd_guard_discard(f.region, f.page, f.page));
	ck_assert_uint_eq(f.data[f.page], 98);
	ck_assert_int_eq(read_spliced_byte(refreshed), 99);
	/* In EAGER discarding is reading again, in place. */
	ck_assert_int_eq(read_spliced_byte(discarded), runner_is_eager() ? 98 : page_value(1));
	fixture_stop(&f);
}
END_TEST

/* A region as a buffer registered with io_uring, and a file to see by what it holds. */
struct fixed_buffer {
	struct io_uring ring;
	int out;
};

static int fixed_buffer_start(struct fixed_buffer *buffer, const struct fixture *f)
{
	const struct iovec iov = { .iov_base = address_of(f, 0), .iov_len = N_PAGES * f->page };
	assert_ok(io_uring_queue_init(4, &buffer->ring, 0));
	buffer->out = memfd_create("out", MFD_CLOEXEC);
	return io_uring_register_buffers(&buffer->ring, &iov, 1);
}

static unsigned char byte_in_fixed_buffer(
	struct fixed_buffer *buffer, const struct fixture *f, size_t page)
{
	unsigned char byte;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&buffer->ring);
	io_uring_prep_write_fixed(sqe, buffer->out, address_of(f, page), (unsigned)f->page, 0, 0);
	ck_assert_int_eq(io_uring_submit_and_wait(&buffer->ring, 1), 1);
	assert_ok(io_uring_peek_cqe(&buffer->ring, &cqe));
	ck_assert_int_eq(cqe->res, (int)f->page);
	io_uring_cqe_seen(&buffer->ring, cqe);
	ck_assert_int_eq(pread(buffer->out, &byte, 1, (off_t)(f->page / 2)), 1);
	return byte;
}

static void fixed_buffer_stop(struct fixed_buffer *buffer)
{
	io_uring_queue_exit(&buffer->ring);
	close(buffer->out);
}

START_TEST(registered_buffer_needs_populated_pages_or_kernel_faults)
{
	struct fixture f;
	struct fixed_buffer buffer;
	ck_assert(fixture_start(&f,
		&(struct fixture_options){ .n_pages = N_PAGES, .guard_flags = fault_flags(_i) }));
	const int err = fixed_buffer_start(&buffer, &f);
	if (err == -EFAULT && may_kernel_fault(&f))
		runner_skip("this kernel registers no pages that are not there");
	else
		ck_assert_int_eq(err, may_kernel_fault(&f) ? 0 : -EFAULT);
	if (!err)
		ck_assert_uint_eq(byte_in_fixed_buffer(&buffer, &f, 3), page_value(3));
	fixed_buffer_stop(&buffer);
	fixture_stop(&f);
}
END_TEST

/* What becomes of a page of the file while the region is registered. */
static void rewrite(int fd, size_t page)
{
	file_write_page(fd, page, 99);
}

static void punch(int fd, size_t page)
{
	file_punch(fd, page, 1);
}

static void cut_off(int fd, size_t page)
{
	assert_ok(ftruncate(fd, (off_t)(page * (size_t)sysconf(_SC_PAGESIZE))));
}

static const struct {
	void (*change)(int fd, size_t page);
	bool is_sparse, is_discarded;
	unsigned char in_region, in_buffer;
	bool is_left_behind; /* from then on, if refresh may take pages away */
} changes[] = {
	{ rewrite, .in_region = 99, .in_buffer = 99 },
	{ rewrite, .is_discarded = true, .in_region = 99, .in_buffer = 6, .is_left_behind = true },
	{ punch, .in_region = 0, .in_buffer = 0, .is_left_behind = true },
	{ cut_off, .in_region = 0, .in_buffer = 6, .is_left_behind = true },
	{ rewrite, .is_sparse = true, .in_region = 99, .in_buffer = 0, .is_left_behind = true },
};
#define N_CHANGES ((int)(sizeof(changes) / sizeof(changes[0])))

START_TEST(registered_buffer_is_refreshed_as_long_as_pages_stay)
{
	struct fixture f;
	struct fixed_buffer buffer;
	if (runner_skip_eager())
		return;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = N_PAGES,
					    .is_sparse = changes[_i].is_sparse,
					    .map_flags = UFFD_GUARD_MAP_POPULATE }));
	/* Where system calls cannot wait for a page, refresh takes none away that was populated. */
	const bool stays = !may_kernel_fault(&f) && !changes[_i].is_discarded;
	const unsigned char in_buffer = stays ? changes[_i].in_region : changes[_i].in_buffer;
	const bool is_left_behind = changes[_i].is_left_behind && !stays;
	assert_ok(fixed_buffer_start(&buffer, &f));
	changes[_i].change(f.fd, 5);
	if (changes[_i].is_discarded)
		assert_ok(uffd_guard_discard(f.region, 5 * f.page, f.page));
	else
		assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	assert_page_is(&f, 5, changes[_i].in_region);
	ck_assert_uint_eq(byte_in_fixed_buffer(&buffer, &f, 5), in_buffer);

	file_write_page(f.fd, 5, 77);
	assert_ok(uffd_guard_refresh(f.region, 0, N_PAGES * f.page));
	assert_page_is(&f, 5, 77);
	ck_assert_uint_eq(byte_in_fixed_buffer(&buffer, &f, 5), is_left_behind ? in_buffer : 77);
	fixed_buffer_stop(&buffer);

	assert_ok(fixed_buffer_start(&buffer, &f)); /* registered anew, it is the region again */
	ck_assert_uint_eq(byte_in_fixed_buffer(&buffer, &f, 5), 77);
	fixed_buffer_stop(&buffer);
	fixture_stop(&f);
}
END_TEST

/* ---- Other processes ---- */

/* A process with a region, of which pages 0 and 1 were read; it waits to be killed. */
struct other {
	pid_t pid;
	char *data;
	bool may_kernel_fault;
};

static void be_the_other(int to_parent, uint32_t guard_flags)
{
	struct fixture f;
	fixture_start(
		&f, &(struct fixture_options){ .n_pages = N_PAGES, .guard_flags = guard_flags });
	struct other self = {
		.pid = getpid(), .data = address_of(&f, 0), .may_kernel_fault = may_kernel_fault(&f)
	};
	bool is_right = f.data[0] == page_value(0) && f.data[f.page] == page_value(1);
	if (!is_right || write(to_parent, &self, sizeof(self)) != sizeof(self))
		_exit(1);
	for (;;)
		pause();
}

static void other_start(struct other *other, uint32_t guard_flags)
{
	int fds[2];
	assert_ok(pipe2(fds, O_CLOEXEC));
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		be_the_other(fds[1], guard_flags);
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], other, sizeof(*other)), sizeof(*other));
	close(fds[0]);
}

static void other_stop(const struct other *other)
{
	kill(other->pid, SIGKILL);
	ck_assert_int_eq(waitpid(other->pid, NULL, 0), other->pid);
}

static ssize_t read_from(const struct other *other, size_t page, unsigned char *byte)
{
	struct iovec to = { .iov_base = byte, .iov_len = 1 };
	struct iovec from = { .iov_base = other->data + page * (size_t)sysconf(_SC_PAGESIZE),
		.iov_len = 1 };
	ssize_t n = process_vm_readv(other->pid, &to, 1, &from, 1, 0);
	return n < 0 ? -errno : n;
}

START_TEST(other_process_reads_what_was_read)
{
	struct other other;
	unsigned char byte = 0;
	other_start(&other, fault_flags(_i));
	ck_assert_int_eq(read_from(&other, 1, &byte), 1);
	ck_assert_uint_eq(byte, page_value(1));
	ck_assert_int_eq(read_from(&other, 12, &byte), other.may_kernel_fault ? 1 : -EFAULT);
	ck_assert_uint_eq(byte, page_value(other.may_kernel_fault ? 12 : 1));
	other_stop(&other);
}
END_TEST

/* It never waits for a page, so a debugger that has stopped the handler as well does not hang. */
START_TEST(debugger_reads_what_was_read)
{
	struct other other;
	int status;
	if (runner_skip_eager())
		return;
	other_start(&other, fault_flags(_i));
	assert_ok(ptrace(PTRACE_ATTACH, other.pid, NULL, NULL));
	ck_assert_int_eq(waitpid(other.pid, &status, 0), other.pid);
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	long word = ptrace(PTRACE_PEEKDATA, other.pid, other.data, NULL);
	ck_assert_int_eq(word & 255, page_value(0));
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, other.pid, other.data + 12 * size, NULL);
	ck_assert_int_eq(errno, EIO);
	assert_ok(ptrace(PTRACE_DETACH, other.pid, NULL, NULL));
	other_stop(&other);
}
END_TEST

static TCase *calls_case(void)
{
	TCase *tcase = tcase_create("system calls");
	tcase_add_loop_test(tcase, system_call_on_an_unread_page_works_or_fails_as_announced, 0, 2);
	tcase_add_test(tcase, required_kernel_faults_are_there_or_refused);
	tcase_add_test(tcase, region_can_be_what_stdio_reads_from);
	tcase_add_loop_test(tcase, region_can_be_written_to_disk_directly, 0, 2);
	return tcase;
}

static TCase *holders_case(void)
{
	TCase *tcase = tcase_create("holders");
	tcase_add_loop_test(tcase, page_in_a_pipe_is_refreshed_and_left_behind_by_discard, 0, 2);
	tcase_add_loop_test(tcase, registered_buffer_needs_populated_pages_or_kernel_faults, 0, 2);
	tcase_add_loop_test(
		tcase, registered_buffer_is_refreshed_as_long_as_pages_stay, 0, N_CHANGES);
	return tcase;
}

static TCase *processes_case(void)
{
	TCase *tcase = tcase_create("processes");
	tcase_add_loop_test(tcase, other_process_reads_what_was_read, 0, 2);
	tcase_add_loop_test(tcase, debugger_reads_what_was_read, 0, 2);
	return tcase;
}

RUNNER_MAIN("kernel users", calls_case, holders_case, processes_case)

/* SPDX-License-Identifier: MIT */
/* libuffd_guard_mmap.so, put in front of this program by CMakeLists.txt: mapping what came over a
 * socket. A signal fails the test. */
#include "../support/fixture.h"
#include "../support/fuse_file.h"
#include "../support/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 4

static size_t page;

typedef void receive_fn(int socket, struct msghdr *message);

static void receive_one(int socket, struct msghdr *message)
{
	ck_assert_int_eq(recvmsg(socket, message, 0), 1);
}

static void receive_many(int socket, struct msghdr *message)
{
	struct mmsghdr messages[2] = { { .msg_hdr = *message } };
	ck_assert_int_eq(recvmmsg(socket, messages, 2, MSG_DONTWAIT, NULL), 1);
	*message = messages[0].msg_hdr;
}

static int sent_and_received(int fd, receive_fn *receive)
{
	int ends[2], got = -1;
	char byte = 0;
	long control[CMSG_SPACE(sizeof(fd)) / sizeof(long)];
	struct iovec body = { &byte, 1 };
	struct msghdr message = { .msg_iov = &body,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	*part = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd))
	};
	memcpy(CMSG_DATA(part), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(ends[0], &message, 0), 1);
	message.msg_controllen = sizeof(control);
	receive(ends[1], &message);
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
	close(ends[0]);
	close(ends[1]);
	return got;
}

static int sent_over_socket(int fd)
{
	return sent_and_received(fd, receive_one);
}

static int file_of_pages(unsigned n_pages)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	return file_create(FILE_MEMFD, n_pages, false);
}

static const volatile char *map_read_only(int fd, size_t n_pages, int sharing)
{
	void *map = mmap(NULL, n_pages * page, PROT_READ, sharing, fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	return map;
}

static void unmap(const volatile char *map, size_t length)
{
	ck_assert_int_eq(munmap((void *)(uintptr_t)map, length), 0);
}

START_TEST(file_shorter_than_its_mapping_is_read_without_a_signal)
{
	const int sharing[] = { MAP_PRIVATE, MAP_SHARED };
	int fd = file_of_pages(1), received = sent_over_socket(fd);
	const volatile char *map = map_read_only(received, PAGES, sharing[_i]);
	ck_assert_int_eq(map[0], (char)page_value(0));
	ck_assert_int_eq(map[page], 0);
	ck_assert_int_eq(map[PAGES * page - 1], 0);
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(file_cut_while_mapped_is_read_without_a_signal)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	close(received);
	for (size_t i = 0; i < PAGES; i++)
		ck_assert_int_eq(map[i * page], (char)page_value(i)); /* read when it was mapped */
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(string_without_an_end_ends_behind_the_mapping)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	ck_assert_uint_eq(strlen((const char *)(uintptr_t)map), PAGES * page);
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(mapping_goes_when_it_is_unmapped)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page); /* there is a guard now */
	const size_t n_fds = count_fds(), n_mappings = count_mappings();
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	ck_assert_uint_eq(count_fds(), n_fds + 1);
	unmap(map, PAGES * page);
	ck_assert_uint_eq(count_fds(), n_fds);
	ck_assert_uint_eq(count_mappings(), n_mappings);
}
END_TEST

START_TEST(parts_that_are_left_keep_their_bytes)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page);
	const size_t n_fds = count_fds(), n_mappings = count_mappings();
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	unmap(map + page, page);
	unmap(map + page, page); /* which is no error */
	ck_assert_int_eq(map[0], (char)page_value(0));
	ck_assert_int_eq(map[2 * page], (char)page_value(2));
	unmap(map, page);
	ck_assert_int_eq(map[3 * page], (char)page_value(3));
	unmap(map + 2 * page, 3 * page); /* and beyond */
	ck_assert_uint_eq(count_fds(), n_fds);
	ck_assert_uint_eq(count_mappings(), n_mappings);
}
END_TEST

/* With another mapping at the place of one that was abandoned. */
static void expect_own_bytes(int fd, int received)
{
	for (size_t i = 0; i < PAGES; i++)
		file_write_page(fd, i, 77);
	for (int tries = 0; tries < 4; tries++) {
		const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
		for (size_t i = 0; i < PAGES; i++)
			ck_assert_int_eq(map[i * page], 77);
	}
}

START_TEST(what_is_mapped_over_a_mapping_leaves_nothing_behind)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	int other = file_of_pages(PAGES), other_received = sent_over_socket(other);
	unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page);
	const size_t n_fds = count_fds();
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	char *over = mmap((void *)(uintptr_t)(map + page), page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ck_assert_uint_eq((uintptr_t)over, (uintptr_t)map + page);
	ck_assert_uint_eq(count_fds(), n_fds);
	ck_assert_int_eq(map[0], (char)page_value(0));
	ck_assert_int_eq(map[page], 0);
	ck_assert_int_eq(map[2 * page], (char)page_value(2));
	unmap(map, PAGES * page);
	expect_own_bytes(other, other_received);
}
END_TEST

START_TEST(what_is_moved_over_a_mapping_leaves_nothing_behind)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page);
	const size_t n_fds = count_fds();
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	char *own = mmap(
		NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	own[0] = 55;
	void *moved = mremap(own, PAGES * page, PAGES * page, MREMAP_MAYMOVE | MREMAP_FIXED,
		(void *)(uintptr_t)map);
	ck_assert_uint_eq((uintptr_t)moved, (uintptr_t)map);
	ck_assert_int_eq(map[0], 55);
	ck_assert_uint_eq(count_fds(), n_fds);
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(call_that_fails_leaves_the_mapping_alone)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	char *address = (char *)(uintptr_t)map;
	const size_t n_fds = count_fds();
	const struct {
		char *address;
		size_t length;
	} wrong[] = { { address + 1, page }, { address, 0 }, { address, SIZE_MAX },
		{ address, SIZE_MAX / 4 * 3 } };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(munmap(wrong[i].address, wrong[i].length), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	void *over = mmap(address, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1, 0);
	ck_assert_ptr_eq(over, MAP_FAILED);
	ck_assert_int_eq(map[0], (char)page_value(0));
	ck_assert_uint_le(count_fds(), n_fds);
	unmap(map, PAGES * page);
	ck_assert_uint_eq(count_fds(), n_fds - 1);
}
END_TEST

START_TEST(mapping_cannot_be_moved)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	void *moved =
		mremap((void *)(uintptr_t)map, PAGES * page, 2 * PAGES * page, MREMAP_MAYMOVE);
	ck_assert_ptr_eq(moved, MAP_FAILED);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(map[0], (char)page_value(0));
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(file_that_came_with_many_messages_is_guarded_too)
{
	int fd = file_of_pages(1), received = sent_and_received(fd, receive_many);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	ck_assert_int_eq(map[PAGES * page - 1], 0);
	unmap(map, PAGES * page);
}
END_TEST

static void expect_child_succeeds(pid_t child)
{
	int status = -1;
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

START_TEST(forked_child_has_the_mapping_and_can_unmap_it)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	pid_t child = fork();
	if (child == 0) {
		if (map[0] != (char)page_value(0) || map[3 * page] != (char)page_value(3))
			_exit(1);
		unmap(map, PAGES * page);
		_exit(msync((void *)(uintptr_t)map, page, MS_ASYNC) == 0 ? 2 : 0);
	}
	expect_child_succeeds(child);
	ck_assert_int_eq(map[0], (char)page_value(0));
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(forked_child_has_its_own_mappings_guarded)
{
	int fd = file_of_pages(1), received = sent_over_socket(fd);
	unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page);
	pid_t child = fork();
	if (child == 0) {
		const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
		_exit(map[0] == (char)page_value(0) && map[PAGES * page - 1] == 0 ? 0 : 1);
	}
	expect_child_succeeds(child);
}
END_TEST

/* These show the file as it is, live: nobody guards them. */
START_TEST(mappings_of_other_kinds_are_left_alone)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	const volatile char *own = map_read_only(fd, PAGES, MAP_SHARED);
	volatile char *writable = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, received, 0);
	file_write_page(fd, 0, 99);
	ck_assert_int_eq(own[0], 99);
	ck_assert_int_eq(writable[0], 99);
	unmap(own, PAGES * page);
	unmap(writable, page);
}
END_TEST

START_TEST(number_of_a_closed_descriptor_is_another_file)
{
	int fd = file_of_pages(PAGES), received = sent_over_socket(fd);
	close(received);
	int reused = fcntl(fd, F_DUPFD, received);
	ck_assert_int_eq(reused, received);
	const volatile char *map = map_read_only(reused, PAGES, MAP_SHARED);
	file_write_page(fd, 0, 99);
	ck_assert_int_eq(map[0], 99);
	unmap(map, PAGES * page);
}
END_TEST

static void close_by_fclose(int fd)
{
	FILE *f = fdopen(fd, "r");
	ck_assert_ptr_nonnull(f);
	fclose(f);
}

static void close_by_close_range(int fd)
{
	ck_assert_int_eq((int)syscall(SYS_close_range, fd, fd, 0), 0);
}

static void close_by_dup2(int fd)
{
	int other = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(dup2(other, fd), fd);
	ck_assert_int_eq((int)syscall(SYS_close, fd), 0);
	close(other);
}

/* Closed so that nobody sees it; a file of the program's own then has the number. */
START_TEST(number_that_was_closed_in_another_way_is_another_file)
{
	void (*const ways[])(int) = { close_by_fclose, close_by_close_range, close_by_dup2 };
	int received = sent_over_socket(file_of_pages(PAGES)), own = file_of_pages(PAGES);
	ways[_i](received);
	int reused = fcntl(own, F_DUPFD, received);
	ck_assert_int_eq(reused, received);
	const volatile char *map = map_read_only(reused, PAGES, MAP_SHARED);
	file_write_page(own, 0, 99);
	ck_assert_int_eq(map[0], 99);
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(sealed_file_is_shown_as_it_is)
{
	int fd = memfd_create("", MFD_ALLOW_SEALING);
	page = (size_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(ftruncate(fd, (off_t)(PAGES * page)), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	const volatile char *map = map_read_only(sent_over_socket(fd), PAGES, MAP_SHARED);
	ck_assert_int_eq(map[0], 0);
	file_write_page(fd, 0, 99);
	ck_assert_int_eq(map[0], 99);
	unmap(map, PAGES * page);
}
END_TEST

START_TEST(file_that_no_guard_takes_is_mapped_as_ever)
{
	int fd = open("/dev/zero", O_RDONLY);
	page = (size_t)sysconf(_SC_PAGESIZE);
	const volatile char *map = map_read_only(sent_over_socket(fd), 1, MAP_PRIVATE);
	ck_assert_int_eq(map[1], 0);
	unmap(map, page);
}
END_TEST

/* ---- What cannot be guarded now is not mapped at all ---- */

static void expect_refused(int fd, int error)
{
	void *map = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_eq(map, MAP_FAILED);
	ck_assert_int_eq(errno, error);
}

/* To @n, or to those that are open: the kernel gives the lowest number that is free. */
static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;
	const int next = dup(STDOUT_FILENO);
	close(next);
	if (n == 0)
		n = (rlim_t)next;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Before there is a guard, and when there is one. */
START_TEST(file_is_refused_while_there_is_no_descriptor_and_guarded_afterwards)
{
	int received = sent_over_socket(file_of_pages(1));
	if (_i)
		unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page);
	limit_descriptors(0);
	expect_refused(received, EMFILE);
	limit_descriptors(256);
	const volatile char *map = map_read_only(received, PAGES, MAP_PRIVATE);
	ck_assert_int_eq(map[PAGES * page - 1], 0);
	unmap(map, PAGES * page);
}
END_TEST

static int deny_it(const struct injected_call *call, void *data)
{
	(void)call, (void)data;
	return -EPERM;
}

START_TEST(file_is_guarded_where_statx_is_denied)
{
	int fd = file_of_pages(1);
	inject_syscall(SYS_statx, 2, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, deny_it, NULL);
	const volatile char *map = map_read_only(sent_over_socket(fd), PAGES, MAP_PRIVATE);
	ck_assert_int_eq(map[PAGES * page - 1], 0);
	unmap(map, PAGES * page);
}
END_TEST

static int file_on_disk(void)
{
	struct statfs fs;
	char name[] = "/var/tmp/wl_shm_mmap.XXXXXX";
	int fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	unlink(name);
	ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
	ck_assert_int_eq(fstatfs(fd, &fs), 0);
	return fs.f_type == TMPFS_MAGIC ? -1 : fd;
}

#define RING_ENTRIES 64 /* of the handler's ring */

START_TEST(file_on_a_disk_is_refused_where_io_uring_is_denied)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = file_on_disk();
	if (fd < 0) {
		runner_skip("/var/tmp is memory");
		return;
	}
	inject_syscall(SYS_io_uring_setup, 0, RING_ENTRIES, deny_it, NULL);
	expect_refused(sent_over_socket(fd), EOPNOTSUPP);
}
END_TEST

static void close_userfaultfd(void)
{
	char path[64], target[64];
	for (int fd = 3; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strcmp(target, "anon_inode:[userfaultfd]") == 0)
			ck_assert_int_eq((int)syscall(SYS_close, fd), 0);
	}
}

/* As if the program had closed what is not its own: the guard cannot go on. */
START_TEST(file_is_refused_when_the_guard_has_given_up)
{
	int received = sent_over_socket(file_of_pages(1));
	if (runner_skip_eager())
		return;
	unmap(map_read_only(received, PAGES, MAP_PRIVATE), PAGES * page);
	close_userfaultfd();
	void *map = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE, received, 0);
	if (map != MAP_FAILED) /* not noticed yet; then it is no mapping of the file */
		ck_assert_int_eq(((volatile char *)map)[PAGES * page - 1], 0);
}
END_TEST

/* close(2) asks the server of the file, here and where libwayland closes what nobody has taken. */
START_TEST(close_of_a_file_that_stalls_waits_for_nobody)
{
	struct fuse_file *file = fuse_file_start(PAGES, false);
	if (!file)
		return;
	const int received = sent_over_socket(fuse_file_fd(file));
	const size_t n_fds = count_fds();
	fuse_file_behave(file, FUSE_STALLS);
	ck_assert_int_eq(close(received), 0);
	while (fuse_file_count_held(file) == 0)
		usleep(1000);
	ck_assert_uint_eq(count_fds(), n_fds - 1);
	fuse_file_behave(file, FUSE_ANSWERS);
	fuse_file_stop(file);
}
END_TEST

START_TEST(secret_memory_is_refused_or_read_without_a_signal)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = (int)syscall(SYS_memfd_secret, 0);
	if (fd < 0) {
		runner_skip("no memfd_secret here");
		return;
	}
	ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
	volatile char *map =
		mmap(NULL, PAGES * page, PROT_READ, MAP_SHARED, sent_over_socket(fd), 0);
	if (map != MAP_FAILED)
		ck_assert_int_eq(map[PAGES * page - 1], 0);
}
END_TEST

static TCase *refusals(void)
{
	TCase *tcase = tcase_create("refusals");
	tcase_add_loop_test(
		tcase, file_is_refused_while_there_is_no_descriptor_and_guarded_afterwards, 0, 2);
	tcase_add_test(tcase, file_is_guarded_where_statx_is_denied);
	tcase_add_test(tcase, file_on_a_disk_is_refused_where_io_uring_is_denied);
	tcase_add_test(tcase, file_is_refused_when_the_guard_has_given_up);
	tcase_add_test(tcase, close_of_a_file_that_stalls_waits_for_nobody);
	tcase_add_test(tcase, secret_memory_is_refused_or_read_without_a_signal);
	return tcase;
}

static TCase *maps(void)
{
	TCase *tcase = tcase_create("mmap");
	tcase_add_loop_test(tcase, file_shorter_than_its_mapping_is_read_without_a_signal, 0, 2);
	tcase_add_test(tcase, file_cut_while_mapped_is_read_without_a_signal);
	tcase_add_test(tcase, string_without_an_end_ends_behind_the_mapping);
	tcase_add_test(tcase, mapping_goes_when_it_is_unmapped);
	tcase_add_test(tcase, parts_that_are_left_keep_their_bytes);
	tcase_add_test(tcase, what_is_mapped_over_a_mapping_leaves_nothing_behind);
	tcase_add_test(tcase, what_is_moved_over_a_mapping_leaves_nothing_behind);
	tcase_add_test(tcase, call_that_fails_leaves_the_mapping_alone);
	tcase_add_test(tcase, mapping_cannot_be_moved);
	tcase_add_test(tcase, file_that_came_with_many_messages_is_guarded_too);
	tcase_add_test(tcase, forked_child_has_the_mapping_and_can_unmap_it);
	tcase_add_test(tcase, forked_child_has_its_own_mappings_guarded);
	tcase_add_test(tcase, mappings_of_other_kinds_are_left_alone);
	tcase_add_test(tcase, number_of_a_closed_descriptor_is_another_file);
	tcase_add_loop_test(tcase, number_that_was_closed_in_another_way_is_another_file, 0, 3);
	tcase_add_test(tcase, sealed_file_is_shown_as_it_is);
	tcase_add_test(tcase, file_that_no_guard_takes_is_mapped_as_ever);
	return tcase;
}

RUNNER_MAIN("mmap", maps, refusals)

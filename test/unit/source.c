/* SPDX-License-Identifier: MIT */
/* The client's file, and all that can be wrong with it. */
#include "file/source.h"

#include "base/page.h"

#include "../support/refused_files.h"
#include "../support/tmpfs_file.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* ---- Files ---- */

static void fill_file(int fd, uint64_t from, uint64_t to, unsigned char value)
{
	unsigned char *bytes = malloc(to - from);
	ck_assert_ptr_nonnull(bytes);
	memset(bytes, value, to - from);
	ck_assert_int_eq(pwrite(fd, bytes, to - from, (off_t)from), (ssize_t)(to - from));
	free(bytes);
}

static int memfd_of_bytes(size_t length)
{
	int fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	assert_ok(ftruncate(fd, (off_t)length));
	return fd;
}

/* Page i has the value i + 1. */
static int memfd_of_pages(size_t n_pages)
{
	int fd = memfd_of_bytes(n_pages * page_size());
	for (size_t i = 0; i < n_pages; i++)
		fill_file(fd, i * page_size(), (i + 1) * page_size(), (unsigned char)(i + 1));
	return fd;
}

static int reopen(int fd, int flags)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = open(path, flags | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	return other;
}

static struct source source_of(int fd, uint64_t offset)
{
	struct source source;
	assert_ok(source_open(&source, fd, offset, -ENODEV));
	return source;
}

static struct stat stat_of(int fd)
{
	struct stat st;
	assert_ok(fstat(fd, &st));
	return st;
}

static void assert_bytes_are(const unsigned char *bytes, size_t length, unsigned char value)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != value)
			ck_abort_msg("byte %zu is %u, not %u", i, bytes[i], value);
	}
}

static void assert_file_is(int fd, uint64_t from, uint64_t to, unsigned char value)
{
	unsigned char *bytes = malloc(to - from);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(pread(fd, bytes, to - from, (off_t)from), (ssize_t)(to - from));
	assert_bytes_are(bytes, to - from, value);
	free(bytes);
}

/* ---- Kinds ---- */

static int open_nothing(void)
{
	return -1;
}

static int open_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static int open_proc_file(void)
{
	return open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
}

static int open_again(int flags)
{
	int fd = memfd_of_pages(1);
	int other = reopen(fd, flags);
	close(fd);
	return other;
}

static int open_path_only(void)
{
	return open_again(O_PATH);
}

static int open_write_only(void)
{
	return open_again(O_WRONLY);
}

/* A regular file on what is not memory. */
static int open_disk_file(void)
{
	static const char *const directories[] = { "/tmp", "/var/tmp", "." };
	for (size_t i = 0; i < n_elements(directories); i++) {
		struct statfs fs;
		if (statfs(directories[i], &fs) < 0 || fs.f_type == TMPFS_MAGIC)
			continue;
		int fd = open(directories[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static int open_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd >= 0)
		assert_ok(ftruncate(fd, (off_t)page_size()));
	return fd;
}

static const struct kind_row {
	const char *name;
	int (*open)(void);
	int err;
	const char *skip; /* where it may be absent */
} kind_rows[] = {
	{ "no descriptor", open_nothing, -EBADF, NULL },
	{ "pipe", open_pipe, -ENODEV, NULL },
	{ "socket", open_socket, -ENODEV, NULL },
	{ "directory", open_directory, -ENODEV, NULL },
	{ "/dev/null", open_device, -ENODEV, NULL },
	{ "eventfd", open_eventfd, -ENODEV, NULL },
	{ "file in /proc", open_proc_file, -ENODEV, NULL },
	{ "O_PATH", open_path_only, -EBADF, NULL },
	{ "O_WRONLY", open_write_only, -EACCES, NULL },
	{ "file on a disk", open_disk_file, -ENODEV, "no directory to write to but tmpfs" },
	{ "memfd_secret", open_secret, -ENODEV, "no memfd_secret(2) in this kernel" },
};

START_TEST(what_is_no_memory_file_is_refused)
{
	const struct kind_row *row = &kind_rows[_i];
	int fd = row->open();
	if (fd < 0 && row->skip) {
		unit_skip(row->skip);
		return;
	}
	int next = dup(STDOUT_FILENO); /* the lowest free number */
	close(next);
	struct source source;
	int err = source_open(&source, fd, 0, -ENODEV);
	ck_assert_msg(err == row->err, "%s: %d, not %d", row->name, err, row->err);
	ck_assert_int_eq(dup(STDOUT_FILENO), next); /* and nothing stays open */
	close(next);
	if (fd >= 0)
		close(fd);
}
END_TEST

START_TEST(memory_files_are_taken_and_the_descriptor_is_our_own)
{
	int memfd = memfd_of_pages(1);
	int tmpfs = open_on_tmpfs(O_RDWR);
	if (tmpfs < 0) {
		unit_skip(NO_TMPFS);
		close(memfd);
		return;
	}
	const int fds[] = { memfd, tmpfs, reopen(memfd, O_RDONLY) };
	for (size_t i = 0; i < n_elements(fds); i++) {
		ck_assert_int_ge(fds[i], 0);
		struct source source = source_of(fds[i], 0);
		ck_assert_int_ne(source.fd, fds[i]);
		ck_assert_int_eq(fcntl(source.fd, F_GETFD), FD_CLOEXEC);
		close(fds[i]);
		ck_assert_uint_eq(source_length_from(&source, 0), i == 1 ? 0 : page_size());
		source_close(&source);
		ck_assert_int_eq(source.fd, -1);
	}
}
END_TEST

START_TEST(hugetlb_memfd_is_taken)
{
	int fd = memfd_create("client", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd < 0) {
		unit_skip("no hugetlb memfd in this kernel");
		return;
	}
	struct source source = source_of(fd, 0);
	ck_assert_uint_eq(source_length_from(&source, 0), 0);
	source_close(&source);
	close(fd);
}
END_TEST

/* ---- Holes ---- */

#define ALL 100 /* pages: further than any file here */

/* A file of eight pages, with data in 2, 3 and 6. */
static int memfd_with_holes(void)
{
	int fd = memfd_of_bytes(8 * page_size());
	fill_file(fd, 2 * page_size(), 4 * page_size(), 1);
	fill_file(fd, 6 * page_size(), 7 * page_size(), 1);
	return fd;
}

/* In tenths of a page, to have offsets within one. */
START_TEST(offsets_count_from_where_the_region_begins)
{
	int fd = memfd_with_holes();
	const size_t page = page_size();
	struct source source = source_of(fd, 4 * page);
	ck_assert_uint_eq(source_length_from(&source, 0), 4 * page);
	ck_assert_uint_eq(source_length_from(&source, 3 * page + 1), page - 1);
	ck_assert_uint_eq(source_length_from(&source, 4 * page), 0);
	ck_assert_uint_eq(source_length_from(&source, 40 * page), 0);
	source_close(&source);
	close(fd);
}
END_TEST

/* Such a file has no descriptor of our own to look with; reading it is always right. */
START_TEST(file_is_sparse_while_it_has_less_memory_than_bytes)
{
	int fd = memfd_of_bytes(0);
	struct source source = source_of(fd, 0);
	ck_assert(!source_is_sparse(&source));
	assert_ok(ftruncate(fd, (off_t)(4 * page_size())));
	ck_assert(source_is_sparse(&source));
	fill_file(fd, 0, 4 * page_size(), 1);
	ck_assert(!source_is_sparse(&source));
	assert_ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)page_size(),
		(off_t)page_size()));
	ck_assert(source_is_sparse(&source));
	source_close(&source);
	close(fd);
}
END_TEST

/* ---- Reading ---- */

static const struct read_row {
	uint64_t origin, offset; /* of the region in the file; in the region */
	size_t length, got;
} read_rows[] = {
	/* a file of 10000 bytes */
	{ 0, 0, 10000, 10000 },
	{ 0, 0, 1, 1 },
	{ 0, 0, 0, 0 },
	{ 0, 0, 20000, 10000 },
	{ 0, 9999, 1, 1 },
	{ 0, 9999, 2, 1 },
	{ 0, 10000, 1, 0 },
	{ 0, 12288, 4096, 0 },
	{ 4096, 0, 20000, 5904 },
	{ 4096, 5904, 1, 0 },
	{ 1 << 20, 0, 100, 0 },
	{ INT64_MAX - 16383, 4096, 4096, 0 },
};

START_TEST(read_ends_where_the_file_ends)
{
	const struct read_row *row = &read_rows[_i];
	int fd = memfd_of_bytes(10000);
	fill_file(fd, 0, 10000, 9);
	struct source source = source_of(fd, row->origin);
	unsigned char buffer[20000];
	size_t got = 77;
	memset(buffer, 1, sizeof(buffer));
	assert_ok(source_read(&source, row->offset, buffer, row->length, &got));
	ck_assert_uint_eq(got, row->got);
	assert_bytes_are(buffer, got, 9);
	assert_bytes_are(buffer + got, sizeof(buffer) - got, 1);
	source_close(&source);
	close(fd);
}
END_TEST

START_TEST(reading_a_hole_gives_zeros_and_allocates_nothing)
{
	int fd = memfd_of_bytes(64 * page_size());
	struct source source = source_of(fd, 0);
	unsigned char *buffer = malloc(64 * page_size());
	memset(buffer, 1, 64 * page_size());
	size_t got;
	assert_ok(source_read(&source, 0, buffer, 64 * page_size(), &got));
	ck_assert_uint_eq(got, 64 * page_size());
	assert_bytes_are(buffer, got, 0);
	ck_assert_int_eq(stat_of(fd).st_blocks, 0);
	free(buffer);
	source_close(&source);
	close(fd);
}
END_TEST

START_TEST(read_error_is_forwarded_and_counts_what_came_before)
{
	const size_t page = page_size();
	int fd = memfd_of_pages(4);
	struct source source = source_of(fd, 0);
	char *buffer =
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(buffer, MAP_FAILED);
	assert_ok(mprotect(buffer + 2 * page, page, PROT_NONE));
	size_t got;
	ck_assert_int_eq(source_read(&source, 0, buffer, 4 * page, &got), -EFAULT);
	ck_assert_uint_eq(got, 2 * page);

	source_close(&source);
	ck_assert_int_eq(source_read(&source, 0, buffer, page, &got), -EBADF);
	ck_assert_uint_eq(got, 0);
	munmap(buffer, 4 * page);
	close(fd);
}
END_TEST

/* ---- Storing ---- */

START_TEST(store_is_allowed_where_descriptor_and_seals_allow_it)
{
	static const struct {
		int seals, flags, err;
	} rows[] = {
		{ 0, O_RDWR, 0 },
		{ F_SEAL_SHRINK | F_SEAL_GROW, O_RDWR, 0 },
		{ 0, O_RDONLY, -EBADF },
		{ F_SEAL_WRITE, O_RDONLY, -EBADF },
		{ F_SEAL_WRITE, O_RDWR, -EPERM },
		{ F_SEAL_FUTURE_WRITE, O_RDWR, -EPERM },
	};
	char byte = 9;
	size_t stored;
	for (size_t i = 0; i < n_elements(rows); i++) {
		int fd = memfd_of_pages(1), other = reopen(fd, rows[i].flags);
		struct source source = source_of(other, 0);
		if (rows[i].seals) /* after the source has looked at the file */
			assert_ok(fcntl(fd, F_ADD_SEALS, rows[i].seals));
		ck_assert_int_eq(source_check_store(&source), rows[i].err);
		int err = source_store(&source, 0, &byte, 1, &stored);
		ck_assert_int_eq(err != 0, rows[i].err != 0);
		ck_assert_uint_eq(stored, err ? 0 : 1);
		assert_file_is(fd, 0, 1, err ? 1 : 9);
		source_close(&source);
		close(other);
		close(fd);
	}
}
END_TEST

static const struct store_row {
	uint64_t origin, offset;
	size_t length, stored;
} store_rows[] = {
	/* a file of 10000 bytes */
	{ 0, 0, 10000, 10000 },
	{ 0, 0, 0, 0 },
	{ 0, 0, 1, 1 },
	{ 0, 4095, 2, 2 },
	{ 0, 1, 9000, 9000 },
	{ 0, 0, 20000, 10000 },
	{ 0, 9999, 100, 1 },
	{ 0, 10000, 1, 0 },
	{ 0, 12288, 100, 0 },
	{ 8192, 0, 20000, 1808 },
	{ 4096, 100, 200, 200 },
	{ (uint64_t)1 << 40, 0, 100, 0 },
};

/* Its server would have to be asked. */
START_TEST(store_to_a_file_on_a_network_is_refused)
{
	const struct source source = { .fd = -1, .kind = SOURCE_REMOTE, .writable = true };
	ck_assert_int_eq(source_check_store(&source), -EOPNOTSUPP);
}
END_TEST

START_TEST(store_ends_where_the_file_ends_and_never_grows_it)
{
	const struct store_row *row = &store_rows[_i];
	int fd = memfd_of_bytes(10000);
	fill_file(fd, 0, 10000, 1);
	struct source source = source_of(fd, row->origin);
	unsigned char bytes[20000];
	memset(bytes, 9, sizeof(bytes));
	size_t stored;
	assert_ok(source_store(&source, row->offset, bytes, row->length, &stored));
	ck_assert_uint_eq(stored, row->stored);
	ck_assert_int_eq(stat_of(fd).st_size, 10000);

	uint64_t start = row->origin + row->offset, end = start + stored;
	if (stored > 0) {
		assert_file_is(fd, 0, start, 1);
		assert_file_is(fd, start, end, 9);
		assert_file_is(fd, end, 10000, 1);
	}
	/* Nothing of ours waits behind the end for the file to grow. */
	assert_ok(ftruncate(fd, 20000));
	assert_file_is(fd, 10000, 20000, 0);
	source_close(&source);
	close(fd);
}
END_TEST

START_TEST(store_of_many_chunks_is_whole)
{
	const size_t length = ((size_t)9 << 20) + 123;
	int fd = memfd_of_bytes(length + 1000);
	struct source source = source_of(fd, 0);
	unsigned char *bytes = malloc(length);
	uint32_t seed = 17;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)random_below(&seed, 256);
	size_t stored, got;
	assert_ok(source_store(&source, 777, bytes, length, &stored));
	ck_assert_uint_eq(stored, length);

	unsigned char *back = malloc(length);
	assert_ok(source_read(&source, 777, back, length, &got));
	ck_assert_uint_eq(got, length);
	ck_assert_int_eq(memcmp(back, bytes, length), 0);
	assert_file_is(fd, 0, 777, 0);
	assert_file_is(fd, 777 + length, length + 1000, 0);
	free(back);
	free(bytes);
	source_close(&source);
	close(fd);
}
END_TEST

START_TEST(store_of_bytes_that_cannot_be_read_fails_and_counts_what_came_before)
{
	const size_t page = page_size();
	int fd = memfd_of_pages(4);
	struct source source = source_of(fd, 0);
	unsigned char *bytes =
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	memset(bytes, 9, 4 * page);
	assert_ok(mprotect(bytes + page, 3 * page, PROT_NONE));
	size_t stored;
	ck_assert_int_eq(source_store(&source, 0, bytes, 4 * page, &stored), -EFAULT);
	ck_assert_uint_eq(stored, page);
	assert_file_is(fd, 0, page, 9);
	assert_file_is(fd, page, 2 * page, 2);
	ck_assert_int_eq(source_store(&source, 0, bytes + page, page, &stored), -EFAULT);
	ck_assert_uint_eq(stored, 0);
	munmap(bytes, 4 * page);
	source_close(&source);
	close(fd);
}
END_TEST

struct storer {
	struct source source;
	atomic_bool is_over;
	atomic_size_t n_stores;
};

static void *store_for_ever(void *data)
{
	struct storer *storer = data;
	unsigned char *bytes = malloc(64 * page_size());
	memset(bytes, 9, 64 * page_size());
	while (!atomic_load(&storer->is_over)) {
		size_t stored;
		assert_ok(source_store(&storer->source, 0, bytes, 64 * page_size(), &stored));
		atomic_fetch_add(&storer->n_stores, 1);
	}
	free(bytes);
	return NULL;
}

START_TEST(store_while_the_file_is_cut_never_grows_it)
{
	int fd = memfd_of_bytes(64 * page_size());
	struct storer storer = { .source = source_of(fd, 0) };
	pthread_t thread;
	assert_ok(pthread_create(&thread, NULL, store_for_ever, &storer));
	uint32_t seed = 23;
	for (int i = 0; i < 5000 || atomic_load(&storer.n_stores) < 100; i++) {
		off_t size = (off_t)random_below(&seed, 64 * (uint32_t)page_size());
		assert_ok(ftruncate(fd, size));
		for (int look = 0; look < 3; look++)
			ck_assert_int_eq(stat_of(fd).st_size, size);
	}
	atomic_store(&storer.is_over, true);
	assert_ok(pthread_join(thread, NULL));
	source_close(&storer.source);
	close(fd);
}
END_TEST

static TCase *kinds_case(void)
{
	TCase *tcase = tcase_create("kinds");
	tcase_add_loop_test(tcase, what_is_no_memory_file_is_refused, 0, n_elements(kind_rows));
	tcase_add_test(tcase, memory_files_are_taken_and_the_descriptor_is_our_own);
	tcase_add_test(tcase, hugetlb_memfd_is_taken);
	return tcase;
}

static TCase *holes_case(void)
{
	TCase *tcase = tcase_create("holes");
	tcase_add_test(tcase, offsets_count_from_where_the_region_begins);
	tcase_add_test(tcase, file_is_sparse_while_it_has_less_memory_than_bytes);
	return tcase;
}

static TCase *read_case(void)
{
	TCase *tcase = tcase_create("read");
	tcase_add_loop_test(tcase, read_ends_where_the_file_ends, 0, n_elements(read_rows));
	tcase_add_test(tcase, reading_a_hole_gives_zeros_and_allocates_nothing);
	tcase_add_test(tcase, read_error_is_forwarded_and_counts_what_came_before);
	return tcase;
}

static TCase *store_case(void)
{
	TCase *tcase = tcase_create("store");
	tcase_add_test(tcase, store_is_allowed_where_descriptor_and_seals_allow_it);
	tcase_add_test(tcase, store_to_a_file_on_a_network_is_refused);
	tcase_add_loop_test(tcase, store_ends_where_the_file_ends_and_never_grows_it, 0,
		n_elements(store_rows));
	tcase_add_test(tcase, store_of_many_chunks_is_whole);
	tcase_add_test(tcase, store_of_bytes_that_cannot_be_read_fails_and_counts_what_came_before);
	tcase_add_test(tcase, store_while_the_file_is_cut_never_grows_it);
	return tcase;
}

UNIT_MAIN("source", kinds_case, holes_case, read_case, store_case)

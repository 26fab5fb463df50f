/* SPDX-License-Identifier: MIT */
/* Files that are no memory: on a disk, and of a file system that answers when it likes. */
#include "../support/fixture.h"
#include "../support/fuse_file.h"
#include "../support/inject.h"
#include "../support/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGES	 64
#define SOON	 50    /* ms; for what never answers */
#define LATER	 20000 /* for what does, on a busy machine too */
#define FOR_EVER 600000

static bool has_ring(void)
{
	return !(runner_guard_flags() & UFFD_GUARD_NO_IO_URING);
}

static struct uffd_guard *start(uint32_t flags, uint32_t deadline)
{
	struct uffd_guard *guard = NULL;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() | flags,
		.read_deadline_ms = deadline };
	assert_ok(uffd_guard_create(&options, &guard));
	return guard;
}

static int map_any(
	struct uffd_guard *guard, int fd, uint32_t flags, struct uffd_guard_region **region)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_ANY_FILE | flags };
	return uffd_guard_map(guard, fd, PAGES * (size_t)getpagesize(), &options, region);
}

/* A fixture of a file that a process serves. */
struct served {
	struct fixture f;
	struct fuse_file *file;
};

/* False: return from the test. */
static bool served_start(struct served *s, enum fuse_behaviour behaviour, uint32_t deadline)
{
	if (!has_ring()) {
		runner_skip("files that may block need io_uring");
		return false;
	}
	/* In EAGER map reads, and nobody would ask the server again. */
	s->file = fuse_file_start(PAGES, !runner_is_eager());
	if (!s->file)
		return false;
	s->f = (struct fixture){ .guard = start(0, deadline),
		.fd = fuse_file_fd(s->file),
		.page = (size_t)getpagesize() };
	fuse_file_behave(s->file, runner_is_eager() ? FUSE_ANSWERS : behaviour);
	assert_ok(map_any(s->f.guard, s->f.fd, 0, &s->f.region));
	fuse_file_behave(s->file, behaviour);
	s->f.data = uffd_guard_region_data(s->f.region);
	fixture_changed(&s->f);
	return true;
}

static void served_stop(struct served *s)
{
	uffd_guard_unmap(s->f.region);
	uffd_guard_destroy(s->f.guard);
	fuse_file_stop(s->file);
}

/* ---- A disk ---- */

static int create_on_disk(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	for (size_t i = 0; i < PAGES; i++)
		file_write_page(fd, i, page_value(i));
	return fd;
}

static int find_disk(void)
{
	struct statfs fs;
	const char *directories[] = { "/var/tmp", "/tmp", "." };
	for (size_t i = 0; i < 3; i++) {
		if (statfs(directories[i], &fs) == 0 && fs.f_type != 0x01021994 /* tmpfs */) {
			int fd = create_on_disk(directories[i]);
			if (fd >= 0)
				return fd;
		}
	}
	runner_skip("no disk that has files without name");
	return -1;
}

START_TEST(file_on_a_disk_is_read_refreshed_and_written_back)
{
	if (!has_ring()) {
		runner_skip("files that may block need io_uring");
		return;
	}
	struct fixture f = { .page = (size_t)getpagesize() };
	f.fd = find_disk();
	if (f.fd < 0)
		return;
	f.guard = start(0, LATER);
	assert_ok(map_any(f.guard, f.fd, UFFD_GUARD_MAP_WRITE, &f.region));
	f.data = uffd_guard_region_data(f.region);
	for (size_t i = 0; i < PAGES; i++)
		assert_page_is(&f, i, page_value(i));
	file_write_page(f.fd, 3, 99);
	assert_ok(uffd_guard_refresh(f.region, 3 * f.page, f.page));
	assert_page_is(&f, 3, 99);

	f.data[5 * f.page] = 77;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 5 * f.page, 1), 1);
	unsigned char byte;
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)(5 * f.page)), 1);
	ck_assert_uint_eq(byte, 77);

	fixture_truncate(&f, 10);
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, PAGES * f.page));
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	assert_page_is(&f, 9, page_value(9));
	assert_page_is(&f, 10, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(bytes_behind_the_length_of_a_file_on_a_disk_are_zeros_and_no_loss)
{
	if (!has_ring()) {
		runner_skip("files that may block need io_uring");
		return;
	}
	struct fixture f = { .page = (size_t)getpagesize() };
	f.fd = find_disk();
	if (f.fd < 0)
		return;
	f.guard = start(0, LATER);
	const struct uffd_guard_map_options options = {
		.size = sizeof(options), .flags = UFFD_GUARD_MAP_ANY_FILE, .reserve = 8 * f.page
	};
	assert_ok(uffd_guard_map(f.guard, f.fd, f.page + 100, &options, &f.region));
	f.data = uffd_guard_region_data(f.region);
	for (size_t i = 8; i-- > 2;)
		assert_page_is(&f, i, 0);
	assert_bytes_are(&f, f.page, f.page + 100, page_value(1));
	assert_bytes_are(&f, f.page + 100, 2 * f.page, 0);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

/* Bytes that are not in memory are no hole. Far from the beginning, which the kernel may have read
 * already; and more than are read without a look. */
START_TEST(file_on_a_disk_that_is_not_in_memory_is_read)
{
	if (!has_ring()) {
		runner_skip("files that may block need io_uring");
		return;
	}
	struct fixture f = { .page = (size_t)getpagesize() };
	const size_t n_pages = 2000, first = 1000;
	f.fd = find_disk();
	if (f.fd < 0)
		return;
	for (size_t i = 0; i < n_pages; i++)
		file_write_page(f.fd, i, page_value(i));
	assert_ok(fsync(f.fd));
	assert_ok(posix_fadvise(f.fd, 0, 0, POSIX_FADV_DONTNEED));
	f.guard = start(0, LATER);
	const struct uffd_guard_map_options options = {
		.size = sizeof(options), .flags = UFFD_GUARD_MAP_ANY_FILE, .offset = first * f.page
	};
	assert_ok(uffd_guard_map(f.guard, f.fd, (n_pages - first) * f.page, &options, &f.region));
	f.data = uffd_guard_region_data(f.region);
	for (size_t i = first; i < n_pages; i++)
		ck_assert_uint_eq(f.data[(i - first) * f.page], page_value(i));
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(any_file_needs_io_uring_and_is_refused_without_the_flag)
{
	int fd = find_disk();
	if (fd < 0)
		return;
	const size_t fds = count_fds();
	struct uffd_guard_region *region = NULL;
	struct uffd_guard *guard = start(UFFD_GUARD_NO_IO_URING, 0);
	ck_assert_int_eq(map_any(guard, fd, 0, &region), -EOPNOTSUPP);
	ck_assert_int_eq(uffd_guard_map(guard, fd, 1, NULL, &region), -ENODEV);
	ck_assert_ptr_null(region);
	uffd_guard_destroy(guard);
	ck_assert_uint_eq(count_fds(), fds);
	close(fd);
}
END_TEST

/* ---- A file system that answers ---- */

START_TEST(served_file_is_read)
{
	struct served s;
	if (!served_start(&s, FUSE_ANSWERS, LATER))
		return;
	for (size_t i = 0; i < PAGES; i++)
		assert_page_is(&s.f, i, page_value(i));
	unsigned char bytes[3];
	ck_assert_int_eq(uffd_guard_read(s.f.region, s.f.page - 1, bytes, 3), 3);
	ck_assert_uint_eq(bytes[0], page_value(0));
	ck_assert_uint_eq(bytes[1], page_value(1));
	assert_ok(uffd_guard_refresh(s.f.region, 0, PAGES * s.f.page));
	assert_page_is(&s.f, PAGES - 1, page_value(PAGES - 1));
	assert_losses_eq(&s.f, 0);
	served_stop(&s);
}
END_TEST

START_TEST(served_file_that_hesitates_is_read_within_the_deadline)
{
	struct served s;
	if (runner_skip_eager() || !served_start(&s, FUSE_HESITATES, LATER))
		return;
	assert_page_is(&s.f, 7, page_value(7));
	assert_losses_eq(&s.f, 0);
	served_stop(&s);
}
END_TEST

/* Those that find no read free come again when one is. */
START_TEST(more_faults_at_once_than_reads_of_a_file_are_all_answered)
{
	enum { N = 12 };
	static struct reader readers[N];
	struct served s;
	if (runner_skip_eager() || !served_start(&s, FUSE_HESITATES, LATER))
		return;
	for (size_t i = 0; i < N; i++)
		reader_start(&readers[i], &s.f.data[i * 5 * s.f.page]);
	for (size_t i = 0; i < N; i++)
		ck_assert_int_eq(reader_finish(&readers[i]), page_value(i * 5));
	assert_losses_eq(&s.f, 0);
	served_stop(&s);
}
END_TEST

static struct uffd_guard_event seen;

static void note(const struct uffd_guard_event *event, void *data)
{
	(void)data;
	seen = *event;
}

START_TEST(served_file_that_fails_is_zeros_and_an_error_that_is_told)
{
	struct served s;
	if (!served_start(&s, FUSE_FAILS, LATER))
		return;
	assert_page_is(&s.f, 7, 0);
	assert_losses_eq(&s.f, UFFD_GUARD_LOST_IO_ERROR);
	ck_assert_int_ge(uffd_guard_dispatch(s.f.guard, note, NULL), 1);
	ck_assert_int_eq(seen.error, -EIO);
	ck_assert_uint_eq(seen.reasons, UFFD_GUARD_LOST_IO_ERROR);
	fuse_file_behave(s.file, FUSE_ANSWERS);
	assert_ok(uffd_guard_refresh(s.f.region, 0, PAGES * s.f.page));
	assert_page_is(&s.f, 7, page_value(7));
	served_stop(&s);
}
END_TEST

START_TEST(served_file_that_is_short_is_zeros_behind_its_end)
{
	struct served s;
	if (!served_start(&s, FUSE_IS_SHORT, LATER))
		return;
	assert_page_is(&s.f, PAGES / 2 - 1, page_value(PAGES / 2 - 1));
	assert_page_is(&s.f, PAGES / 2, 0);
	assert_losses_eq(&s.f, UFFD_GUARD_LOST_TRUNCATED);
	served_stop(&s);
}
END_TEST

/* ---- One that does not ---- */

/* The deadline is short, and the machine may be busy. */
static void wait_for_page(const struct fixture *f, size_t page)
{
	while (f->data[page * f->page] != page_value(page)) {
		usleep(1000);
		assert_ok(uffd_guard_discard(f->region, 0, PAGES * f->page));
	}
	uffd_guard_region_take_losses(f->region);
}

START_TEST(fault_on_a_stalled_file_is_zeros_after_the_deadline)
{
	struct served s;
	if (runner_skip_eager() || !served_start(&s, FUSE_STALLS, SOON))
		return;
	for (size_t i = 0; i < 8; i++) /* more pages than reads may be in flight */
		assert_page_is(&s.f, i * 7, 0);
	assert_losses_eq(&s.f, UFFD_GUARD_LOST_TIMED_OUT);
	ck_assert_int_ge(uffd_guard_dispatch(s.f.guard, note, NULL), 1);
	ck_assert_int_eq(seen.error, 0);

	/* It comes back to life. */
	fuse_file_behave(s.file, FUSE_ANSWERS);
	while (fuse_file_count_held(s.file) > 0)
		usleep(1000);
	wait_for_page(&s.f, 0);
	wait_for_page(&s.f, 50);
	served_stop(&s);
}
END_TEST

START_TEST(calls_on_a_stalled_file_return_after_the_deadline)
{
	struct served s;
	if (!served_start(&s, FUSE_ANSWERS, SOON))
		return;
	wait_for_page(&s.f, 3);
	fuse_file_behave(s.file, FUSE_STALLS);
	assert_ok(uffd_guard_refresh(s.f.region, 0, PAGES * s.f.page));
	assert_page_is(&s.f, 3, 0); /* no byte of it may be older than the call */
	assert_losses_eq(&s.f, UFFD_GUARD_LOST_TIMED_OUT);
	assert_ok(uffd_guard_populate(s.f.region, 0, PAGES * s.f.page));
	unsigned char byte = 9;
	ck_assert_int_eq(uffd_guard_read(s.f.region, 0, &byte, 1), 0);
	ck_assert_uint_eq(byte, 0);
	assert_losses_eq(&s.f, UFFD_GUARD_LOST_TIMED_OUT);
	assert_ok(uffd_guard_resize(s.f.region, s.f.page));
	served_stop(&s);
}
END_TEST

static void *read_page(void *data)
{
	const struct fixture *f = data;
	return (void *)(uintptr_t)f->data[40 * f->page];
}

START_TEST(stalled_file_delays_its_own_region_only)
{
	struct served s;
	if (runner_skip_eager() || !served_start(&s, FUSE_STALLS, SOON))
		return;
	struct fixture memory = { .guard = s.f.guard, .page = s.f.page };
	memory.fd = file_create(FILE_MEMFD, 2048, false);
	assert_ok(
		uffd_guard_map(memory.guard, memory.fd, 2048 * memory.page, NULL, &memory.region));
	memory.data = uffd_guard_region_data(memory.region);

	/* As long as somebody waits for the file, the other is read again and again. */
	pthread_t reader;
	const struct uffd_guard_options patient = {
		.size = sizeof(patient), .flags = runner_guard_flags(), .read_deadline_ms = 3000
	};
	struct fixture late = { .fd = s.f.fd, .page = s.f.page };
	assert_ok(uffd_guard_create(&patient, &late.guard));
	assert_ok(map_any(late.guard, late.fd, 0, &late.region));
	late.data = uffd_guard_region_data(late.region);
	struct uffd_guard_region *beside;
	assert_ok(uffd_guard_map(late.guard, memory.fd, 2048 * memory.page, NULL, &beside));
	const volatile unsigned char *data = uffd_guard_region_data(beside);
	assert_ok(pthread_create(&reader, NULL, read_page, &late));
	while (fuse_file_count_held(s.file) == 0)
		usleep(1000);
	for (size_t i = 0; i < 2048; i++)
		ck_assert_uint_eq(data[i * memory.page], page_value(i));
	ck_assert_uint_eq(uffd_guard_region_take_losses(late.region), 0); /* not even late yet */

	/* Unmapping answers who waits, and does not wait for the file either. */
	void *value;
	fuse_file_behave(s.file, FUSE_ANSWERS);
	pthread_join(reader, &value);
	ck_assert_uint_eq((uintptr_t)value, page_value(40));
	uffd_guard_unmap(beside);
	uffd_guard_unmap(late.region);
	uffd_guard_destroy(late.guard);
	uffd_guard_unmap(memory.region);
	close(memory.fd);
	served_stop(&s);
}
END_TEST

static void wait_until_fds_are(size_t n)
{
	for (int i = 0; i < 5000 && count_fds() != n; i++)
		usleep(1000);
	ck_assert_uint_eq(count_fds(), n);
}

/* ---- Many of one client's ---- */

#define N_STALLED  200
#define N_TOUCHERS 8

struct toucher {
	pthread_t thread;
	struct uffd_guard_region **regions;
	size_t first;
};

static void *touch_some(void *data)
{
	const struct toucher *toucher = data;
	for (size_t i = toucher->first; i < N_STALLED; i += N_TOUCHERS) {
		volatile unsigned char *bytes = uffd_guard_region_data(toucher->regions[i]);
		for (size_t page = 20; page < PAGES; page += 20)
			(void)bytes[page * (size_t)getpagesize()];
	}
	return NULL;
}

static void touch_all(struct uffd_guard_region **regions)
{
	struct toucher touchers[N_TOUCHERS];
	for (size_t i = 0; i < N_TOUCHERS; i++) {
		touchers[i] = (struct toucher){ .regions = regions, .first = i };
		assert_ok(pthread_create(&touchers[i].thread, NULL, touch_some, &touchers[i]));
	}
	for (size_t i = 0; i < N_TOUCHERS; i++)
		pthread_join(touchers[i].thread, NULL);
}

/* Each read that stalls has a thread of the kernel, which counts as one of the process. */
START_TEST(stalled_server_takes_few_threads_and_no_disks_turn)
{
	struct served s;
	struct uffd_guard_region *stalled[N_STALLED], *disk;
	if (runner_skip_eager() || !served_start(&s, FUSE_ANSWERS, 500))
		return;
	const int fd = find_disk();
	if (fd < 0)
		return;
	assert_ok(map_any(s.f.guard, fd, 0, &disk));
	const volatile unsigned char *bytes = uffd_guard_region_data(disk);
	ck_assert_uint_eq(bytes[0], page_value(0));
	const size_t n_threads = count_threads(), n_fds = count_fds();
	for (size_t i = 0; i < N_STALLED; i++)
		assert_ok(map_any(s.f.guard, s.f.fd, 0, &stalled[i]));
	fuse_file_behave(s.file, FUSE_STALLS);
	touch_all(stalled);
	ck_assert_uint_le(count_threads(), n_threads + 6);
	uffd_guard_region_take_losses(disk);
	for (size_t page = 10; page < PAGES; page += 10)
		ck_assert_uint_eq(bytes[page * s.f.page], page_value(page));
	ck_assert_uint_eq(uffd_guard_region_take_losses(disk), 0);

	/* Closing them asks the server, too. */
	for (size_t i = 0; i < N_STALLED; i++)
		uffd_guard_unmap(stalled[i]);
	ck_assert_uint_eq(bytes[5 * s.f.page], page_value(5));
	ck_assert_uint_eq(uffd_guard_region_take_losses(disk), 0);
	ck_assert_uint_le(count_threads(), n_threads + 6);

	fuse_file_behave(s.file, FUSE_ANSWERS);
	wait_until_fds_are(n_fds);
	wait_for_page(&s.f, 3);
	uffd_guard_unmap(disk);
	close(fd);
	served_stop(&s);
}
END_TEST

/* It is given up before it has an address. */
START_TEST(file_that_finds_no_room_leaves_its_guard_as_it_was)
{
	struct served s;
	struct uffd_guard_region *another = NULL;
	if (!served_start(&s, FUSE_ANSWERS, LATER))
		return;
	const struct uffd_guard_map_options taken = { .size = sizeof(taken),
		.flags = UFFD_GUARD_MAP_ANY_FILE | UFFD_GUARD_MAP_FIXED_NOREPLACE,
		.addr = (void *)s.f.data };
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(
			uffd_guard_map(s.f.guard, s.f.fd, s.f.page, &taken, &another), -EEXIST);
	for (size_t i = 0; i < PAGES; i++)
		assert_page_is(&s.f, i, page_value(i));
	assert_ok(uffd_guard_refresh(s.f.region, 0, s.f.page));
	served_stop(&s);
}
END_TEST

START_TEST(unmapping_a_served_file_leaves_its_guard_as_it_was)
{
	struct served s;
	if (!served_start(&s, FUSE_ANSWERS, LATER))
		return;
	for (int i = 0; i < 10; i++) {
		assert_page_is(&s.f, 1, page_value(1));
		uffd_guard_unmap(s.f.region);
		assert_ok(map_any(s.f.guard, s.f.fd, 0, &s.f.region));
		s.f.data = uffd_guard_region_data(s.f.region);
	}
	served_stop(&s);
}
END_TEST

START_TEST(unmap_and_destroy_do_not_wait_for_a_stalled_file)
{
	const size_t fds = count_fds();
	struct served s;
	if (!served_start(&s, FUSE_ANSWERS, SOON))
		return;
	fuse_file_behave(s.file, FUSE_STALLS);
	for (size_t i = 0; i < 4; i++)
		assert_ok(uffd_guard_refresh(s.f.region, i * s.f.page, 1));
	uffd_guard_unmap(s.f.region); /* closing it asks the server, too */
	while (fuse_file_count_held(s.file) == 0)
		usleep(1000); /* it may not have been asked yet */
	uffd_guard_destroy(s.f.guard);
	ck_assert_uint_gt(fuse_file_count_held(s.file), 0);
	/* What was left behind goes when the file answers. */
	fuse_file_behave(s.file, FUSE_ANSWERS);
	wait_until_fds_are(fds + 1);
	fuse_file_stop(s.file);
}
END_TEST

/* It may come to it only when the region has gone, which is an error then and no signal. */
static void *populate_page(void *page)
{
	madvise(page, (size_t)getpagesize(), MADV_POPULATE_READ);
	return NULL;
}

/* A hang of one or the other, if it is not. */
START_TEST(fault_that_waits_for_a_stalled_file_is_answered_when_its_region_is_unmapped)
{
	struct served s;
	pthread_t thread;
	if (runner_skip_eager() || !served_start(&s, FUSE_STALLS, FOR_EVER))
		return;
	if (!(uffd_guard_features(s.f.guard) & UFFD_GUARD_FEATURE_KERNEL_FAULTS)) {
		runner_skip("a system call cannot be made to wait for a page");
		fuse_file_behave(s.file, FUSE_ANSWERS);
		served_stop(&s);
		return;
	}
	assert_ok(pthread_create(&thread, NULL, populate_page, (char *)s.f.data + 7 * s.f.page));
	while (fuse_file_count_held(s.file) == 0)
		usleep(1000);
	uffd_guard_unmap(s.f.region);
	s.f.region = NULL;
	assert_ok(pthread_join(thread, NULL));
	fuse_file_behave(s.file, FUSE_ANSWERS);
	served_stop(&s);
}
END_TEST

/* To close a file asks its server. */
static int map_and_unmap_until_refused(struct served *s)
{
	enum { MANY = 1000 };
	struct uffd_guard_region *region = NULL;
	int err = 0;
	fuse_file_behave(s->file, FUSE_STALLS);
	for (int n = 0; n < MANY && !err; n++) {
		err = map_any(s->f.guard, s->f.fd, 0, &region);
		if (!err)
			uffd_guard_unmap(region);
	}
	return err;
}

START_TEST(files_that_cannot_be_closed_are_few)
{
	enum { FEW = 64 };
	struct served s;
	struct uffd_guard_region *region = NULL;
	if (!served_start(&s, FUSE_ANSWERS, 10 * SOON))
		return;
	const size_t fds = count_fds();
	int err = map_and_unmap_until_refused(&s);
	ck_assert_int_eq(err, -ENFILE);
	ck_assert_uint_le(count_fds(), fds + FEW);

	struct fixture memory = { .fd = file_create(FILE_MEMFD, PAGES, false) };
	assert_ok(uffd_guard_map(s.f.guard, memory.fd, 1, NULL, &memory.region));
	uffd_guard_unmap(memory.region);
	close(memory.fd);

	fuse_file_behave(s.file, FUSE_ANSWERS);
	wait_until_fds_are(fds);
	while ((err = map_any(s.f.guard, s.f.fd, 0, &region)) == -ENFILE)
		usleep(1000); /* the handler counts after it has closed the last */
	assert_ok(err);
	uffd_guard_unmap(region);
	served_stop(&s);
}
END_TEST

/* Of the few descriptors of this process, a server that does not answer has all that it may. */
START_TEST(files_that_cannot_be_closed_leave_those_on_a_disk_alone)
{
	const struct rlimit few = { .rlim_cur = 128, .rlim_max = 128 };
	struct uffd_guard_region *region = NULL;
	struct served s;
	if (!served_start(&s, FUSE_ANSWERS, 10 * SOON))
		return;
	const int disk = find_disk();
	if (disk >= 0) {
		assert_ok(setrlimit(RLIMIT_NOFILE, &few));
		ck_assert_int_eq(map_and_unmap_until_refused(&s), -ENFILE);
		assert_ok(map_any(s.f.guard, disk, 0, &region));
		uffd_guard_unmap(region);
		fuse_file_behave(s.file, FUSE_ANSWERS);
		close(disk);
	}
	served_stop(&s);
}
END_TEST

START_TEST(mapping_a_stalled_file_does_not_wait)
{
	struct served s;
	if (!served_start(&s, FUSE_STALLS, SOON))
		return;
	struct uffd_guard_region *region = NULL;
	ck_assert_int_eq(uffd_guard_map(s.f.guard, s.f.fd, 1, NULL, &region), -ENODEV);
	assert_ok(map_any(s.f.guard, s.f.fd, 0, &region));
	uffd_guard_unmap(region);
	served_stop(&s);
}
END_TEST

/* Closing a descriptor of it would ask its server. */
START_TEST(stalled_file_that_is_refused_is_not_waited_for)
{
	struct uffd_guard_region *region = NULL;
	struct fuse_file *file = fuse_file_start(PAGES, true);
	if (!file)
		return;
	struct uffd_guard *guard = start(UFFD_GUARD_NO_IO_URING, SOON);
	fuse_file_behave(file, FUSE_STALLS);
	ck_assert_int_eq(map_any(guard, fuse_file_fd(file), 0, &region), -EOPNOTSUPP);
	ck_assert_int_eq(uffd_guard_map(guard, fuse_file_fd(file), 1, NULL, &region), -ENODEV);
	ck_assert_ptr_null(region);
	ck_assert_uint_eq(fuse_file_count_held(file), 0);
	fuse_file_behave(file, FUSE_ANSWERS);
	uffd_guard_destroy(guard);
	fuse_file_stop(file);
}
END_TEST

static atomic_bool is_busy, is_late;

/* The handler, until a call has given up waiting for it, and a while longer. */
static int hold_first_fill(const struct injected_call *call, void *data)
{
	(void)data;
	if (call->n_before > 0)
		return INJECT_CONTINUE;
	atomic_store(&is_busy, true);
	while (!atomic_load(&is_late))
		usleep(1000);
	usleep(200000);
	return INJECT_CONTINUE;
}

/* The handler finds both at once: the read that nobody waits for any more, and the release. */
START_TEST(file_is_closed_after_a_read_that_was_given_up)
{
	if (runner_skip_eager())
		return;
	if (!has_ring()) {
		runner_skip("files that may block need io_uring");
		return;
	}
	struct fixture f = { .page = (size_t)getpagesize() };
	f.fd = find_disk();
	if (f.fd < 0)
		return;
	inject_ioctl(UFFDIO_COPY, hold_first_fill, NULL);
	const size_t fds = count_fds();
	f.guard = start(0, SOON);
	assert_ok(map_any(f.guard, f.fd, 0, &f.region));
	struct fixture memory = { .guard = f.guard, .page = f.page };
	memory.fd = file_create(FILE_MEMFD, PAGES, false);
	assert_ok(uffd_guard_map(memory.guard, memory.fd, PAGES * f.page, NULL, &memory.region));
	memory.data = uffd_guard_region_data(memory.region);

	pthread_t reader;
	assert_ok(pthread_create(&reader, NULL, read_page, &memory));
	while (!atomic_load(&is_busy))
		usleep(1000);
	unsigned char byte = 9;
	ck_assert_int_eq(uffd_guard_read(f.region, 0, &byte, 1), 0);
	ck_assert_uint_eq(byte, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TIMED_OUT);
	atomic_store(&is_late, true);
	uffd_guard_unmap(f.region);

	void *value;
	pthread_join(reader, &value);
	ck_assert_uint_eq((uintptr_t)value, page_value(40));
	uffd_guard_unmap(memory.region);
	close(memory.fd);
	uffd_guard_destroy(f.guard);
	wait_until_fds_are(fds);
	close(f.fd);
}
END_TEST

START_TEST(served_file_cannot_be_stored_to)
{
	struct served s;
	struct uffd_guard_region *region = NULL;
	if (!served_start(&s, FUSE_ANSWERS, LATER))
		return;
	assert_ok(map_any(s.f.guard, s.f.fd, UFFD_GUARD_MAP_WRITE, &region));
	ck_assert_int_eq(uffd_guard_write_back(region, 0, 1), -EBADF); /* read-only, first of all */
	uffd_guard_unmap(region);
	served_stop(&s);
}
END_TEST

static TCase *any_file_case(void)
{
	TCase *tcase = tcase_create("any file");
	tcase_add_test(tcase, file_on_a_disk_is_read_refreshed_and_written_back);
	tcase_add_test(tcase, bytes_behind_the_length_of_a_file_on_a_disk_are_zeros_and_no_loss);
	tcase_add_test(tcase, file_on_a_disk_that_is_not_in_memory_is_read);
	tcase_add_test(tcase, any_file_needs_io_uring_and_is_refused_without_the_flag);
	tcase_add_test(tcase, served_file_is_read);
	tcase_add_test(tcase, more_faults_at_once_than_reads_of_a_file_are_all_answered);
	tcase_add_test(tcase, served_file_that_hesitates_is_read_within_the_deadline);
	tcase_add_test(tcase, served_file_that_fails_is_zeros_and_an_error_that_is_told);
	tcase_add_test(tcase, served_file_that_is_short_is_zeros_behind_its_end);
	tcase_add_test(tcase, fault_on_a_stalled_file_is_zeros_after_the_deadline);
	tcase_add_test(tcase, calls_on_a_stalled_file_return_after_the_deadline);
	tcase_add_test(tcase, stalled_file_delays_its_own_region_only);
	tcase_add_test(tcase, stalled_server_takes_few_threads_and_no_disks_turn);
	tcase_add_test(tcase, unmap_and_destroy_do_not_wait_for_a_stalled_file);
	tcase_add_test(
		tcase, fault_that_waits_for_a_stalled_file_is_answered_when_its_region_is_unmapped);
	tcase_add_test(tcase, file_that_finds_no_room_leaves_its_guard_as_it_was);
	tcase_add_test(tcase, unmapping_a_served_file_leaves_its_guard_as_it_was);
	tcase_add_test(tcase, files_that_cannot_be_closed_are_few);
	tcase_add_test(tcase, files_that_cannot_be_closed_leave_those_on_a_disk_alone);
	tcase_add_test(tcase, mapping_a_stalled_file_does_not_wait);
	tcase_add_test(tcase, stalled_file_that_is_refused_is_not_waited_for);
	tcase_add_test(tcase, file_is_closed_after_a_read_that_was_given_up);
	tcase_add_test(tcase, served_file_cannot_be_stored_to);
	return tcase;
}

RUNNER_MAIN("any_file", any_file_case)

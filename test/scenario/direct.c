/* SPDX-License-Identifier: MIT */
/* MAP_DIRECT: the file itself where it is sealed against shrinking, a snapshot wherever it is not.
 */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int sealed_file(size_t n_pages, int seals)
{
	int fd = file_create(FILE_MEMFD, n_pages, false);
	assert_ok(fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

/* A region of @fd, which becomes the fixture's. */
static void start_over(struct fixture *f, int fd, size_t n_pages, size_t reserve, uint32_t flags)
{
	*f = (struct fixture){
		.page = (size_t)sysconf(_SC_PAGESIZE), .fd = fd, .guard = guard_start(0)
	};
	const struct uffd_guard_map_options options = {
		.size = sizeof(options), .flags = flags, .reserve = reserve * f->page
	};
	assert_ok(uffd_guard_map(f->guard, fd, n_pages * f->page, &options, &f->region));
	f->data = uffd_guard_region_data(f->region);
}

START_TEST(sealed_file_is_live_without_refresh)
{
	struct fixture f;
	start_over(&f, sealed_file(8, F_SEAL_SHRINK), 8, 0,
		UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_POPULATE);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	assert_page_is(&f, 3, page_value(3));
	file_write_page(f.fd, 3, 99);
	assert_page_is(&f, 3, 99);
	assert_ok(uffd_guard_refresh(f.region, 0, 8 * f.page));
	struct uffd_guard_stats stats = fixture_stats(&f);
	ck_assert_uint_eq(stats.bytes_resident + stats.faults + stats.pages_copied, 0);
	ck_assert_int_eq(ftruncate(f.fd, 0), -1);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_that_is_not_sealed_or_too_short_is_lazy)
{
	struct fixture f;
	start_over(&f, _i ? sealed_file(7, F_SEAL_SHRINK) : file_create(FILE_MEMFD, 8, false), 8, 0,
		UFFD_GUARD_MAP_DIRECT);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), mode_without_direct());
	assert_page_is(&f, 3, page_value(3));
	assert_page_is(&f, 7, _i ? 0 : page_value(7));
	fixture_stop(&f);
}
END_TEST

START_TEST(hugetlb_file_is_lazy)
{
	struct fixture f;
	if (!fixture_start(&f, &(struct fixture_options){ .kind = FILE_HUGETLB,
				       .n_pages = 512,
				       .map_flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL }))
		return;
	ck_assert_int_eq(uffd_guard_region_mode(f.region), mode_without_direct());
	assert_page_is(&f, 1, page_value(1));
	fixture_stop(&f);
}
END_TEST

START_TEST(map_seal_adds_the_seal_where_it_may)
{
	struct fixture f;
	const uint32_t flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL;
	start_over(&f, _i ? sealed_file(4, F_SEAL_SEAL) : file_create(FILE_MEMFD, 4, false), 4, 0,
		flags);
	/* The seal may come late, and is seen by the next call. */
	for (int i = 0;
		i < 1000 && !_i && uffd_guard_region_mode(f.region) != UFFD_GUARD_MODE_DIRECT;
		i++) {
		usleep(1000);
		assert_ok(uffd_guard_refresh(f.region, 0, f.page));
	}
	ck_assert_int_eq(uffd_guard_region_mode(f.region),
		_i ? mode_without_direct() : UFFD_GUARD_MODE_DIRECT);
	ck_assert_int_eq(fcntl(f.fd, F_GET_SEALS), _i ? F_SEAL_SEAL : F_SEAL_SHRINK);
	fixture_stop(&f);
}
END_TEST

/* libwayland and KWin look at the seal once, and die of this. */
START_TEST(resize_beyond_a_sealed_file_reads_as_zero_and_is_judged_again)
{
	struct fixture f;
	start_over(&f, sealed_file(4, F_SEAL_SHRINK), 4, 16, UFFD_GUARD_MAP_DIRECT);
	assert_ok(uffd_guard_resize(f.region, 8 * f.page));
	assert_page_is(&f, 3, page_value(3));
	assert_page_is(&f, 6, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	ck_assert_ptr_eq(uffd_guard_region_data(f.region), (void *)f.data);

	fixture_truncate(&f, 12);
	file_write_page(f.fd, 6, 77);
	file_write_page(f.fd, 11, 78);
	assert_page_is(&f, 6, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, 8 * f.page));
	assert_page_is(&f, 6, 77);
	assert_ok(uffd_guard_resize(f.region, 12 * f.page));
	assert_page_is(&f, 11, 78);
	file_write_page(f.fd, 11, 79);
	assert_page_is(&f, 11, 79); /* live by now */
	fixture_stop(&f);
}
END_TEST

START_TEST(what_resize_takes_away_reads_as_zero)
{
	struct fixture f;
	start_over(&f, sealed_file(8, F_SEAL_SHRINK), 8, 0, UFFD_GUARD_MAP_DIRECT);
	assert_page_is(&f, 7, page_value(7));
	assert_ok(uffd_guard_resize(f.region, 3 * f.page));
	assert_page_is(&f, 2, page_value(2));
	assert_page_is(&f, 3, 0);
	assert_page_is(&f, 7, 0);
	assert_ok(uffd_guard_resize(f.region, 8 * f.page));
	assert_page_is(&f, 7, page_value(7));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	fixture_stop(&f);
}
END_TEST

struct whole_reader {
	const struct fixture *f;
	atomic_bool shall_stop;
	atomic_uint n_rounds;
};

/* All of what the region is at its longest: the file's bytes, or zeros where it is shorter now. */
static void *read_all(void *data)
{
	struct whole_reader *reader = data;
	const struct fixture *f = reader->f;
	while (!atomic_load(&reader->shall_stop)) {
		for (size_t i = 0; i < 8; i++) {
			const unsigned char value = f->data[i * f->page + 17];
			ck_assert(value == page_value(i) || (value == 0 && i >= 3));
		}
		atomic_fetch_add(&reader->n_rounds, 1);
	}
	return NULL;
}

START_TEST(region_is_shrunk_and_grown_under_its_readers)
{
	struct fixture f;
	pthread_t threads[2];
	struct whole_reader reader = { .f = &f };
	start_over(&f, sealed_file(8, F_SEAL_SHRINK), 8, 0, UFFD_GUARD_MAP_DIRECT);
	for (size_t i = 0; i < 2; i++)
		assert_ok(pthread_create(&threads[i], NULL, read_all, &reader));
	for (unsigned i = 0; i < 300 || atomic_load(&reader.n_rounds) < 300; i++) {
		assert_ok(uffd_guard_resize(f.region, 3 * f.page));
		assert_page_is(&f, 2, page_value(2));
		assert_ok(uffd_guard_resize(f.region, 8 * f.page));
		assert_page_is(&f, 7, page_value(7));
		ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	}
	atomic_store(&reader.shall_stop, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_losses_eq(&f, 0); /* also of what was touched while it grew */
	fixture_stop(&f);
}
END_TEST

START_TEST(store_without_map_write_stays_out_of_the_file)
{
	struct fixture f;
	unsigned char byte;
	start_over(&f, sealed_file(4, F_SEAL_SHRINK), 4, 0, UFFD_GUARD_MAP_DIRECT);
	f.data[f.page] = 200;
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)f.page), 1);
	ck_assert_uint_eq(byte, page_value(1));
	assert_ok(uffd_guard_discard(f.region, 0, 4 * f.page));
	assert_page_is(&f, 1, page_value(1));
	fixture_stop(&f);
}
END_TEST

START_TEST(store_with_map_write_is_in_the_file)
{
	struct fixture f;
	unsigned char byte;
	start_over(&f, sealed_file(4, F_SEAL_SHRINK), 4, 0,
		UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_WRITE);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	f.data[f.page] = 200;
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 4 * f.page), (ssize_t)(4 * f.page));
	ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)f.page), 1);
	ck_assert_uint_eq(byte, 200);
	fixture_stop(&f);
}
END_TEST

START_TEST(file_sealed_against_writing_is_live_and_keeps_no_stores)
{
	struct fixture f;
	start_over(&f, sealed_file(4, F_SEAL_SHRINK | F_SEAL_WRITE), 4, 0,
		UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_WRITE);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	ck_assert_uint_eq(f.data[f.page + 1], page_value(1));
	f.data[f.page] = 200; /* a copy of the page from now on */
	ck_assert_uint_eq(f.data[f.page], 200);
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 4 * f.page), -EPERM);
	fixture_stop(&f);
}
END_TEST

START_TEST(direct_regions_leave_nothing_behind)
{
	struct fixture f;
	start_over(&f, sealed_file(8, F_SEAL_SHRINK), 4, 16, UFFD_GUARD_MAP_DIRECT);
	size_t fds = 0, mappings = 0;
	for (int i = 0; i < 100; i++) {
		struct uffd_guard_region *region;
		if (i == 1) { /* buffers that are kept have been made */
			fds = count_fds();
			mappings = count_mappings();
		}
		const struct uffd_guard_map_options options = { .size = sizeof(options),
			.flags = UFFD_GUARD_MAP_DIRECT,
			.reserve = 16 * f.page };
		assert_ok(uffd_guard_map(f.guard, f.fd, 8 * f.page, &options, &region));
		assert_ok(uffd_guard_resize(region, 16 * f.page));
		ck_assert_uint_eq(
			((volatile unsigned char *)uffd_guard_region_data(region))[9 * f.page], 0);
		assert_ok(uffd_guard_resize(region, 2 * f.page));
		uffd_guard_unmap(region);
	}
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	ck_assert_uint_eq(fixture_stats(&f).bytes_resident, 0);
	fixture_stop(&f);
}
END_TEST

/* ---- Live or not at all ---- */

static int map_live(
	const struct fixture *f, int fd, size_t n_pages, struct uffd_guard_region **region)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_ONLY_DIRECT };
	*region = NULL;
	return uffd_guard_map(f->guard, fd, n_pages * f->page, &options, region);
}

START_TEST(only_direct_refuses_what_is_not_all_live_and_leaves_nothing_behind)
{
	struct fixture f;
	struct uffd_guard_region *region;
	start_over(&f, file_create(FILE_MEMFD, 4, false), 4, 0, 0);
	const int too_short = sealed_file(3, F_SEAL_SHRINK);
	ck_assert_int_eq(map_live(&f, f.fd, 4, &region), -EPERM);
	ck_assert_int_eq(map_live(&f, too_short, 4, &region), -EPERM);
	const size_t fds = count_fds(), mappings = count_mappings();
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(map_live(&f, f.fd, 4, &region), -EPERM);
		ck_assert_int_eq(map_live(&f, too_short, 4, &region), -EPERM);
		ck_assert_ptr_null(region);
	}
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	ck_assert_uint_eq(fixture_stats(&f).regions, 1);
	close(too_short);
	fixture_stop(&f);
}
END_TEST

START_TEST(only_direct_maps_what_is_live)
{
	struct fixture f;
	struct uffd_guard_region *region;
	start_over(&f, sealed_file(4, F_SEAL_SHRINK), 4, 0, 0);
	assert_ok(map_live(&f, f.fd, 4, &region));
	const volatile unsigned char *data = uffd_guard_region_data(region);
	ck_assert_int_eq(uffd_guard_region_mode(region), UFFD_GUARD_MODE_DIRECT);
	ck_assert_uint_eq(data[3 * f.page], page_value(3));
	file_write_page(f.fd, 3, 99);
	ck_assert_uint_eq(data[3 * f.page], 99);
	uffd_guard_unmap(region);
	fixture_stop(&f);
}
END_TEST

START_TEST(only_direct_region_is_not_resized_beyond_its_file)
{
	struct fixture f;
	start_over(&f, sealed_file(4, F_SEAL_SHRINK), 2, 16,
		UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_ONLY_DIRECT);
	assert_ok(uffd_guard_resize(f.region, 4 * f.page));
	ck_assert_int_eq(uffd_guard_resize(f.region, 5 * f.page), -EPERM);
	ck_assert_uint_eq(uffd_guard_region_length(f.region), 4 * f.page);
	assert_page_is(&f, 3, page_value(3));
	file_write_page(f.fd, 3, 99);
	assert_page_is(&f, 3, 99);
	fixture_stop(&f);
}
END_TEST

/* ---- Judged again ---- */

START_TEST(make_direct_makes_a_region_live_once_its_file_is_sealed)
{
	struct fixture f;
	start_over(&f, file_create(FILE_MEMFD, 4, false), 4, 0, 0);
	assert_page_is(&f, 1, page_value(1));
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, 0), 0);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), mode_without_direct());
	file_write_page(f.fd, 1, 99);
	assert_page_is(&f, 1, page_value(1)); /* a snapshot still */

	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_SHRINK));
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, 0), 1);
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	assert_page_is(&f, 1, 99);
	file_write_page(f.fd, 1, 100);
	assert_page_is(&f, 1, 100);
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, 0), 1);
	fixture_stop(&f);
}
END_TEST

START_TEST(make_direct_seals_where_it_is_asked_to)
{
	struct fixture f;
	start_over(
		&f, _i ? sealed_file(4, F_SEAL_SEAL) : file_create(FILE_MEMFD, 4, false), 4, 0, 0);
	int is_direct = 0; /* the seal may come late */
	for (int i = 0; i < 1000 && !is_direct && !_i; i++) {
		is_direct = uffd_guard_region_make_direct(f.region, UFFD_GUARD_MAP_SEAL);
		usleep(1000);
	}
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, UFFD_GUARD_MAP_SEAL), !_i);
	ck_assert_int_eq(fcntl(f.fd, F_GET_SEALS), _i ? F_SEAL_SEAL : F_SEAL_SHRINK);
	fixture_stop(&f);
}
END_TEST

START_TEST(make_direct_of_a_file_that_is_too_short_answers_that_not_all_is_live)
{
	struct fixture f;
	start_over(&f, sealed_file(3, F_SEAL_SHRINK), 4, 0, 0);
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, 0), 0);
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, UFFD_GUARD_MAP_DIRECT), -EINVAL);
	assert_page_is(&f, 2, page_value(2));
	assert_page_is(&f, 3, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(descriptor_of_a_region_is_the_guards_own_and_of_the_same_file)
{
	struct fixture f;
	struct stat ours, theirs;
	start_over(&f, _i ? sealed_file(4, F_SEAL_SHRINK) : file_create(FILE_MEMFD, 4, false), 4, 5,
		UFFD_GUARD_MAP_DIRECT);
	const int fd = uffd_guard_region_get_fd(f.region);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ne(fd, f.fd);
	assert_ok(fstat(fd, &theirs));
	assert_ok(fstat(f.fd, &ours));
	ck_assert_uint_eq(theirs.st_ino, ours.st_ino);
	uffd_guard_unmap(f.region);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	f.region = NULL;
	fixture_stop(&f);
}
END_TEST

/* ---- Without a descriptor ---- */

static const struct {
	int seals; /* besides the one against shrinking */
	uint32_t flags;
	int store_error;
} without_descriptor[] = {
	{ 0, 0, -EACCES },
	{ 0, UFFD_GUARD_MAP_WRITE, 0 },
	{ F_SEAL_WRITE, UFFD_GUARD_MAP_WRITE, -EPERM },
	{ F_SEAL_FUTURE_WRITE, UFFD_GUARD_MAP_WRITE, -EPERM },
};
#define N_WITHOUT_DESCRIPTOR (int)(sizeof(without_descriptor) / sizeof(without_descriptor[0]))
#define ODD_LENGTH(f)	     (3 * (f)->page + 100) /* of the file, and of the region */

static void start_without_descriptor(struct fixture *f, int kind)
{
	const int seals = F_SEAL_SHRINK | without_descriptor[kind].seals;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const int fd = file_create(FILE_MEMFD, 3, false);
	*f = (struct fixture){ .page = page, .fd = fd, .guard = guard_start(0) };
	file_write_page(fd, 3, page_value(3));
	assert_ok(ftruncate(fd, (off_t)ODD_LENGTH(f)));
	assert_ok(fcntl(fd, F_ADD_SEALS, seals));
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = without_descriptor[kind].flags | UFFD_GUARD_MAP_DIRECT };
	const size_t fds = count_fds();
	assert_ok(uffd_guard_map(f->guard, fd, ODD_LENGTH(f), &options, &f->region));
	ck_assert_uint_eq(count_fds(), fds);
	f->data = uffd_guard_region_data(f->region);
	ck_assert_int_eq(uffd_guard_region_mode(f->region), UFFD_GUARD_MODE_DIRECT);
	ck_assert_int_eq(uffd_guard_region_get_fd(f->region), -EBADF);
}

START_TEST(region_without_room_to_grow_keeps_no_descriptor_and_reads)
{
	struct fixture f;
	unsigned char bytes[2 * 300];
	start_without_descriptor(&f, _i);
	const struct uffd_guard_rect rect = { 2 * f.page - 100, f.page, 300, 2 };
	ck_assert_int_eq(uffd_guard_read(f.region, f.page - 1, bytes, 2), 2);
	ck_assert_uint_eq(bytes[0], page_value(0));
	ck_assert_uint_eq(bytes[1], page_value(1));
	const struct uffd_guard_rect to_end = { f.page, f.page, 100, 3 };
	ck_assert_int_eq(uffd_guard_read_rect(f.region, &to_end, bytes, 100), 300);
	ck_assert_uint_eq(bytes[299], page_value(3));
	ck_assert_int_eq(uffd_guard_read_rect(f.region, &rect, bytes, 300), -ERANGE);
	ck_assert_int_eq(uffd_guard_read(f.region, 0, NULL, 1), -EINVAL);
	ck_assert_int_eq(uffd_guard_read(f.region, 0, (void *)16, 1), -EFAULT);

	assert_ok(uffd_guard_refresh(f.region, 0, ODD_LENGTH(&f)));
	assert_ok(uffd_guard_update_rects(f.region, &to_end, 1));
	assert_ok(uffd_guard_mark_rects(f.region, &to_end, 1));
	assert_ok(uffd_guard_begin(f.region));
	assert_ok(uffd_guard_ensure(f.region, 0, ODD_LENGTH(&f)));
	assert_ok(uffd_guard_populate(f.region, 0, ODD_LENGTH(&f)));
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, UFFD_GUARD_MAP_SEAL), 1);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

/* A page stored to is a copy, where stores are kept from the file: what is read is the file's. */
START_TEST(region_without_descriptor_reads_the_file_past_stores_of_its_own)
{
	struct fixture f;
	unsigned char byte;
	start_without_descriptor(&f, _i);
	f.data[f.page] = 200;
	ck_assert_int_eq(uffd_guard_read(f.region, f.page, &byte, 1), 1);
	ck_assert_uint_eq(byte, without_descriptor[_i].store_error ? page_value(1) : 200);
	assert_ok(uffd_guard_discard(f.region, 0, ODD_LENGTH(&f)));
	ck_assert_uint_eq(f.data[f.page], byte);
	fixture_stop(&f);
}
END_TEST

START_TEST(region_without_descriptor_writes_where_it_may)
{
	struct fixture f;
	unsigned char buffer[300], byte;
	const int err = without_descriptor[_i].store_error;
	start_without_descriptor(&f, _i);
	memset(buffer, 77, sizeof(buffer));
	const struct uffd_guard_rect rect = { f.page, f.page, 100, 3 };
	ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, buffer, 100), err ? err : 300);
	ck_assert_int_eq(uffd_guard_write(f.region, 0, buffer, 300), err ? err : 300);
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, ODD_LENGTH(&f)),
		err ? err : (ssize_t)ODD_LENGTH(&f));
	for (size_t at = 0; at < ODD_LENGTH(&f); at += f.page) {
		ck_assert_int_eq(pread(f.fd, &byte, 1, (off_t)at + 99), 1);
		ck_assert_uint_eq(byte, err ? page_value(at / f.page) : 77);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(region_without_descriptor_is_shrunk_and_grown_to_its_length_again)
{
	struct fixture f;
	start_without_descriptor(&f, _i);
	f.data[2 * f.page] = 200; /* of what leaves */
	for (size_t n_pages = 1; n_pages < 4; n_pages++) {
		assert_ok(uffd_guard_resize(f.region, n_pages * f.page));
		assert_page_is(&f, n_pages - 1 > 0, page_value(n_pages - 1 > 0));
		ck_assert_uint_eq(f.data[3 * f.page], 0);
	}
	ck_assert_int_eq(uffd_guard_resize(f.region, ODD_LENGTH(&f) + 1), -ENOSPC);
	assert_ok(uffd_guard_resize(f.region, ODD_LENGTH(&f)));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_DIRECT);
	ck_assert_uint_eq(f.data[3 * f.page + 99], page_value(3));
	ck_assert_uint_eq(
		f.data[2 * f.page], without_descriptor[_i].store_error ? page_value(2) : 200);
	assert_losses_eq(&f, 0);
	fixture_stop(&f);
}
END_TEST

START_TEST(regions_without_descriptor_leave_no_mapping_behind)
{
	struct fixture f;
	size_t mappings = 0;
	start_without_descriptor(&f, _i);
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = without_descriptor[_i].flags | UFFD_GUARD_MAP_DIRECT };
	for (int i = 0; i < 100; i++) {
		struct uffd_guard_region *region;
		if (i == 1)
			mappings = count_mappings();
		assert_ok(uffd_guard_map(f.guard, f.fd, ODD_LENGTH(&f), &options, &region));
		assert_ok(uffd_guard_resize(region, f.page));
		assert_ok(uffd_guard_resize(region, 2 * f.page));
		uffd_guard_unmap(region);
	}
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	fixture_stop(&f);
}
END_TEST

static void add_without_descriptor(TCase *tcase)
{
	const int n = N_WITHOUT_DESCRIPTOR;
	tcase_add_loop_test(tcase, region_without_room_to_grow_keeps_no_descriptor_and_reads, 0, n);
	tcase_add_loop_test(
		tcase, region_without_descriptor_reads_the_file_past_stores_of_its_own, 0, n);
	tcase_add_loop_test(tcase, region_without_descriptor_writes_where_it_may, 0, n);
	tcase_add_loop_test(
		tcase, region_without_descriptor_is_shrunk_and_grown_to_its_length_again, 0, n);
	tcase_add_loop_test(tcase, regions_without_descriptor_leave_no_mapping_behind, 0, n);
}

static TCase *direct_case(void)
{
	TCase *tcase = tcase_create("direct");
	tcase_add_test(tcase, sealed_file_is_live_without_refresh);
	tcase_add_loop_test(tcase, file_that_is_not_sealed_or_too_short_is_lazy, 0, 2);
	tcase_add_test(tcase, hugetlb_file_is_lazy);
	tcase_add_loop_test(tcase, map_seal_adds_the_seal_where_it_may, 0, 2);
	tcase_add_test(tcase, resize_beyond_a_sealed_file_reads_as_zero_and_is_judged_again);
	tcase_add_test(tcase, what_resize_takes_away_reads_as_zero);
	tcase_add_test(tcase, region_is_shrunk_and_grown_under_its_readers);
	tcase_add_test(tcase, store_without_map_write_stays_out_of_the_file);
	tcase_add_test(tcase, store_with_map_write_is_in_the_file);
	tcase_add_test(tcase, file_sealed_against_writing_is_live_and_keeps_no_stores);
	tcase_add_test(tcase, direct_regions_leave_nothing_behind);
	tcase_add_test(tcase, only_direct_refuses_what_is_not_all_live_and_leaves_nothing_behind);
	tcase_add_test(tcase, only_direct_maps_what_is_live);
	tcase_add_test(tcase, only_direct_region_is_not_resized_beyond_its_file);
	tcase_add_test(tcase, make_direct_makes_a_region_live_once_its_file_is_sealed);
	tcase_add_loop_test(tcase, make_direct_seals_where_it_is_asked_to, 0, 2);
	tcase_add_test(tcase, make_direct_of_a_file_that_is_too_short_answers_that_not_all_is_live);
	tcase_add_loop_test(
		tcase, descriptor_of_a_region_is_the_guards_own_and_of_the_same_file, 0, 2);
	add_without_descriptor(tcase);
	return tcase;
}

RUNNER_MAIN("direct", direct_case)

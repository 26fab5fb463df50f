/* SPDX-License-Identifier: MIT */
/* Whoever calls with a bad argument is told by the log which one, by the name that it has in the
 * header, and why; and nothing has changed. */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#define N_PAGES 4

/* ---- What the log was told ---- */

struct told {
	char text[512];
	int level;
	unsigned n;
};

static struct told told;

static void tell(int level, const char *message, void *data)
{
	struct told *to = data;
	to->level = level;
	to->n++;
	strncpy(to->text, message, sizeof(to->text) - 1);
}

/* One message, of the call and with the name. */
static void assert_told_as(int level, const char *call, const char *name)
{
	ck_assert_msg(told.n == 1, "%u messages about %s of %s", told.n, name, call);
	ck_assert_int_eq(told.level, level);
	ck_assert_msg(strstr(told.text, call), "not of %s: %s", call, told.text);
	ck_assert_msg(strstr(told.text, name), "%s is not named: %s", name, told.text);
	told = (struct told){ 0 };
}

static void assert_told(const char *call, const char *name)
{
	assert_told_as(LOG_ERR, call, name);
}

/* What a client can bring about again and again is none of the program's errors. */
static void assert_told_of_file(const char *call, const char *name)
{
	assert_told_as(LOG_INFO, call, name);
}

static struct uffd_guard_options good_options(void)
{
	return (struct uffd_guard_options){ .size = sizeof(struct uffd_guard_options),
		.flags = runner_guard_flags(),
		.log = tell,
		.log_data = &told };
}

static bool start(struct fixture *f)
{
	const struct uffd_guard_options options = good_options();
	*f = (struct fixture){ .page = (size_t)sysconf(_SC_PAGESIZE),
		.fd = file_create(FILE_MEMFD, N_PAGES, false) };
	assert_ok(uffd_guard_create(&options, &f->guard));
	assert_ok(uffd_guard_map(f->guard, f->fd, N_PAGES * f->page, NULL, &f->region));
	f->data = uffd_guard_region_data(f->region);
	told = (struct told){ 0 }; /* create may say what this machine lacks */
	return true;
}

/* ---- create ---- */

struct bad_guard {
	const char *name;
	struct uffd_guard_options options;
};

static const struct bad_guard bad_guards[] = {
	{ "flags", { .flags = 1u << 31 } },
	{ "flags", { .flags = UFFD_GUARD_USER_FAULTS_ONLY | UFFD_GUARD_REQUIRE_KERNEL_FAULTS } },
	{ "reserved", { .reserved = 1 } },
};

START_TEST(create_tells_which_member_is_wrong)
{
	const struct bad_guard *bad = &bad_guards[_i];
	struct uffd_guard *guard = NULL;
	struct uffd_guard_options options = good_options();
	options.flags |= bad->options.flags;
	options.reserved = bad->options.reserved;
	ck_assert_int_eq(uffd_guard_create(&options, &guard), -EINVAL);
	ck_assert_ptr_null(guard);
	assert_told("uffd_guard_create", bad->name);
}
END_TEST

START_TEST(create_tells_of_a_member_that_is_not_known)
{
	struct {
		struct uffd_guard_options known;
		uint64_t later;
	} options = { good_options(), 1 };
	struct uffd_guard *guard = NULL;
	options.known.size = sizeof(options);
	ck_assert_int_eq(uffd_guard_create(&options.known, &guard), -E2BIG);
	assert_told("uffd_guard_create", "member");
}
END_TEST

/* ---- map ---- */

struct bad_region {
	const char *name;
	int err;
	size_t length;
	struct uffd_guard_map_options options;
};

static const struct bad_region bad_regions[] = {
	{ "length", -EINVAL, 0, { 0 } },
	{ "flags", -EINVAL, 1, { .flags = 1u << 31 } },
	{ "flags", -EINVAL, 1, { .flags = UFFD_GUARD_MAP_SEAL } },
	{ "flags", -EINVAL, 1, { .flags = UFFD_GUARD_MAP_ONLY_DIRECT } },
	{ "flags", -EPERM, 1, { .flags = UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_ONLY_DIRECT } },
	{ "reserve", -EINVAL, 100, { .reserve = 99 } },
	{ "offset", -EINVAL, 1, { .offset = 1 } },
	{ "length", -EOVERFLOW, SIZE_MAX, { 0 } },
	{ "addr", -EINVAL, 1, { .flags = UFFD_GUARD_MAP_FIXED_NOREPLACE, .addr = (void *)1 } },
	{ "addr", -EINVAL, 1, { .flags = UFFD_GUARD_MAP_FIXED_NOREPLACE } },
	{ "addr", -EINVAL, 1, { .addr = (void *)65536 } },
};

START_TEST(map_tells_which_argument_is_wrong)
{
	const struct bad_region *bad = &bad_regions[_i];
	struct fixture f;
	struct uffd_guard_region *region = NULL;
	struct uffd_guard_map_options options = bad->options;
	options.size = sizeof(options);
	start(&f);
	ck_assert_int_eq(uffd_guard_map(f.guard, f.fd, bad->length, &options, &region), bad->err);
	ck_assert_ptr_null(region);
	assert_told("uffd_guard_map", bad->name);
	ck_assert_uint_eq(fixture_stats(&f).regions, 1);
	fixture_stop(&f);
}
END_TEST

START_TEST(map_tells_of_a_descriptor_of_another_kind)
{
	struct fixture f;
	struct uffd_guard_region *region;
	int ends[2];
	start(&f);
	assert_ok(pipe(ends));
	const int to_nothing = open("/", O_PATH), to_write = open("/dev/null", O_WRONLY);
	ck_assert_int_eq(uffd_guard_map(f.guard, ends[0], 1, NULL, &region), -ENODEV);
	assert_told_of_file("uffd_guard_map", "fd");
	ck_assert_int_eq(uffd_guard_map(f.guard, to_nothing, 1, NULL, &region), -EBADF);
	assert_told_of_file("uffd_guard_map", "fd");
	ck_assert_int_eq(uffd_guard_map(f.guard, to_write, 1, NULL, &region), -EACCES);
	assert_told_of_file("uffd_guard_map", "fd");
	close(to_write);
	close(to_nothing);
	close(ends[0]);
	close(ends[1]);
	fixture_stop(&f);
}
END_TEST

START_TEST(map_tells_of_a_size_that_was_forgotten)
{
	struct fixture f;
	const struct uffd_guard_map_options options = { .size = 0 };
	start(&f);
	ck_assert_int_eq(uffd_guard_map(f.guard, f.fd, 1, &options, &f.region), -EINVAL);
	assert_told("uffd_guard_map", "size");
	fixture_stop(&f);
}
END_TEST

START_TEST(map_tells_that_max_regions_are_mapped)
{
	struct fixture f;
	struct uffd_guard_options options = good_options();
	struct uffd_guard_region *region = NULL;
	start(&f);
	uffd_guard_unmap(f.region);
	uffd_guard_destroy(f.guard);
	options.max_regions = 1;
	assert_ok(uffd_guard_create(&options, &f.guard));
	assert_ok(uffd_guard_map(f.guard, f.fd, 1, NULL, &f.region));
	told = (struct told){ 0 };
	ck_assert_int_eq(uffd_guard_map(f.guard, f.fd, 1, NULL, &region), -ENFILE);
	assert_told("uffd_guard_map", "max_regions");
	fixture_stop(&f);
}
END_TEST

/* ---- Calls on a region ---- */

static int read_beyond(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	char bytes[2];
	return (int)uffd_guard_read(region, offset, bytes, (size_t)length);
}

static int write_beyond(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	return (int)uffd_guard_write(region, offset, "two", (size_t)length);
}

static int write_back_beyond(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	return (int)uffd_guard_write_back(region, offset, (size_t)length);
}

static int refresh_span_beyond(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	const struct uffd_guard_span span = { offset, length };
	return uffd_guard_refresh_spans(region, &span, 1);
}

typedef int call_of_range(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

static call_of_range *const calls_of_ranges[] = { uffd_guard_refresh, uffd_guard_update,
	uffd_guard_ensure, uffd_guard_populate, uffd_guard_discard, read_beyond, write_beyond,
	write_back_beyond, refresh_span_beyond };

START_TEST(calls_tell_that_a_range_is_outside)
{
	struct fixture f;
	start(&f);
	ck_assert_int_eq(calls_of_ranges[_i](f.region, N_PAGES * f.page - 1, 2), -ERANGE);
	assert_told("offset", "length"); /* each is named */
	fixture_stop(&f);
}
END_TEST

static ssize_t refresh_one(struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	return uffd_guard_refresh_rects(region, rect, 1);
}

static ssize_t update_one(struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	return uffd_guard_update_rects(region, rect, 1);
}

static ssize_t mark_one(struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	return uffd_guard_mark_rects(region, rect, 1);
}

static ssize_t read_one(struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	char bytes[16];
	return uffd_guard_read_rect(region, rect, bytes, 8);
}

static ssize_t write_one(struct uffd_guard_region *region, const struct uffd_guard_rect *rect)
{
	const char bytes[16] = { 0 };
	return uffd_guard_write_rect(region, rect, bytes, 8);
}

typedef ssize_t call_of_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect);

static call_of_rect *const calls_of_rects[] = { refresh_one, update_one, mark_one, read_one,
	write_one };

START_TEST(calls_tell_that_a_rectangle_is_outside)
{
	struct fixture f;
	start(&f);
	const struct uffd_guard_rect rect = { N_PAGES * f.page - 8, 8, 8, 2 };
	ck_assert_int_eq(calls_of_rects[_i](f.region, &rect), -ERANGE);
	assert_told("rect", "region");
	fixture_stop(&f);
}
END_TEST

START_TEST(calls_tell_that_rows_would_overlap_in_the_buffer)
{
	struct fixture f;
	char bytes[16] = { 0 };
	const struct uffd_guard_rect rect = { 0, 8, 8, 2 };
	start(&f);
	ck_assert_int_eq(uffd_guard_read_rect(f.region, &rect, bytes, 7), -EINVAL);
	assert_told("uffd_guard_read_rect", "buffer_stride");
	ck_assert_int_eq(uffd_guard_write_rect(f.region, &rect, bytes, 7), -EINVAL);
	assert_told("uffd_guard_write_rect", "buffer_stride");
	fixture_stop(&f);
}
END_TEST

START_TEST(write_tells_that_the_region_is_not_for_writing)
{
	struct fixture f;
	start(&f);
	ck_assert_int_eq(uffd_guard_write(f.region, 0, "", 1), -EACCES);
	assert_told("uffd_guard_write", "UFFD_GUARD_MAP_WRITE");
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 1), -EACCES);
	assert_told("uffd_guard_write_back", "UFFD_GUARD_MAP_WRITE");
	fixture_stop(&f);
}
END_TEST

START_TEST(calls_tell_that_the_file_is_not_for_writing)
{
	struct fixture f;
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_WRITE };
	start(&f);
	uffd_guard_unmap(f.region);
	assert_ok(fcntl(f.fd, F_ADD_SEALS, F_SEAL_WRITE));
	assert_ok(uffd_guard_map(f.guard, f.fd, N_PAGES * f.page, &options, &f.region));
	ck_assert_int_eq(uffd_guard_write(f.region, 0, "", 1), -EPERM);
	assert_told_of_file("write", "sealed");
	ck_assert_int_eq(uffd_guard_write_back(f.region, 0, 1), -EPERM);
	assert_told_of_file("write", "sealed");
	fixture_stop(&f);
}
END_TEST

START_TEST(calls_tell_that_a_pointer_is_missing)
{
	struct fixture f;
	start(&f);
	const struct uffd_guard_rect rect = { 0, 1, 1, 1 };
	ck_assert_int_eq(uffd_guard_read(f.region, 0, NULL, 1), -EINVAL);
	assert_told("uffd_guard_read", "buffer");
	ck_assert_int_eq(uffd_guard_read_rect(f.region, &rect, NULL, 1), -EINVAL);
	assert_told("uffd_guard_read_rect", "buffer");
	ck_assert_int_eq(uffd_guard_write(f.region, 0, NULL, 1), -EINVAL);
	assert_told("uffd_guard_write", "buffer");
	ck_assert_int_eq(uffd_guard_refresh_spans(f.region, NULL, 1), -EINVAL);
	assert_told("uffd_guard_refresh_spans", "spans");
	ck_assert_int_eq(uffd_guard_mark_rects(f.region, NULL, 1), -EINVAL);
	assert_told("", "rects");
	ck_assert_int_eq(uffd_guard_region_get_fd(NULL), -EINVAL);
	fixture_stop(&f);
}
END_TEST

START_TEST(resize_and_make_direct_tell_which_argument_is_wrong)
{
	struct fixture f;
	start(&f);
	ck_assert_int_eq(uffd_guard_resize(f.region, 0), -EINVAL);
	assert_told("uffd_guard_resize", "length");
	ck_assert_int_eq(uffd_guard_region_make_direct(f.region, UFFD_GUARD_MAP_DIRECT), -EINVAL);
	assert_told("uffd_guard_region_make_direct", "flags");
	fixture_stop(&f);
}
END_TEST

static TCase *refusals_case(void)
{
	TCase *tcase = tcase_create("refusals");
	tcase_add_loop_test(tcase, create_tells_which_member_is_wrong, 0,
		sizeof(bad_guards) / sizeof(bad_guards[0]));
	tcase_add_test(tcase, create_tells_of_a_member_that_is_not_known);
	tcase_add_loop_test(tcase, map_tells_which_argument_is_wrong, 0,
		sizeof(bad_regions) / sizeof(bad_regions[0]));
	tcase_add_test(tcase, map_tells_of_a_descriptor_of_another_kind);
	tcase_add_test(tcase, map_tells_of_a_size_that_was_forgotten);
	tcase_add_test(tcase, map_tells_that_max_regions_are_mapped);
	tcase_add_loop_test(tcase, calls_tell_that_a_range_is_outside, 0,
		sizeof(calls_of_ranges) / sizeof(calls_of_ranges[0]));
	tcase_add_loop_test(tcase, calls_tell_that_a_rectangle_is_outside, 0,
		sizeof(calls_of_rects) / sizeof(calls_of_rects[0]));
	tcase_add_test(tcase, calls_tell_that_rows_would_overlap_in_the_buffer);
	tcase_add_test(tcase, write_tells_that_the_region_is_not_for_writing);
	tcase_add_test(tcase, calls_tell_that_the_file_is_not_for_writing);
	tcase_add_test(tcase, calls_tell_that_a_pointer_is_missing);
	tcase_add_test(tcase, resize_and_make_direct_tell_which_argument_is_wrong);
	return tcase;
}

RUNNER_MAIN("refusals", refusals_case)

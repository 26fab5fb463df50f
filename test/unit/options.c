/* SPDX-License-Identifier: MIT */
/* Old programs with a new library, and the other way round. */
#include "base/options.h"

#include "unit.h"

#include <uffd_guard.h>

#include <errno.h>
#include <string.h>

/* What the library knows. */
struct known {
	size_t size;
	uint64_t first, second;
};

#define KNOWN	 sizeof(struct known)
#define NOTHING	 SIZE_MAX
#define UNKNOWNS 40 /* bytes that a newer program may have behind that */

/* A struct of the caller's, of exactly the size it claims: a sanitizer sees every byte beyond. */
static unsigned char *theirs_create(size_t size, unsigned char value)
{
	unsigned char *theirs = malloc(size < sizeof(size) ? sizeof(size) : size);
	ck_assert_ptr_nonnull(theirs);
	if (size > sizeof(size))
		memset(theirs + sizeof(size), value, size - sizeof(size));
	memcpy(theirs, &size, sizeof(size));
	return theirs;
}

static void assert_bytes_are(const unsigned char *bytes, size_t from, size_t to, unsigned value)
{
	for (size_t i = from; i < to; i++)
		ck_assert_msg(bytes[i] == value, "byte %zu is %u, not %u", i, bytes[i], value);
}

static const struct read_row {
	size_t theirs;	/* size of the caller's struct */
	size_t nonzero; /* the one unknown byte in it that is set, counted from KNOWN */
	int err;
} read_rows[] = {
	{ 0, NOTHING, -EINVAL },
	{ 1, NOTHING, -EINVAL },
	{ sizeof(size_t) - 1, NOTHING, -EINVAL },
	{ sizeof(size_t), NOTHING, 0 },
	{ sizeof(size_t) + 1, NOTHING, 0 },
	{ offsetof(struct known, second), NOTHING, 0 },
	{ KNOWN - 1, NOTHING, 0 },
	{ KNOWN, NOTHING, 0 },
	{ KNOWN + 1, NOTHING, 0 },
	{ KNOWN + UNKNOWNS, NOTHING, 0 },
	{ KNOWN + 1, 0, -E2BIG },
	{ KNOWN + UNKNOWNS, 0, -E2BIG },
	{ KNOWN + UNKNOWNS, UNKNOWNS / 2, -E2BIG },
	{ KNOWN + UNKNOWNS, UNKNOWNS - 1, -E2BIG },
};

START_TEST(struct_of_any_age_is_read_as_far_as_both_know_it)
{
	const struct read_row *row = &read_rows[_i];
	unsigned char *theirs = theirs_create(row->theirs, 7);
	if (row->theirs > KNOWN)
		memset(theirs + KNOWN, 0, row->theirs - KNOWN);
	if (row->nonzero != NOTHING)
		theirs[KNOWN + row->nonzero] = 1;

	struct known known;
	memset(&known, 0xff, sizeof(known));
	ck_assert_int_eq(options_read(&known, sizeof(known), theirs), row->err);
	if (!row->err) {
		size_t common = row->theirs < KNOWN ? row->theirs : KNOWN;
		ck_assert_uint_eq(known.size, row->theirs);
		assert_bytes_are((unsigned char *)&known, sizeof(size_t), common, 7);
		assert_bytes_are((unsigned char *)&known, common, KNOWN, 0);
	}
	free(theirs);
}
END_TEST

START_TEST(null_is_all_defaults)
{
	struct known known;
	memset(&known, 0xff, sizeof(known));
	assert_ok(options_read(&known, sizeof(known), NULL));
	assert_bytes_are((unsigned char *)&known, 0, KNOWN, 0);
}
END_TEST

static const struct write_row {
	size_t theirs;
	int err;
} write_rows[] = {
	{ 0, -EINVAL },
	{ sizeof(size_t) - 1, -EINVAL },
	{ sizeof(size_t), 0 },
	{ offsetof(struct known, second), 0 },
	{ KNOWN - 1, 0 },
	{ KNOWN, 0 },
	{ KNOWN + 1, 0 },
	{ KNOWN + UNKNOWNS, 0 },
};

START_TEST(struct_of_any_age_is_written_as_far_as_both_know_it)
{
	const struct write_row *row = &write_rows[_i];
	unsigned char *theirs = theirs_create(row->theirs, 0xff);
	struct known known = { .size = 12345 };
	memset(&known.first, 7, KNOWN - offsetof(struct known, first));

	ck_assert_int_eq(options_write(theirs, &known, sizeof(known)), row->err);
	size_t size;
	memcpy(&size, theirs, sizeof(size));
	ck_assert_uint_eq(size, row->theirs);
	if (!row->err) {
		size_t common = row->theirs < KNOWN ? row->theirs : KNOWN;
		assert_bytes_are(theirs, sizeof(size), common, 7);
		assert_bytes_are(theirs, common, row->theirs, 0);
	}
	free(theirs);
}
END_TEST

START_TEST(bytes_behind_the_callers_struct_are_left_alone)
{
	unsigned char memory[2 * KNOWN];
	const size_t size = sizeof(size) + 4;
	memset(memory, 0xee, sizeof(memory));
	memcpy(memory, &size, sizeof(size));
	struct known known = { .first = UINT64_MAX, .second = UINT64_MAX };
	assert_ok(options_write(memory, &known, sizeof(known)));
	assert_bytes_are(memory, sizeof(size), size, 0xff);
	assert_bytes_are(memory, size, sizeof(memory), 0xee);
}
END_TEST

/* Of the library, which may be another than the header's. */
START_TEST(library_tells_its_version)
{
	ck_assert_uint_eq(
		uffd_guard_version(), UFFD_GUARD_VERSION_NUMBER(UFFD_GUARD_VERSION_MAJOR,
					      UFFD_GUARD_VERSION_MINOR, UFFD_GUARD_VERSION_PATCH));
}
END_TEST

static TCase *options_case(void)
{
	TCase *tcase = tcase_create("options");
	tcase_add_loop_test(
		tcase, struct_of_any_age_is_read_as_far_as_both_know_it, 0, n_elements(read_rows));
	tcase_add_test(tcase, null_is_all_defaults);
	tcase_add_loop_test(tcase, struct_of_any_age_is_written_as_far_as_both_know_it, 0,
		n_elements(write_rows));
	tcase_add_test(tcase, bytes_behind_the_callers_struct_are_left_alone);
	tcase_add_test(tcase, library_tells_its_version);
	return tcase;
}

UNIT_MAIN("options", options_case)

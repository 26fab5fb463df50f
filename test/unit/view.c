/* SPDX-License-Identifier: MIT */
/* Mappings through which files are read past scanners: each file's is made once. */
#include "file/view.h"

#include "base/page.h"
#include "kernel/uffd.h"
#include "together.h"
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME	 "/memfd:view_of_it"
#define N_ROUNDS 300

struct stage {
	struct uffd holes;
	struct view view;
	int fd;
};

static void *open_it(void *data)
{
	struct stage *stage = data;
	view_open(&stage->view, &stage->holes, stage->fd, 0, page_size());
	return NULL;
}

static unsigned count_mappings_of_it(void)
{
	char line[512];
	unsigned n = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, NAME) != NULL;
	fclose(f);
	return n;
}

START_TEST(view_that_several_threads_want_at_once_is_one_mapping)
{
	struct stage stage = { .fd = memfd_create("view_of_it", MFD_CLOEXEC) };
	ck_assert_int_ge(stage.fd, 0);
	assert_ok(ftruncate(stage.fd, (off_t)page_size()));
	if (view_prepare(&stage.holes) != 0) {
		unit_skip("there can be no views of files here");
		close(stage.fd);
		return;
	}
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		stage.view = (struct view){ .memory = NULL };
		together(open_it, &stage);
		ck_assert(atomic_load(&stage.view.is_there));
		ck_assert_uint_eq(count_mappings_of_it(), 1);
		view_close(&stage.view);
		ck_assert_uint_eq(count_mappings_of_it(), 0);
	}
	uffd_close(&stage.holes);
	close(stage.fd);
}
END_TEST

/* Without them its holes would be filled in the client's file. */
START_TEST(view_whose_holes_cannot_be_registered_is_none)
{
	struct stage stage = { .fd = memfd_create("view_of_it", MFD_CLOEXEC), .holes.fd = -1 };
	assert_ok(ftruncate(stage.fd, (off_t)page_size()));
	open_it(&stage);
	ck_assert(!atomic_load(&stage.view.is_there));
	ck_assert_uint_eq(count_mappings_of_it(), 0);
	ck_assert(!atomic_load(&stage.view.is_claimed)); /* another time it may go */
	close(stage.fd);
}
END_TEST

/* The program has closed it, say: then the mapping is all that is left. */
START_TEST(view_whose_file_tells_nothing_is_read_all_the_same)
{
	struct stage stage = { .fd = memfd_create("view_of_it", MFD_CLOEXEC) };
	char buffer[2] = { 1, 1 };
	size_t got = 0;
	assert_ok(ftruncate(stage.fd, (off_t)(2 * page_size())));
	ck_assert_int_eq(pwrite(stage.fd, "ab", 2, 0), 2);
	if (view_prepare(&stage.holes) == 0) {
		view_open(&stage.view, &stage.holes, stage.fd, 0, 2 * page_size());
		ck_assert(atomic_load(&stage.view.is_there));
		stage.view.fd = -1;
		assert_ok(view_read(&stage.view, 0, buffer, 2, &got));
		ck_assert_uint_eq(got, 2);
		ck_assert(buffer[0] == 'a' && buffer[1] == 'b');
		assert_ok(view_read(&stage.view, page_size(), buffer, 2, &got)); /* a hole */
		ck_assert(buffer[0] == 0 && buffer[1] == 0);
		view_close(&stage.view);
		uffd_close(&stage.holes);
	} else {
		unit_skip("there can be no views of files here");
	}
	close(stage.fd);
}
END_TEST

/* Data and holes are told apart by asking. */
START_TEST(view_without_faults_of_a_file_that_tells_nothing_cannot_be_read)
{
	struct view view = { .memory = NULL };
	char byte;
	size_t got = 1;
	view_open_without_faults(&view, -1, 0, page_size());
	ck_assert(!atomic_load(&view.is_there));
	ck_assert_int_eq(view_read(&view, 0, &byte, 1, &got), -ENOSYS);
	ck_assert_uint_eq(got, 0);
}
END_TEST

static TCase *view_case(void)
{
	TCase *tcase = tcase_create("view");
	tcase_add_test(tcase, view_that_several_threads_want_at_once_is_one_mapping);
	tcase_add_test(tcase, view_whose_holes_cannot_be_registered_is_none);
	tcase_add_test(tcase, view_whose_file_tells_nothing_is_read_all_the_same);
	tcase_add_test(tcase, view_without_faults_of_a_file_that_tells_nothing_cannot_be_read);
	return tcase;
}

UNIT_MAIN("view", view_case)

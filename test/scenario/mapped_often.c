/* SPDX-License-Identifier: MIT */
/*
 * A client that maps its file tens of thousands of times, so that the kernel keeps the file's pages
 * locked for long: nobody waits for it again and again.
 */
#include "../support/fixture.h"
#include "../support/mapping_client.h"
#include "../support/threads.h"
#include "../support/time_ns.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define N_PAGES	   64
#define N_MAPPINGS 60000
#define N_READERS  2
#define LONG_TIME  (25 * NS_PER_S) /* on a busy machine; else a second is enough */

struct often {
	struct fixture f;
	struct mapping_client client;
};

static bool start(struct often *often, uint32_t map_flags, int n_readers)
{
	if (!fixture_start(&often->f,
		    &(struct fixture_options){
			    .n_pages = N_PAGES, .map_flags = map_flags, .read_deadline_ms = 100 }))
		return false;
	if (mapping_client_start(&often->client, often->f.fd, N_PAGES * often->f.page, N_MAPPINGS,
		    n_readers) == 0)
		return true;
	runner_skip("a process may not map a file so often");
	fixture_stop(&often->f);
	return false;
}

static void stop(struct often *often)
{
	mapping_client_end(&often->client);
	fixture_stop(&often->f);
}

static void refresh_all(struct fixture *f)
{
	assert_ok(uffd_guard_refresh(f->region, 0, N_PAGES * f->page));
}

static void touch_all_anew(struct fixture *f)
{
	assert_ok(uffd_guard_discard(f->region, 0, N_PAGES * f->page));
	for (size_t page = 0; page < N_PAGES; page++)
		(void)f->data[page * f->page];
}

static uint32_t lose(struct fixture *f, void (*step)(struct fixture *f))
{
	const uint64_t limit = clock_ns() + LONG_TIME;
	uint32_t lost = 0;
	while (!(lost & UFFD_GUARD_LOST_TIMED_OUT) && clock_ns() < limit) {
		step(f);
		lost |= uffd_guard_region_take_losses(f->region);
	}
	return lost;
}

/* D: asleep in the kernel, and not for a fault to come. */
static bool is_held_up(pid_t thread)
{
	char path[64], state = '?';
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d (uffd-guard) %c", &state), 1);
	fclose(f);
	return state == 'D';
}

#define N_LOOKS 200

START_TEST(handler_that_was_held_up_leaves_the_file_alone)
{
	struct often often;
	unsigned n_held_up = 0;
	if (runner_skip_eager() || !start(&often, 0, N_READERS))
		return;
	const pid_t handler = find_handler();
	ck_assert_uint_eq(lose(&often.f, touch_all_anew), UFFD_GUARD_LOST_TIMED_OUT);
	for (int i = 0; i < N_LOOKS; i++) {
		touch_all_anew(&often.f);
		n_held_up += is_held_up(handler);
	}
	ck_assert_uint_le(n_held_up, N_LOOKS / 10);
	stop(&often);
}
END_TEST

START_TEST(call_that_was_held_up_ends_in_zeros_and_a_loss)
{
	struct often often;
	if (!start(&often, 0, N_READERS))
		return;
	fixture_ask(&often.f, 0, N_PAGES);
	ck_assert_uint_eq(lose(&often.f, refresh_all), UFFD_GUARD_LOST_TIMED_OUT);
	refresh_all(&often.f);
	assert_page_is(&often.f, N_PAGES - 1, 0);
	stop(&often);
}
END_TEST

START_TEST(file_is_read_again_when_its_client_has_let_go)
{
	struct often often;
	const uint64_t limit = clock_ns() + 2 * LONG_TIME;
	if (!start(&often, 0, N_READERS))
		return;
	fixture_ask(&often.f, 0, N_PAGES);
	ck_assert_uint_eq(lose(&often.f, refresh_all), UFFD_GUARD_LOST_TIMED_OUT);
	mapping_client_end(&often.client);
	file_write_page(often.f.fd, 3, 0x33);
	while (often.f.data[3 * often.f.page] != 0x33 && clock_ns() < limit) {
		refresh_all(&often.f);
		clock_sleep(NS_PER_MS);
	}
	assert_page_is(&often.f, 3, 0x33);
	fixture_stop(&often.f);
}
END_TEST

START_TEST(nothing_is_stored_to_a_file_that_is_left_alone)
{
	struct often often;
	if (!start(&often, UFFD_GUARD_MAP_WRITE, N_READERS))
		return;
	fixture_ask(&often.f, 0, N_PAGES);
	ck_assert_uint_eq(lose(&often.f, refresh_all), UFFD_GUARD_LOST_TIMED_OUT);
	ck_assert_int_eq(uffd_guard_write(often.f.region, 0, "x", 1), -ETIMEDOUT);
	stop(&often);
}
END_TEST

static TCase *often_case(void)
{
	TCase *test_case = tcase_create("mapped often");
	tcase_add_test(test_case, handler_that_was_held_up_leaves_the_file_alone);
	tcase_add_test(test_case, call_that_was_held_up_ends_in_zeros_and_a_loss);
	tcase_add_test(test_case, file_is_read_again_when_its_client_has_let_go);
	tcase_add_test(test_case, nothing_is_stored_to_a_file_that_is_left_alone);
	return test_case;
}

RUNNER_MAIN("mapped_often", often_case)

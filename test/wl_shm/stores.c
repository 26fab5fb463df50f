/* SPDX-License-Identifier: MIT */
/* Screenshots: what a compositor stores reaches the client, and nothing else does. */
#include "copied.h"
#include "world.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OLD    0x11111111u
#define SHOT   0x55555555u
#define CLIENT 0x77777777u

struct stage {
	struct world world;
	struct guest guest;
	struct memory memory;
	struct picture picture;
};

static void stage_start(struct stage *s, int seals)
{
	world_start(&s->world);
	guest_join(&s->guest, &s->world);
	memory_create(&s->memory, &s->guest, BYTES, seals);
	picture_create(&s->picture, &s->guest, &s->memory, 0);
	picture_fill(&s->picture, OLD);
}

static void stage_stop(struct stage *s)
{
	assert_no_error(&s->guest);
	wl_buffer_destroy(s->picture.buffer);
	memory_destroy(&s->memory);
	guest_leave(&s->guest);
	world_stop(&s->world);
}

/* Pixels from @first on, as one who draws a screenshot. */
static void draw(struct wl_shm_buffer *buffer, int first, int n)
{
	wl_shm_buffer_begin_access(buffer);
	uint32_t *pixels = wl_shm_buffer_get_data(buffer);
	for (int i = 0; i < n; i++)
		pixels[first + i] = SHOT;
	wl_shm_buffer_end_access(buffer);
}

static void assert_file_is(const struct stage *s, int first, int n, uint32_t colour)
{
	for (int i = 0; i < n; i++)
		ck_assert_uint_eq(s->picture.pixels[first + i], colour);
}

START_TEST(screenshot_reaches_the_client)
{
	const int seals[] = { 0, F_SEAL_SHRINK };
	struct stage s;
	stage_start(&s, seals[_i]);
	camera_shoot(&s.guest, s.picture.buffer);
	ck_assert_ptr_nonnull(s.world.shot);
	draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	stage_stop(&s);
}
END_TEST

START_TEST(screenshot_into_a_hole_reaches_the_client)
{
	struct stage s;
	stage_start(&s, 0);
	ck_assert_int_eq(
		fallocate(s.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BYTES), 0);
	camera_shoot(&s.guest, s.picture.buffer);
	draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	stage_stop(&s);
}
END_TEST

/* What the client has not written to is not read either: as grim and weston-screenshooter have it.
 */
START_TEST(screenshot_into_fresh_memory_reads_nothing)
{
	enum { ROWS = 16 * SIDE };
	struct stage s;
	struct memory memory;
	stage_start(&s, 0);
	memory_create(&memory, &s.guest, ROWS * STRIDE, 0);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, 0, SIDE, ROWS, STRIDE, WL_SHM_FORMAT_XRGB8888);
	const uint64_t before = bytes_copied();
	camera_shoot(&s.guest, buffer);
	draw(wl_shm_buffer_get(s.world.shot), 0, ROWS * SIDE);
	ck_assert_uint_le(bytes_copied() - before, 16);
	ck_assert_uint_eq(memory.pixels[0], SHOT);
	ck_assert_uint_eq(memory.pixels[ROWS * SIDE - 1], SHOT);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	stage_stop(&s);
}
END_TEST

START_TEST(only_pages_stored_to_are_written)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(buffer);
	uint32_t *pixels = wl_shm_buffer_get_data(buffer);
	pixels[0] = SHOT;
	/* Meanwhile the client writes to the second page and the third. */
	for (int i = 1024; i < 3 * 1024; i++)
		s.picture.pixels[i] = CLIENT;
	pixels[3 * 1024] = SHOT;
	wl_shm_buffer_end_access(buffer);
	assert_file_is(&s, 0, 1, SHOT);
	assert_file_is(&s, 1, 1023, OLD);
	assert_file_is(&s, 1024, 2048, CLIENT);
	assert_file_is(&s, 3 * 1024, 1, SHOT);
	stage_stop(&s);
}
END_TEST

START_TEST(neighbours_in_the_pool_are_not_written)
{
	enum { SMALL = 8 }; /* buffers of 256 bytes that share a page */
	struct stage s;
	stage_start(&s, 0);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		s.memory.pool, 1024, SMALL, SMALL, SMALL * 4, WL_SHM_FORMAT_XRGB8888);
	camera_shoot(&s.guest, buffer);
	struct wl_shm_buffer *served = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(served);
	memset(wl_shm_buffer_get_data(served), 0x55, SMALL * SMALL * 4);
	s.picture.pixels[255] = s.picture.pixels[256 + SMALL * SMALL] = CLIENT;
	wl_shm_buffer_end_access(served);
	assert_file_is(&s, 255, 1, CLIENT);
	assert_file_is(&s, 256, SMALL * SMALL, SHOT);
	assert_file_is(&s, 256 + SMALL * SMALL, 1, CLIENT);
	wl_buffer_destroy(buffer);
	stage_stop(&s);
}
END_TEST

START_TEST(access_without_stores_writes_nothing)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(buffer);
	picture_fill(&s.picture, CLIENT);
	wl_shm_buffer_end_access(buffer);
	assert_file_is(&s, 0, SIDE * SIDE, CLIENT);
	stage_stop(&s);
}
END_TEST

START_TEST(stores_of_nested_accesses_arrive_with_the_last_end)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(buffer);
	draw(buffer, 0, 100);
	draw(buffer, 100, 100);
	wl_shm_buffer_end_access(buffer);
	assert_file_is(&s, 0, 200, SHOT);
	assert_file_is(&s, 200, 100, OLD);
	stage_stop(&s);
}
END_TEST

START_TEST(second_screenshot_replaces_the_first)
{
	struct stage s;
	stage_start(&s, 0);
	for (int i = 0; i < 3; i++) {
		camera_shoot(&s.guest, s.picture.buffer);
		draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
		assert_file_is(&s, 0, SIDE * SIDE, SHOT);
		picture_fill(&s.picture, CLIENT);
	}
	stage_stop(&s);
}
END_TEST

/* A store to a buffer on a surface is a compositor's mistake, and not the client's to suffer. */
START_TEST(buffer_that_was_only_shown_is_never_written)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	show_all(&s.guest, surface, &s.picture);
	draw(s.picture.served, 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, OLD);
	wl_surface_destroy(surface);
	stage_stop(&s);
}
END_TEST

/* Shown again after a screenshot, it is only shown. */
START_TEST(buffer_that_is_shown_after_its_screenshot_is_never_written_again)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	camera_shoot(&s.guest, s.picture.buffer);
	draw(s.picture.served, 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	picture_fill(&s.picture, CLIENT);
	show_all(&s.guest, surface, &s.picture);
	draw(s.picture.served, 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, CLIENT);
	camera_shoot(&s.guest, s.picture.buffer);
	draw(s.picture.served, 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	wl_surface_destroy(surface);
	stage_stop(&s);
}
END_TEST

/* It is paid for while it can be stored to, and not for life. */
START_TEST(buffer_that_is_shown_after_its_screenshot_costs_what_has_changed)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	camera_shoot(&s.guest, s.picture.buffer);
	draw(s.picture.served, 0, SIDE * SIDE);
	show_all(&s.guest, surface, &s.picture);
	draw(s.picture.served, 0, 1);
	for (int i = 0; i < 3; i++) {
		const uint64_t before = bytes_copied();
		show(&s.guest, surface, &s.picture, i, 0, 1, 1);
		assert_all_pixels(s.picture.served, SHOT);
		ck_assert_uint_le(bytes_copied() - before, 16);
	}
	wl_surface_destroy(surface);
	stage_stop(&s);
}
END_TEST

START_TEST(screenshot_of_what_was_shown_reaches_a_client_that_has_cleared_it)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	picture_fill(&s.picture, SHOT);
	show_all(&s.guest, surface, &s.picture);
	assert_all_pixels(s.picture.served, SHOT);
	picture_fill(&s.picture, CLIENT);
	camera_shoot(&s.guest, s.picture.buffer);
	draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	wl_surface_destroy(surface);
	stage_stop(&s);
}
END_TEST

START_TEST(screenshot_is_shown_afterwards)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	show_all(&s.guest, surface, &s.picture);
	assert_all_pixels(s.picture.served, SHOT);
	wl_surface_destroy(surface);
	stage_stop(&s);
}
END_TEST

START_TEST(screenshot_into_a_file_that_was_cut_is_an_error)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	memory_cut(&s.memory, 0);
	draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	ck_assert_int_eq(lseek(s.memory.fd, 0, SEEK_END), 0); /* and it has not grown */
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	guest_leave(&s.guest);
	world_stop(&s.world);
}
END_TEST

/* The kernel lets a client seal a file that somebody has mapped for writing, against others. */
START_TEST(screenshot_that_does_not_reach_its_file_is_an_error)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	ck_assert_int_eq(fcntl(s.memory.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	draw(wl_shm_buffer_get(s.world.shot), 0, SIDE * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, OLD);
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	guest_leave(&s.guest);
	world_stop(&s.world);
}
END_TEST

/* ---- A recorder, of which each picture is drawn whole ---- */

static void record(struct stage *s, uint32_t colour)
{
	recorder_shoot(&s->guest, s->picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s->world.shot);
	uint32_t *pixels = wl_shm_buffer_get_data(buffer); /* wlroots asks before it begins */
	wl_shm_buffer_begin_access(buffer);
	ck_assert_ptr_eq(wl_shm_buffer_get_data(buffer), pixels);
	for (int i = 0; i < SIDE * SIDE; i++)
		pixels[i] = colour;
	wl_shm_buffer_end_access(buffer);
}

/* What a recorder has in its buffers are the pictures before. */
START_TEST(recorder_that_uses_its_buffer_again_has_nothing_read_of_it)
{
	struct stage s;
	stage_start(&s, 0);
	record(&s, SHOT);
	for (uint32_t i = 0; i < 4; i++) {
		const uint64_t before = bytes_copied();
		record(&s, i);
		ck_assert_uint_le(bytes_copied() - before, 16);
		assert_file_is(&s, 0, SIDE * SIDE, i);
	}
	stage_stop(&s);
}
END_TEST

START_TEST(same_picture_once_more_reaches_a_recorder_that_has_cleared_its_buffer)
{
	struct stage s;
	stage_start(&s, 0);
	for (int i = 0; i < 3; i++) {
		record(&s, SHOT);
		assert_file_is(&s, 0, SIDE * SIDE, SHOT);
		picture_fill(&s.picture, CLIENT);
	}
	stage_stop(&s);
}
END_TEST

START_TEST(black_picture_reaches_a_recorder_whose_file_was_a_hole)
{
	struct stage s;
	stage_start(&s, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fallocate(s.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					 0, BYTES),
			0);
		record(&s, 0);
		assert_file_is(&s, 0, SIDE * SIDE, 0);
		record(&s, SHOT);
		assert_file_is(&s, 0, SIDE * SIDE, SHOT);
		record(&s, 0);
		assert_file_is(&s, 0, SIDE * SIDE, 0);
	}
	stage_stop(&s);
}
END_TEST

START_TEST(picture_that_a_recorder_does_not_get_changes_nothing)
{
	struct stage s;
	stage_start(&s, 0);
	record(&s, SHOT);
	picture_fill(&s.picture, CLIENT);
	recorder_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(buffer);
	wl_shm_buffer_end_access(buffer);
	assert_file_is(&s, 0, SIDE * SIDE, CLIENT);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	show_all(&s.guest, surface, &s.picture);
	assert_all_pixels(s.picture.served, CLIENT);
	wl_surface_destroy(surface);
	stage_stop(&s);
}
END_TEST

/* Against its protocol; but no mark of ours may be in the file then. */
START_TEST(picture_that_ends_half_way_is_what_was_drawn_and_what_was_there)
{
	struct stage s;
	stage_start(&s, 0);
	record(&s, SHOT);
	recorder_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(buffer);
	uint32_t *pixels = wl_shm_buffer_get_data(buffer);
	for (int page = 0; page < 2; page++)
		for (int i = 0; i < 1000; i++)
			pixels[page * 1024 + 24 + i] = OLD;
	wl_shm_buffer_end_access(buffer);
	for (int page = 0; page < 2; page++) {
		assert_file_is(&s, page * 1024, 24, SHOT);
		assert_file_is(&s, page * 1024 + 24, 1000, OLD);
	}
	assert_file_is(&s, 2048, SIDE * SIDE - 2048, SHOT);
	stage_stop(&s);
}
END_TEST

/* Whoever draws only a part leaves the rest as the client has it. */
START_TEST(buffer_of_a_recorder_that_is_given_to_a_camera_too_is_read_first)
{
	struct stage s;
	stage_start(&s, 0);
	record(&s, SHOT);
	picture_fill(&s.picture, CLIENT);
	camera_shoot(&s.guest, s.picture.buffer);
	recorder_shoot(&s.guest, s.picture.buffer);
	draw(wl_shm_buffer_get(s.world.shot), 1, 1);
	assert_file_is(&s, 0, 1, CLIENT);
	assert_file_is(&s, 1, 1, SHOT);
	assert_file_is(&s, 2, 1022, CLIENT);
	stage_stop(&s);
}
END_TEST

/* Two buffers side by side have the bytes between each other's rows. */
START_TEST(picture_beside_that_of_a_recorder_is_the_clients)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_buffer *left = wl_shm_pool_create_buffer(
		s.memory.pool, 0, SIDE / 2, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
	for (uint32_t n = 0; n < 3; n++) {
		picture_fill(&s.picture, CLIENT + n);
		recorder_shoot(&s.guest, left);
		struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
		wl_shm_buffer_begin_access(buffer);
		uint32_t *pixels = wl_shm_buffer_get_data(buffer);
		for (int i = 0; i < SIDE * SIDE; i++)
			if (i % SIDE < SIDE / 2)
				pixels[i] = SHOT + n;
		wl_shm_buffer_end_access(buffer);
		for (int y = 0; y < SIDE; y++) {
			assert_file_is(&s, y * SIDE, SIDE / 2, SHOT + n);
			assert_file_is(&s, y * SIDE + SIDE / 2, SIDE / 2, CLIENT + n);
		}
	}
	wl_buffer_destroy(left);
	stage_stop(&s);
}
END_TEST

START_TEST(recorder_that_has_cut_its_file_gets_an_error_and_no_picture)
{
	struct stage s;
	stage_start(&s, 0);
	record(&s, SHOT);
	memory_cut(&s.memory, 0);
	record(&s, SHOT);
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	ck_assert_int_eq(lseek(s.memory.fd, 0, SEEK_END), 0);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	guest_leave(&s.guest);
	world_stop(&s.world);
}
END_TEST

/* Each is told when the picture is there, and it is. */
START_TEST(two_screenshots_into_one_buffer_both_arrive)
{
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	recorder_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	draw(buffer, 0, SIDE); /* where it is not of libwayland, each drawing is answered */
	assert_file_is(&s, 0, SIDE, SHOT);
	assert_file_is(&s, SIDE, (SIDE - 1) * SIDE, OLD);
	draw(buffer, SIDE, (SIDE - 1) * SIDE);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	stage_stop(&s);
}
END_TEST

static void *draw_elsewhere(void *buffer)
{
	draw(buffer, 0, SIDE * SIDE);
	return NULL;
}

/* As by a renderer's thread: the client must not hear of a picture that it has not got. */
START_TEST(stores_of_a_thread_that_do_not_reach_their_file_are_an_error_before_ready)
{
	pthread_t renderer;
	struct stage s;
	stage_start(&s, 0);
	camera_shoot(&s.guest, s.picture.buffer);
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s.world.shot);
	wl_shm_buffer_begin_access(buffer);
	munmap(s.memory.pixels, s.memory.length);
	ck_assert_int_eq(fcntl(s.memory.fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	wl_shm_buffer_end_access(buffer);
	ck_assert_int_eq(pthread_create(&renderer, NULL, draw_elsewhere, buffer), 0);
	pthread_join(renderer, NULL);
	camera_answer();
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	s.memory.pixels = mmap(NULL, s.memory.length, PROT_READ, MAP_SHARED, s.memory.fd, 0);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	guest_leave(&s.guest);
	world_stop(&s.world);
}
END_TEST

#define LARGE_SIDE  1024
#define LARGE_BYTES ((uint64_t)LARGE_SIDE * LARGE_SIDE * 4)

/* A client's surface whose picture it gives to cameras too. */
struct double_use {
	struct wl_surface *surface;
	struct memory memory;
	struct wl_buffer *buffer;
	struct wl_shm_buffer *served;
};

static void double_use_start(struct double_use *use, struct stage *s)
{
	stage_start(s, 0);
	use->surface = wl_compositor_create_surface(s->guest.compositor);
	memory_create(&use->memory, &s->guest, LARGE_BYTES, 0);
	memset(use->memory.pixels, 0x11, LARGE_BYTES);
	use->buffer = wl_shm_pool_create_buffer(use->memory.pool, 0, LARGE_SIDE, LARGE_SIDE,
		LARGE_SIDE * 4, WL_SHM_FORMAT_XRGB8888);
	wl_surface_attach(use->surface, use->buffer, 0, 0);
	wl_surface_damage_buffer(use->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(use->surface);
	exchange(&s->guest);
	use->served = served_buffer(&s->guest, use->buffer);
	(void)pixel_at(use->served, 0, 0);
}

static void double_use_stop(struct double_use *use, struct stage *s)
{
	wl_surface_destroy(use->surface);
	wl_buffer_destroy(use->buffer);
	memory_destroy(&use->memory);
	stage_stop(s);
}

/* All of it would be read and summed up with each frame. */
START_TEST(buffer_that_is_shown_and_given_to_a_camera_is_read_within_the_allowance)
{
	enum { FRAMES = 200 };
	struct stage s;
	struct double_use use;
	double_use_start(&use, &s);
	camera_shoot(&s.guest, use.buffer);
	const uint64_t before = bytes_copied();
	for (unsigned i = 0; i < FRAMES; i++)
		ck_assert_uint_eq(pixel_at(use.served, 1, 1), OLD);
	ck_assert_uint_lt(bytes_copied() - before, FRAMES / 2 * LARGE_BYTES);
	camera_answer(); /* of a picture that may not be there */
	assert_error(&s.guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	wl_surface_destroy(use.surface);
	wl_buffer_destroy(use.buffer);
	memory_destroy(&use.memory);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	guest_leave(&s.guest);
	world_stop(&s.world);
}
END_TEST

START_TEST(commit_of_a_shown_buffer_ends_its_screenshot)
{
	struct stage s;
	struct double_use use;
	double_use_start(&use, &s);
	for (uint32_t i = 1; i <= 10; i++) {
		camera_shoot(&s.guest, use.buffer);
		use.memory.pixels[0] = i;
		wl_surface_damage_buffer(use.surface, 0, 0, 1, 1);
		wl_surface_commit(use.surface);
		exchange(&s.guest);
		const uint64_t before = bytes_copied();
		ck_assert_uint_eq(pixel_at(use.served, 0, 0), i);
		ck_assert_uint_lt(bytes_copied() - before, LARGE_BYTES / 2);
	}
	double_use_stop(&use, &s);
}
END_TEST

static TCase *stores(void)
{
	TCase *tcase = tcase_create("stores");
	tcase_add_loop_test(tcase, screenshot_reaches_the_client, 0, 2);
	tcase_add_test(tcase, screenshot_into_a_hole_reaches_the_client);
	add_of_libwayland(tcase, screenshot_into_fresh_memory_reads_nothing);
	tcase_add_test(tcase, only_pages_stored_to_are_written);
	tcase_add_test(tcase, neighbours_in_the_pool_are_not_written);
	tcase_add_test(tcase, access_without_stores_writes_nothing);
	tcase_add_test(tcase, stores_of_nested_accesses_arrive_with_the_last_end);
	tcase_add_test(tcase, second_screenshot_replaces_the_first);
	tcase_add_test(tcase, buffer_that_was_only_shown_is_never_written);
	tcase_add_test(tcase, buffer_that_is_shown_after_its_screenshot_is_never_written_again);
	add_of_libwayland(tcase, buffer_that_is_shown_after_its_screenshot_costs_what_has_changed);
	tcase_add_test(tcase, screenshot_of_what_was_shown_reaches_a_client_that_has_cleared_it);
	tcase_add_test(tcase, screenshot_is_shown_afterwards);
	tcase_add_test(tcase, screenshot_into_a_file_that_was_cut_is_an_error);
	tcase_add_test(tcase, screenshot_that_does_not_reach_its_file_is_an_error);
	tcase_add_test(tcase, recorder_that_uses_its_buffer_again_has_nothing_read_of_it);
	tcase_add_test(
		tcase, same_picture_once_more_reaches_a_recorder_that_has_cleared_its_buffer);
	tcase_add_test(tcase, black_picture_reaches_a_recorder_whose_file_was_a_hole);
	add_of_libwayland(tcase, picture_that_a_recorder_does_not_get_changes_nothing);
	add_of_libwayland(tcase, picture_that_ends_half_way_is_what_was_drawn_and_what_was_there);
	add_of_libwayland(tcase, buffer_of_a_recorder_that_is_given_to_a_camera_too_is_read_first);
	tcase_add_test(tcase, picture_beside_that_of_a_recorder_is_the_clients);
	tcase_add_test(tcase, recorder_that_has_cut_its_file_gets_an_error_and_no_picture);
	tcase_add_test(tcase, two_screenshots_into_one_buffer_both_arrive);
	add_of_libwayland(
		tcase, stores_of_a_thread_that_do_not_reach_their_file_are_an_error_before_ready);
	add_of_libwayland(
		tcase, buffer_that_is_shown_and_given_to_a_camera_is_read_within_the_allowance);
	add_of_libwayland(tcase, commit_of_a_shown_buffer_ends_its_screenshot);
	return tcase;
}

RUNNER_MAIN("stores", stores)

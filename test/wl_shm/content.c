/* SPDX-License-Identifier: MIT */
/* What a compositor reads, and when it changes. */
#include "copied.h"
#include "world.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OLD	0x11111111u
#define NEW	0x22222222u
#define NEWEST	0x33333333u
#define MAX_I32 INT32_MAX

/* A client with a surface and two pictures, each in memory of its own. */
struct scene {
	struct world world;
	struct guest guest;
	struct wl_surface *surface;
	struct memory memory[2];
	struct picture a, b;
};

static void scene_start(struct scene *s)
{
	world_start(&s->world);
	guest_join(&s->guest, &s->world);
	s->surface = wl_compositor_create_surface(s->guest.compositor);
	picture_create_alone(&s->a, &s->memory[0], &s->guest, OLD);
	picture_create_alone(&s->b, &s->memory[1], &s->guest, OLD);
}

static void scene_stop(struct scene *s)
{
	assert_no_error(&s->guest);
	wl_surface_destroy(s->surface);
	wl_buffer_destroy(s->a.buffer);
	wl_buffer_destroy(s->b.buffer);
	memory_destroy(&s->memory[0]);
	memory_destroy(&s->memory[1]);
	guest_leave(&s->guest);
	world_stop(&s->world);
}

/* ---- Between commits ---- */

START_TEST(content_stays_as_committed)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	assert_all_pixels(s.a.served, OLD);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, NEW);
	scene_stop(&s);
}
END_TEST

START_TEST(content_not_yet_read_is_filled_whole_at_the_first_access)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	ck_assert_uint_eq(pixel_at(s.a.served, 0, 0), OLD);
	picture_fill(&s.a, NEW);
	assert_all_pixels(s.a.served, OLD);
	scene_stop(&s);
}
END_TEST

START_TEST(attach_without_commit_changes_nothing)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_attach(s.surface, s.a.buffer, 0, 0);
	wl_surface_damage_buffer(s.surface, 0, 0, MAX_I32, MAX_I32);
	exchange(&s.guest);
	assert_all_pixels(s.a.served, OLD);
	scene_stop(&s);
}
END_TEST

START_TEST(access_under_way_is_not_disturbed_by_a_commit)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	wl_shm_buffer_begin_access(s.a.served);
	volatile const uint32_t *data = wl_shm_buffer_get_data(s.a.served);
	ck_assert_uint_eq(data[0], OLD);
	picture_fill(&s.a, NEW);
	show_all(&s.guest, s.surface, &s.a);
	ck_assert_uint_eq(data[0], OLD);
	wl_shm_buffer_end_access(s.a.served);
	assert_all_pixels(s.a.served, NEW);
	scene_stop(&s);
}
END_TEST

/* As for libwayland: it shows each reader the client's own memory. */
START_TEST(second_reader_sees_what_was_committed_since_the_first_began)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	wl_shm_buffer_begin_access(s.a.served);
	volatile const uint32_t *data = wl_shm_buffer_get_data(s.a.served);
	ck_assert_uint_eq(data[0], OLD);
	picture_fill(&s.a, NEW);
	show_all(&s.guest, s.surface, &s.a);
	ck_assert_uint_eq(pixel_at(s.a.served, 0, 0), NEW);
	ck_assert_uint_eq(data[0], NEW);
	wl_shm_buffer_end_access(s.a.served);
	scene_stop(&s);
}
END_TEST

START_TEST(picture_shown_before_stays_while_another_is_shown)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	show_all(&s.guest, s.surface, &s.b);
	picture_fill(&s.a, NEW);
	assert_all_pixels(s.a.served, OLD);
	scene_stop(&s);
}
END_TEST

/* ---- Damage ---- */

/* Of @picture, all of which is NEW in the file and OLD in the compositor: only the rectangle came
 * over. A margin of pixels around it may have. */
static void assert_only_changed(
	struct wl_shm_buffer *buffer, int x1, int y1, int x2, int y2, int margin)
{
	wl_shm_buffer_begin_access(buffer);
	const uint32_t *pixels = wl_shm_buffer_get_data(buffer);
	for (int y = 0; y < SIDE; y++) {
		for (int x = 0; x < SIDE; x++) {
			const uint32_t pixel = pixels[y * SIDE + x];
			if (x >= x1 && x < x2 && y >= y1 && y < y2)
				ck_assert_msg(pixel == NEW, "%d,%d was not brought", x, y);
			else if (x < x1 - margin || x >= x2 + margin || y < y1 - margin ||
				 y >= y2 + margin)
				ck_assert_msg(pixel == OLD, "%d,%d was brought", x, y);
		}
	}
	wl_shm_buffer_end_access(buffer);
}

/* Rows so long that the gaps between them are not worth copying: tests of what is not copied. */
#define WIDE_STRIDE (SIDE * 4 + 8192)

static void picture_create_wide(struct picture *picture, struct memory *memory, struct guest *guest)
{
	memory_create(memory, guest, (size_t)SIDE * WIDE_STRIDE, 0);
	*picture = (struct picture){
		.memory = memory,
		.pixels = memory->pixels,
		.buffer = wl_shm_pool_create_buffer(
			memory->pool, 0, SIDE, SIDE, WIDE_STRIDE, WL_SHM_FORMAT_XRGB8888),
	};
	exchange(guest);
	picture->served = served_buffer(guest, picture->buffer);
}

START_TEST(only_damaged_pixels_are_copied)
{
	struct scene s;
	struct memory memory;
	struct picture wide;
	scene_start(&s);
	picture_create_wide(&wide, &memory, &s.guest);
	show_all(&s.guest, s.surface, &wide);
	ck_assert_uint_eq(pixel_at(wide.served, 0, 0), 0);
	memset(memory.pixels, 0x22, memory.length);
	show(&s.guest, s.surface, &wide, 10, 20, 30, 5);
	for (int y = 0; y < SIDE; y++) {
		for (int x = 0; x < SIDE; x++) {
			const bool is_in = x >= 10 && x < 40 && y >= 20 && y < 25;
			ck_assert_uint_eq(pixel_at(wide.served, x, y), is_in ? NEW : 0);
		}
	}
	wl_buffer_destroy(wide.buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* Rows lie close together: a rectangle comes over as whole rows. */
START_TEST(rows_without_damage_are_not_copied)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	show(&s.guest, s.surface, &s.a, 0, 20, SIDE, 5);
	assert_only_changed(s.a.served, 0, 20, SIDE, 25, 0);
	scene_stop(&s);
}
END_TEST

START_TEST(damage_of_a_commit_without_attach_is_copied)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_damage_buffer(s.surface, 0, 8, SIDE, 8);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	assert_only_changed(s.a.served, 0, 8, SIDE, 16, 0);
	scene_stop(&s);
}
END_TEST

START_TEST(attach_without_damage_is_a_new_picture)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_attach(s.surface, s.a.buffer, 0, 0);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	assert_all_pixels(s.a.served, NEW);
	scene_stop(&s);
}
END_TEST

START_TEST(buffer_gets_what_it_missed_while_another_was_shown)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	show_all(&s.guest, s.surface, &s.b);
	assert_all_pixels(s.b.served, OLD);
	/* Rows 0 to 7 change while b is shown, rows 8 to 15 when a comes back. */
	show(&s.guest, s.surface, &s.b, 0, 0, SIDE, 8);
	picture_fill(&s.a, NEW);
	show(&s.guest, s.surface, &s.a, 0, 8, SIDE, 8);
	ck_assert_uint_eq(pixel_at(s.a.served, 0, 0), NEW);
	ck_assert_uint_eq(pixel_at(s.a.served, 0, 15), NEW);
	scene_stop(&s);
}
END_TEST

START_TEST(buffer_gets_what_it_missed_while_none_was_shown)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	show_all(&s.guest, s.surface, &s.b);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	show(&s.guest, s.surface, &s.b, 0, 40, SIDE, 1);
	wl_buffer_destroy(s.b.buffer);
	wl_surface_damage_buffer(s.surface, 0, 0, SIDE, 8);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	picture_fill(&s.a, NEW);
	show(&s.guest, s.surface, &s.a, 0, 8, SIDE, 8);
	ck_assert_uint_eq(pixel_at(s.a.served, 0, 0), NEW);
	picture_create(&s.b, &s.guest, &s.memory[1], 0); /* for the end of the test */
	scene_stop(&s);
}
END_TEST

START_TEST(many_buffers_take_turns)
{
	enum { N = 7 };
	struct scene s;
	struct memory memories[N];
	struct picture pictures[N];
	scene_start(&s);
	for (unsigned i = 0; i < N; i++)
		picture_create_alone(&pictures[i], &memories[i], &s.guest, OLD);
	for (unsigned i = 0; i < 5 * N; i++) {
		/* Each commit paints one row more. */
		struct picture *now = &pictures[i % (N - i / N)];
		for (unsigned row = 0; row <= i; row++) {
			for (unsigned x = 0; x < SIDE; x++)
				now->pixels[row * SIDE + x] = NEW;
		}
		show(&s.guest, s.surface, now, 0, (int)i, SIDE, 1);
		for (int row = 0; row <= (int)i; row++)
			ck_assert_uint_eq(pixel_at(now->served, 5, row), NEW);
	}
	for (unsigned i = 0; i < N; i++) {
		wl_buffer_destroy(pictures[i].buffer);
		memory_destroy(&memories[i]);
	}
	scene_stop(&s);
}
END_TEST

START_TEST(buffer_shown_on_two_surfaces_is_new_on_each)
{
	struct scene s;
	scene_start(&s);
	struct wl_surface *other = wl_compositor_create_surface(s.guest.compositor);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	show(&s.guest, other, &s.a, 0, 0, 1, 1);
	assert_all_pixels(s.a.served, NEW);
	picture_fill(&s.a, NEWEST);
	show(&s.guest, s.surface, &s.a, 0, 0, 1, 1);
	assert_all_pixels(s.a.served, NEWEST);
	wl_surface_destroy(other);
	scene_stop(&s);
}
END_TEST

START_TEST(damage_on_a_surface_is_scaled)
{
	struct scene s;
	scene_start(&s);
	wl_surface_set_buffer_scale(s.surface, 2);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_damage(s.surface, 0, 10, SIDE / 2, 3);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	assert_only_changed(s.a.served, 0, 20, SIDE, 26, 0);
	scene_stop(&s);
}
END_TEST

START_TEST(damage_on_a_surface_is_turned)
{
	struct scene s;
	scene_start(&s);
	wl_surface_set_buffer_transform(s.surface, WL_OUTPUT_TRANSFORM_180);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_damage(s.surface, 0, 0, SIDE, 4);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	assert_only_changed(s.a.served, 0, SIDE - 4, SIDE, SIDE, 0);
	scene_stop(&s);
}
END_TEST

START_TEST(damage_on_a_surface_goes_through_its_viewport)
{
	struct scene s;
	scene_start(&s);
	struct wl_proxy *viewport = viewport_create(&s.guest, s.surface);
	viewport_set_source(viewport, 0, 32, SIDE, 16);
	viewport_set_destination(viewport, SIDE * 2, 32);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_damage(s.surface, 0, 8, SIDE * 2, 8); /* rows 32 + 4 to 32 + 8 */
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	assert_only_changed(s.a.served, 0, 36, SIDE, 40, 1);
	wl_proxy_destroy(viewport);
	scene_stop(&s);
}
END_TEST

/* Which viewport is whose: they are made in one message, and used in another order. */
START_TEST(each_viewport_is_of_its_own_surface)
{
	enum { N = 3 };
	struct scene s;
	struct wl_surface *surfaces[N];
	struct wl_proxy *viewports[N];
	scene_start(&s);
	for (int i = 0; i < N; i++) {
		surfaces[i] = wl_compositor_create_surface(s.guest.compositor);
		viewports[i] = viewport_create(&s.guest, surfaces[i]);
	}
	wl_surface_destroy(surfaces[0]); /* the viewport is left without */
	viewport_set_destination(viewports[0], 1, 1);
	viewport_set_destination(viewports[2], SIDE, 2 * SIDE);
	viewport_set_destination(viewports[1], SIDE, SIDE);
	for (int i = 1; i < N; i++) {
		struct picture *picture = i == 1 ? &s.a : &s.b;
		show_all(&s.guest, surfaces[i], picture);
		assert_all_pixels(picture->served, OLD);
		picture_fill(picture, NEW);
		wl_surface_damage(surfaces[i], 0, 9, SIDE, 6);
		wl_surface_commit(surfaces[i]);
	}
	exchange(&s.guest);
	assert_only_changed(s.a.served, 0, 9, SIDE, 15, 1);
	assert_only_changed(s.b.served, 0, 5, SIDE, 7, 1);
	for (int i = 0; i < N; i++)
		wl_proxy_destroy(viewports[i]);
	wl_surface_destroy(surfaces[1]);
	wl_surface_destroy(surfaces[2]);
	scene_stop(&s);
}
END_TEST

START_TEST(everything_is_new_when_the_viewport_moves)
{
	struct scene s;
	scene_start(&s);
	struct wl_proxy *viewport = viewport_create(&s.guest, s.surface);
	viewport_set_source(viewport, 0, 0, SIDE, 16);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	viewport_set_source(viewport, 0, 32, SIDE, 16);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	assert_all_pixels(s.a.served, NEW);
	wl_proxy_destroy(viewport);
	scene_stop(&s);
}
END_TEST

START_TEST(everything_is_new_when_the_scale_changes)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	wl_surface_set_buffer_scale(s.surface, 2);
	show(&s.guest, s.surface, &s.a, 0, 0, 1, 1);
	assert_all_pixels(s.a.served, NEW);
	scene_stop(&s);
}
END_TEST

/* ---- Who reads how ---- */

static void read_through_pointer(struct canvas *canvas)
{
	volatile const uint32_t **data = canvas->world->data;
	if (!*data)
		*data = wl_shm_buffer_get_data(wl_shm_buffer_get(canvas->attached));
}

START_TEST(pointer_kept_from_the_first_commit_sees_each_later_one)
{
	struct scene s;
	volatile const uint32_t *data = NULL;
	scene_start(&s);
	s.world.on_commit = read_through_pointer;
	s.world.data = &data;
	show_all(&s.guest, s.surface, &s.a);
	ck_assert_uint_eq(data[0], OLD);
	picture_fill(&s.a, NEW);
	ck_assert_uint_eq(data[SIDE * SIDE - 1], OLD);
	show_all(&s.guest, s.surface, &s.a);
	ck_assert_uint_eq(data[SIDE * SIDE - 1], NEW);
	scene_stop(&s);
}
END_TEST

START_TEST(buffer_never_shown_is_read_anew_at_each_access)
{
	struct scene s;
	scene_start(&s);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	assert_all_pixels(s.a.served, NEW);
	scene_stop(&s);
}
END_TEST

/* A hundred commits in one message: what was not affordable at once is there at the access. */
START_TEST(flood_of_commits_ends_in_the_last_picture)
{
	enum { LARGE = 4096 };
	struct scene s;
	struct memory memory;
	scene_start(&s);
	memory_create(&memory, &s.guest, (size_t)LARGE * LARGE, 0);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, 0, LARGE / 4, LARGE, LARGE, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	volatile const uint32_t *data = wl_shm_buffer_get_data(served);
	ck_assert_uint_eq(data[0], 0);

	memset(memory.pixels, 0x22, memory.length);
	for (int i = 0; i < 100; i++) {
		wl_surface_attach(s.surface, buffer, 0, 0);
		wl_surface_damage_buffer(s.surface, 0, 0, MAX_I32, MAX_I32);
		wl_surface_commit(s.surface);
	}
	exchange(&s.guest);
	ck_assert_uint_eq(pixel_at(served, LARGE / 4 - 1, LARGE - 1), NEW);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* As wlroots does, which makes a texture of it, and reads later or never. */
static void begin_and_end(struct canvas *canvas)
{
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(canvas->attached);
	wl_shm_buffer_begin_access(buffer);
	wl_shm_buffer_get_data(buffer);
	wl_shm_buffer_end_access(buffer);
}

START_TEST(flood_of_commits_that_are_each_begun_and_ended_is_copied_now_and_then)
{
	enum { LARGE = 4096, BYTES_EACH = LARGE * LARGE, N = 40 };
	struct scene s;
	struct memory memory;
	scene_start(&s);
	memory_create(&memory, &s.guest, BYTES_EACH, 0);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, 0, LARGE / 4, LARGE, LARGE, WL_SHM_FORMAT_XRGB8888);
	memset(memory.pixels, 0x22, memory.length);
	exchange(&s.guest);
	s.world.on_commit = begin_and_end;
	const uint64_t before = bytes_copied();
	for (int i = 0; i < N; i++) {
		wl_surface_attach(s.surface, buffer, 0, 0);
		wl_surface_damage_buffer(s.surface, 0, 0, MAX_I32, MAX_I32);
		wl_surface_commit(s.surface);
	}
	exchange(&s.guest);
	const uint64_t copied = bytes_copied() - before;
	ck_assert(runner_is_eager() || copied < (uint64_t)N / 2 * BYTES_EACH);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	ck_assert_uint_eq(pixel_at(served, LARGE / 4 - 1, LARGE - 1), NEW);
	ck_assert_uint_eq(pixel_at(served, 0, 0), NEW);

	/* And it is forgiven: what comes next is copied, and stays as it was committed. */
	usleep(200000);
	turn(&s.world);
	memset(memory.pixels, 0x33, memory.length);
	wl_surface_attach(s.surface, buffer, 0, 0);
	wl_surface_damage_buffer(s.surface, 0, 0, MAX_I32, MAX_I32);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	memset(memory.pixels, 0x44, memory.length);
	ck_assert_uint_eq(pixel_at(served, 0, 0), 0x33333333u);
	ck_assert_uint_eq(pixel_at(served, LARGE / 4 - 1, LARGE - 1), 0x33333333u);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* Two pictures of 20 MiB, both read by the pointer: together too much for one period. */
struct pair {
	struct memory memories[2];
	struct picture pictures[2];
	struct wl_surface *surfaces[2];
	const volatile uint32_t *data[2];
};
#define LARGE_SIDE  2304
#define LARGE_BYTES ((size_t)LARGE_SIDE * LARGE_SIDE * 4)

static void pair_start(struct pair *pair, struct guest *guest)
{
	for (unsigned i = 0; i < 2; i++) {
		struct picture *picture = &pair->pictures[i];
		memory_create(&pair->memories[i], guest, LARGE_BYTES, 0);
		memset(pair->memories[i].pixels, 0x11, LARGE_BYTES);
		picture->buffer = wl_shm_pool_create_buffer(pair->memories[i].pool, 0, LARGE_SIDE,
			LARGE_SIDE, LARGE_SIDE * 4, WL_SHM_FORMAT_XRGB8888);
		exchange(guest);
		picture->served = served_buffer(guest, picture->buffer);
		pair->surfaces[i] = wl_compositor_create_surface(guest->compositor);
		show_all(guest, pair->surfaces[i], picture);
		pair->data[i] = wl_shm_buffer_get_data(picture->served);
	}
}

/* Both at once. */
static void pair_commit(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		memset(pair->memories[i].pixels, 0x22, LARGE_BYTES);
		wl_surface_damage_buffer(pair->surfaces[i], 0, 0, MAX_I32, MAX_I32);
		wl_surface_commit(pair->surfaces[i]);
	}
}

static void pair_stop(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		wl_surface_destroy(pair->surfaces[i]);
		if (pair->pictures[i].buffer)
			wl_buffer_destroy(pair->pictures[i].buffer);
		memory_destroy(&pair->memories[i]);
	}
}

/* The second before the first, if that had to wait for what others owe. */
static bool pair_has_come(const struct pair *pair)
{
	return pair->data[0][0] == NEW && pair->data[0][LARGE_BYTES / 4 - 1] == NEW &&
	       pair->data[1][0] == NEW && pair->data[1][LARGE_BYTES / 4 - 1] == NEW;
}

START_TEST(what_was_too_much_at_once_comes_without_another_commit)
{
	struct scene s;
	struct pair pair;
	scene_start(&s);
	pair_start(&pair, &s.guest);
	pair_commit(&pair);
	exchange(&s.guest);
	for (int i = 0; i < 1000 && !pair_has_come(&pair); i++) {
		usleep(5000);
		turn(&s.world);
	}
	ck_assert(pair_has_come(&pair));
	pair_stop(&pair);
	scene_stop(&s);
}
END_TEST

/* As wlroots does, which then reads as long as the surface shows it. */
static void on_destroy_keep_pool(struct wl_listener *listener, void *data)
{
	(void)listener;
	wl_shm_buffer_ref_pool(wl_shm_buffer_get(data));
}

START_TEST(what_was_too_much_at_once_is_there_when_the_buffer_goes)
{
	struct scene s;
	struct pair pair;
	struct wl_listener listener = { .notify = on_destroy_keep_pool };
	scene_start(&s);
	pair_start(&pair, &s.guest);
	wl_resource_add_destroy_listener(
		wl_client_get_object(s.guest.client,
			wl_proxy_get_id((struct wl_proxy *)pair.pictures[1].buffer)),
		&listener);
	pair_commit(&pair);
	wl_buffer_destroy(pair.pictures[1].buffer);
	pair.pictures[1].buffer = NULL;
	exchange(&s.guest);
	size_t n = 0; /* an assertion for each would take long */
	while (n < LARGE_BYTES / 4 && pair.data[1][n] == NEW)
		n++;
	ck_assert_uint_eq(n, LARGE_BYTES / 4);
	pair_stop(&pair);
	scene_stop(&s);
}
END_TEST

enum { N_CONNECTIONS = 8, N_PROGRAMS = 16, LARGE_ROWS = 5120 }; /* 20 MiB each: of 32 only one */

struct large {
	struct guest guest;
	struct wl_surface *surface;
	struct memory memory;
	struct picture picture;
	const volatile uint32_t *data;
};

static void large_show(struct large *large, uint32_t colour)
{
	large->memory.pixels[0] = colour; /* the rest is a hole, which takes no time */
	wl_surface_attach(large->surface, large->picture.buffer, 0, 0);
	wl_surface_damage_buffer(large->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(large->surface);
	wl_display_flush(large->guest.connection);
}

static void large_start(struct large *large, struct world *world, const int sockets[2])
{
	guest_join_by(&large->guest, world, sockets);
	large->surface = wl_compositor_create_surface(large->guest.compositor);
	memory_create(&large->memory, &large->guest, LARGE_ROWS * 4096, 0);
	large->picture.buffer = wl_shm_pool_create_buffer(
		large->memory.pool, 0, 1024, LARGE_ROWS, 4096, WL_SHM_FORMAT_XRGB8888);
	large_show(large, OLD);
	exchange(&large->guest);
	large->picture.served = served_buffer(&large->guest, large->picture.buffer);
	usleep(20000); /* an allowance for each */
	large->data = wl_shm_buffer_get_data(large->picture.served);
}

static void large_stop(struct large *large)
{
	wl_surface_destroy(large->surface);
	wl_buffer_destroy(large->picture.buffer);
	memory_destroy(&large->memory);
	guest_leave(&large->guest);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* All commit at once. How many are copied at once is bounded by how long that took. */
START_TEST(connections_of_a_program_have_one_allowance)
{
	struct world world;
	struct large all[N_CONNECTIONS];
	int sockets[N_CONNECTIONS][2];
	unsigned n_copied = 0;
	world_start(&world);
	process_connect(sockets, N_CONNECTIONS);
	for (unsigned i = 0; i < N_CONNECTIONS; i++)
		large_start(&all[i], &world, sockets[i]);
	usleep(200000);
	turn(&world);
	for (unsigned i = 0; i < N_CONNECTIONS; i++)
		large_show(&all[i], NEW);
	const int64_t before = now_ms();
	turn(&world);
	const int64_t n_periods = (now_ms() - before) / 16 + 2;
	for (unsigned i = 0; i < N_CONNECTIONS; i++)
		n_copied += all[i].data[0] == NEW;
	ck_assert_int_le(n_copied, n_periods);
	for (unsigned i = 0; i < N_CONNECTIONS; i++)
		large_stop(&all[i]);
	world_stop(&world);
}
END_TEST

static void large_fill(struct large *large)
{
	memset(large->memory.pixels, 1, large->memory.length);
}

/* Each copy takes some of the time that all have. On a busy machine so much time may pass between
 * two copies that the next one is in order, but not always. */
START_TEST(programs_that_flood_together_do_not_all_have_a_copy_in_one_turn)
{
	struct world world;
	struct large all[N_PROGRAMS];
	unsigned fewest = N_PROGRAMS;
	world_start(&world);
	for (unsigned i = 0; i < N_PROGRAMS; i++) {
		int sockets[1][2];
		process_connect(sockets, 1);
		large_start(&all[i], &world, sockets[0]);
		large_fill(&all[i]);
	}
	for (uint32_t colour = 0; colour < 10; colour++) {
		unsigned n_copied = 0;
		usleep(200000);
		for (unsigned i = 0; i < N_PROGRAMS; i++)
			large_show(&all[i], colour);
		turn(&world);
		for (unsigned i = 0; i < N_PROGRAMS; i++)
			n_copied += all[i].data[0] == colour;
		fewest = n_copied < fewest ? n_copied : fewest;
	}
	ck_assert_uint_lt(fewest, N_PROGRAMS);
	for (unsigned i = 0; i < N_PROGRAMS; i++)
		large_stop(&all[i]);
	world_stop(&world);
}
END_TEST

START_TEST(pointer_sees_a_commit_made_during_an_access_when_that_ends)
{
	struct scene s;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	const volatile uint32_t *data = wl_shm_buffer_get_data(s.a.served);
	wl_shm_buffer_begin_access(s.a.served);
	picture_fill(&s.a, NEW);
	show_all(&s.guest, s.surface, &s.a);
	ck_assert_uint_eq(data[0], OLD);
	wl_shm_buffer_end_access(s.a.served);
	ck_assert_uint_eq(data[0], NEW);
	scene_stop(&s);
}
END_TEST

START_TEST(planes_behind_the_first_are_brought_along)
{
	struct scene s;
	struct memory memory;
	scene_start(&s);
	wl_display_add_shm_format(s.world.display, WL_SHM_FORMAT_NV12);
	memory_create(&memory, &s.guest, SIDE * SIDE * 3 / 2, 0);
	struct wl_buffer *buffer =
		wl_shm_pool_create_buffer(memory.pool, 0, SIDE, SIDE, SIDE, WL_SHM_FORMAT_NV12);
	exchange(&s.guest);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	const struct picture picture = { .buffer = buffer };
	show_all(&s.guest, s.surface, &picture);
	ck_assert_uint_eq(pixel_at(served, 0, SIDE * 5 / 4), 0);
	memset(memory.pixels, 0x22, memory.length);
	show(&s.guest, s.surface, &picture, 0, 0, 1, 1);
	ck_assert_uint_eq(pixel_at(served, 0, SIDE * 5 / 4), NEW);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* A buffer of one row: its byte @last comes over when its last pixel is damaged. */
static void assert_is_brought(uint32_t format, int32_t width, int32_t stride, size_t last)
{
	struct scene s;
	struct memory memory;
	scene_start(&s);
	wl_display_add_shm_format(s.world.display, format);
	memory_create(&memory, &s.guest, 8192, 0);
	struct wl_buffer *buffer =
		wl_shm_pool_create_buffer(memory.pool, 0, width, 1, stride, format);
	exchange(&s.guest);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	const struct picture picture = { .buffer = buffer };
	show_all(&s.guest, s.surface, &picture);
	const volatile unsigned char *data = wl_shm_buffer_get_data(served);
	ck_assert_uint_eq(data[last], 0);
	memset(memory.pixels, 0x22, memory.length);
	show(&s.guest, s.surface, &picture, width - 1, 0, 1, 1);
	ck_assert_uint_eq(data[last], 0x22);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}

START_TEST(colours_of_the_last_pixel_are_brought_along)
{
	assert_is_brought(WL_SHM_FORMAT_YUYV, 63, 128, 127);
}
END_TEST

/* The only row of the plane of colours belongs to half a pair of rows. */
START_TEST(colours_of_a_last_row_without_a_pair_are_brought_along)
{
	assert_is_brought(WL_SHM_FORMAT_NV12, 4096, 4096, 2 * 4096 - 1);
}
END_TEST

START_TEST(planes_of_a_format_that_is_unknown_are_brought_along)
{
	assert_is_brought(WL_SHM_FORMAT_XRGB8888_A8, 64, 2048, 3 * 2048 - 1);
}
END_TEST

struct reader {
	struct wl_shm_buffer *buffer;
	atomic_bool is_done;
	unsigned n_accesses, n_changes;
};

static void *read_all_the_time(void *data)
{
	struct reader *reader = data;
	while (!atomic_load(&reader->is_done)) {
		wl_shm_buffer_begin_access(reader->buffer);
		const volatile uint32_t *pixels = wl_shm_buffer_get_data(reader->buffer);
		const uint32_t first = pixels[0], last = pixels[SIDE * SIDE - 1];
		sched_yield();
		reader->n_changes += pixels[0] != first || pixels[SIDE * SIDE - 1] != last;
		reader->n_accesses++;
		wl_shm_buffer_end_access(reader->buffer);
	}
	return NULL;
}

START_TEST(thread_that_reads_is_not_disturbed_by_commits)
{
	struct scene s;
	pthread_t thread;
	scene_start(&s);
	struct reader reader = { .buffer = s.a.served };
	ck_assert_int_eq(pthread_create(&thread, NULL, read_all_the_time, &reader), 0);
	for (uint32_t i = 0; i < 300; i++) {
		picture_fill(&s.a, i);
		show_all(&s.guest, s.surface, &s.a);
	}
	atomic_store(&reader.is_done, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(reader.n_changes, 0);
	assert_all_pixels(s.a.served, 299);
	scene_stop(&s);
}
END_TEST

/* ---- The client's own memory ---- */

static const struct {
	const char *mode;
	int seals; /* before */
	bool is_live, is_sealed;
} modes[] = {
	{ "", 0, true, true },
	{ "", F_SEAL_SHRINK, true, true },
	{ "auto", 0, true, true },
	{ "auto", F_SEAL_SEAL, false, false },
	{ "auto", F_SEAL_SHRINK, true, true },
	{ "sealed", 0, false, false },
	{ "sealed", F_SEAL_SHRINK, true, true },
	{ "lazy", 0, false, false },
	{ "lazy", F_SEAL_SHRINK, false, true },
	{ "direct", 0, true, true },
	{ "direct", F_SEAL_SEAL, false, false },
	{ "nonsense", F_SEAL_SHRINK, true, true },
};
#define N_MODES ((int)(sizeof(modes) / sizeof(modes[0])))

/* The library does not wait for its seal, and looks again with the first buffer. */
static void await_seal(const struct memory *memory)
{
	for (unsigned i = 0; i < 500 && !(fcntl(memory->fd, F_GET_SEALS) & F_SEAL_SHRINK); i++)
		usleep(10000);
}

/* A compositor of the other kind has mapped a copy by then. */
static bool seal_may_be_too_late(int i)
{
#ifdef IS_STANDIN
	return modes[i].is_live && !modes[i].seals;
#else
	(void)i;
	return false;
#endif
}

START_TEST(sealed_memory_is_shown_as_it_is_or_as_the_environment_says)
{
	struct scene s;
	struct memory memory;
	struct picture picture;
	setenv("UFFD_GUARD_WL_SHM_MODE", modes[_i].mode, 1);
	scene_start(&s);
	memory_create(&memory, &s.guest, BYTES, modes[_i].seals);
	exchange(&s.guest);
	if (modes[_i].is_sealed)
		await_seal(&memory);
	picture_create(&picture, &s.guest, &memory, 0);
	picture_fill(&picture, OLD);
	show_all(&s.guest, s.surface, &picture);
	assert_all_pixels(picture.served, OLD);
	picture_fill(&picture, NEW);
	if (seal_may_be_too_late(_i))
		show_all(&s.guest, s.surface, &picture);
	assert_all_pixels(picture.served, modes[_i].is_live ? NEW : OLD);
	const int seals = fcntl(memory.fd, F_GET_SEALS);
	ck_assert_int_eq(!!(seals & F_SEAL_SHRINK), modes[_i].is_sealed);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* ---- Pictures that are shown once ---- */

static void release(const struct scene *s, const struct picture *picture)
{
	wl_buffer_send_release(wl_client_get_object(
		s->guest.client, wl_proxy_get_id((struct wl_proxy *)picture->buffer)));
}

/* As GTK 3 does: each frame is a file, a pool and a buffer of its own. */
START_TEST(new_buffer_of_each_frame_costs_what_is_read_of_it)
{
	enum { N = 8 };
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct scene s;
	struct memory memory;
	struct picture picture;
	if (runner_skip_eager())
		return;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	const uint64_t before = bytes_copied();
	for (unsigned i = 0; i < N; i++) {
		picture_create_alone(&picture, &memory, &s.guest, NEW);
		show(&s.guest, s.surface, &picture, 3, 3, 5, 5);
		ck_assert_uint_eq(pixel_at(picture.served, 4, 4), NEW);
		release(&s, &picture);
		wl_buffer_destroy(picture.buffer);
		memory_destroy(&memory);
	}
	ck_assert_uint_le(bytes_copied() - before, N * (page + 16)); /* not four pages each */
	show_all(&s.guest, s.surface, &s.a);
	scene_stop(&s);
}
END_TEST

START_TEST(rest_of_a_buffer_comes_when_it_is_read)
{
	struct scene s;
	struct memory memory;
	struct picture picture;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a); /* a surface's first picture is all new */
	picture_create_alone(&picture, &memory, &s.guest, NEW);
	picture.pixels[SIDE * SIDE - 1] = NEWEST;
	show(&s.guest, s.surface, &picture, 0, 0, 1, 1);
	ck_assert_uint_eq(pixel_at(picture.served, 0, 0), NEW);
	ck_assert_uint_eq(pixel_at(picture.served, SIDE - 1, SIDE - 1), NEWEST);
	/* Shown again without having been released: it is as it was, but for what is damaged. */
	picture.pixels[0] = OLD;
	show(&s.guest, s.surface, &picture, 0, 0, 1, 1);
	ck_assert_uint_eq(pixel_at(picture.served, 0, 0), OLD);
	ck_assert_uint_eq(pixel_at(picture.served, SIDE / 2, SIDE / 2), NEW);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* What was read while the client drew, after the release, does not stay. */
START_TEST(buffer_that_is_used_again_is_all_of_the_new_picture)
{
	struct scene s;
	struct memory memory;
	struct picture picture;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a); /* a surface's first picture is all new */
	picture_create_alone(&picture, &memory, &s.guest, NEW);
	show(&s.guest, s.surface, &picture, 0, 0, 1, 1);
	ck_assert_uint_eq(pixel_at(picture.served, 0, 0), NEW);
	release(&s, &picture);
	picture_fill(&picture, OLD); /* it clears all, and draws the same again but for a pixel */
	(void)pixel_at(picture.served, SIDE - 1, SIDE - 1);
	picture_fill(&picture, NEW);
	picture.pixels[0] = NEWEST;
	show(&s.guest, s.surface, &picture, 0, 0, 1, 1);
	ck_assert_uint_eq(pixel_at(picture.served, 0, 0), NEWEST);
	ck_assert_uint_eq(pixel_at(picture.served, SIDE - 1, SIDE - 1), NEW);
	/* From now on it stays as committed. */
	picture_fill(&picture, OLD);
	ck_assert_uint_eq(pixel_at(picture.served, SIDE / 2, SIDE / 2), NEW);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

START_TEST(what_is_shown_of_a_buffer_stays_when_it_is_destroyed_unreleased)
{
	struct scene s;
	struct memory memory;
	struct picture picture;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a); /* a surface's first picture is all new */
	picture_create_alone(&picture, &memory, &s.guest, NEW);
	show(&s.guest, s.surface, &picture, 0, 0, 1, 1);
	const uint32_t *pixels = wl_shm_buffer_get_data(picture.served);
	struct wl_shm_pool *pool = wl_shm_buffer_ref_pool(picture.served);
	wl_buffer_destroy(picture.buffer);
	exchange(&s.guest);
	picture_fill(&picture, OLD);
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(pixels[i], NEW);
	wl_shm_pool_unref(pool);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* Each byte of it would be read, and have a page table, at each look. */
START_TEST(huge_buffer_that_is_a_hole_costs_what_is_read_of_it)
{
	enum { ROWS = 16384, ROW_BYTES = 4096, MIB = 1 << 20 }; /* 64 MiB */
	struct scene s;
	struct memory memory;
	if (runner_skip_eager())
		return;
	scene_start(&s);
	memory_create(&memory, &s.guest, (size_t)ROWS * ROW_BYTES, 0);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, 0, 1024, ROWS, ROW_BYTES, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	const uint64_t before = bytes_copied();
	for (unsigned i = 1; i <= 8; i++) {
		memory.pixels[5 + 1024 * (i % 2)] = i;
		if (i > 2) { /* and before that it is shown by none */
			wl_surface_attach(s.surface, buffer, 0, 0);
			wl_surface_damage_buffer(s.surface, 0, 0, INT32_MAX, INT32_MAX);
			wl_surface_commit(s.surface);
			exchange(&s.guest);
		}
		ck_assert_uint_eq(pixel_at(served, 5, (int)(i % 2)), i);
		ck_assert_uint_eq(pixel_at(served, 7, ROWS - 1), 0);
	}
	ck_assert_uint_lt(bytes_copied() - before, 4 * MIB);
	memset(memory.pixels, 0x22, memory.length); /* is one no more */
	wl_surface_attach(s.surface, buffer, 0, 0);
	wl_surface_damage_buffer(s.surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	ck_assert_uint_eq(pixel_at(served, 1, 0), NEW);
	memset(memory.pixels, 0x33, memory.length);
	ck_assert_uint_eq(pixel_at(served, 9, ROWS - 2), NEW);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

#define VAST_ROWS  ((int32_t)40 << 10)
#define VAST_WIDTH 1024 /* 160 MiB, which is more than any screen shows */

/* One commit would stop the compositor for as long as its copy takes. */
START_TEST(picture_larger_than_any_screen_costs_what_is_read_of_it)
{
	enum { MIB = 1 << 20 };
	struct scene s;
	struct memory memory;
	if (runner_skip_eager())
		return;
	scene_start(&s);
	memory_create(&memory, &s.guest, (size_t)VAST_ROWS * VAST_WIDTH * 4, 0);
	memset(memory.pixels, 0x11, memory.length);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, 0, VAST_WIDTH, VAST_ROWS, VAST_WIDTH * 4, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	const uint64_t before = bytes_copied();
	for (unsigned i = 1; i <= 8; i++) {
		memory.pixels[5] = i;
		wl_surface_attach(s.surface, buffer, 0, 0);
		wl_surface_damage_buffer(s.surface, 0, 0, i % 2 ? MAX_I32 : 8, i % 2 ? MAX_I32 : 1);
		wl_surface_commit(s.surface);
		exchange(&s.guest);
		ck_assert_uint_eq(pixel_at(served, 5, 0), i);
		ck_assert_uint_eq(pixel_at(served, 7, VAST_ROWS - 1), OLD);
	}
	usleep(40000); /* the allowance is whole again */
	wl_buffer_destroy(buffer);
	exchange(&s.guest);
	ck_assert_uint_lt(bytes_copied() - before, 64 * MIB);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* A buffer is new, but not what lies there. */
START_TEST(new_buffer_on_bytes_that_were_read_before_is_all_new)
{
	struct scene s;
	struct picture again;
	scene_start(&s);
	show_all(&s.guest, s.surface, &s.a);
	assert_all_pixels(s.a.served, OLD);
	picture_fill(&s.a, NEW);
	picture_create(&again, &s.guest, &s.memory[0], 0);
	show(&s.guest, s.surface, &again, 0, 0, 1, 1);
	assert_all_pixels(again.served, NEW);
	wl_buffer_destroy(again.buffer);
	scene_stop(&s);
}
END_TEST

/* As libwayland-cursor and others do at each start; a look at the file at each commit would tell.
 */
START_TEST(sealed_memory_is_shown_as_it_is_when_its_pool_has_grown)
{
	struct scene s;
	struct memory memory;
	struct picture picture;
	scene_start(&s);
	memory_create(&memory, &s.guest, BYTES, F_SEAL_SHRINK);
	if (_i) /* the pool before the file, and again when the file is there */
		wl_shm_pool_resize(memory.pool, BYTES + BYTES / 2);
	exchange(&s.guest);
	memory_cut(&memory, 2 * BYTES);
	wl_shm_pool_resize(memory.pool, 2 * BYTES);
	picture_create(&picture, &s.guest, &memory, 0);
	const uint64_t before = bytes_copied();
	for (unsigned i = 0; i < 3; i++) {
		picture_fill(&picture, OLD + i);
		show_all(&s.guest, s.surface, &picture);
		assert_all_pixels(picture.served, OLD + i);
	}
	ck_assert_uint_eq(bytes_copied(), before);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

#ifdef IS_STANDIN
#define N_GROWN 1 /* whoever maps a file needs it to be there */
#else
#define N_GROWN 2
#endif

static TCase *commits(void)
{
	TCase *tcase = tcase_create("commits");
	tcase_add_test(tcase, content_stays_as_committed);
	tcase_add_test(tcase, content_not_yet_read_is_filled_whole_at_the_first_access);
	tcase_add_test(tcase, attach_without_commit_changes_nothing);
	add_of_libwayland(tcase, access_under_way_is_not_disturbed_by_a_commit);
	tcase_add_test(tcase, second_reader_sees_what_was_committed_since_the_first_began);
	tcase_add_test(tcase, picture_shown_before_stays_while_another_is_shown);
	return tcase;
}

static TCase *once(void)
{
	TCase *tcase = tcase_create("once");
	add_of_libwayland(tcase, new_buffer_of_each_frame_costs_what_is_read_of_it);
	tcase_add_test(tcase, rest_of_a_buffer_comes_when_it_is_read);
	tcase_add_test(tcase, buffer_that_is_used_again_is_all_of_the_new_picture);
	tcase_add_test(tcase, what_is_shown_of_a_buffer_stays_when_it_is_destroyed_unreleased);
	add_of_libwayland(tcase, huge_buffer_that_is_a_hole_costs_what_is_read_of_it);
	add_of_libwayland(tcase, picture_larger_than_any_screen_costs_what_is_read_of_it);
	tcase_add_test(tcase, new_buffer_on_bytes_that_were_read_before_is_all_new);
	return tcase;
}

static TCase *damages(void)
{
	TCase *tcase = tcase_create("damage");
	tcase_add_test(tcase, only_damaged_pixels_are_copied);
	tcase_add_test(tcase, rows_without_damage_are_not_copied);
	tcase_add_test(tcase, damage_of_a_commit_without_attach_is_copied);
	tcase_add_test(tcase, attach_without_damage_is_a_new_picture);
	tcase_add_test(tcase, buffer_gets_what_it_missed_while_another_was_shown);
	tcase_add_test(tcase, buffer_gets_what_it_missed_while_none_was_shown);
	tcase_add_test(tcase, many_buffers_take_turns);
	tcase_add_test(tcase, buffer_shown_on_two_surfaces_is_new_on_each);
	tcase_add_test(tcase, damage_on_a_surface_is_scaled);
	tcase_add_test(tcase, damage_on_a_surface_is_turned);
	tcase_add_test(tcase, damage_on_a_surface_goes_through_its_viewport);
	tcase_add_test(tcase, each_viewport_is_of_its_own_surface);
	tcase_add_test(tcase, everything_is_new_when_the_viewport_moves);
	tcase_add_test(tcase, everything_is_new_when_the_scale_changes);
	return tcase;
}

static TCase *readers(void)
{
	TCase *tcase = tcase_create("readers");
	tcase_add_test(tcase, pointer_kept_from_the_first_commit_sees_each_later_one);
	add_of_libwayland(tcase, buffer_never_shown_is_read_anew_at_each_access);
	tcase_add_test(tcase, flood_of_commits_ends_in_the_last_picture);
	add_of_libwayland(
		tcase, flood_of_commits_that_are_each_begun_and_ended_is_copied_now_and_then);
	tcase_add_test(tcase, what_was_too_much_at_once_comes_without_another_commit);
	tcase_add_test(tcase, what_was_too_much_at_once_is_there_when_the_buffer_goes);
	add_of_libwayland(tcase, pointer_sees_a_commit_made_during_an_access_when_that_ends);
	add_of_libwayland(tcase, connections_of_a_program_have_one_allowance);
	add_of_libwayland(tcase, programs_that_flood_together_do_not_all_have_a_copy_in_one_turn);
	tcase_add_test(tcase, planes_behind_the_first_are_brought_along);
	tcase_add_test(tcase, colours_of_the_last_pixel_are_brought_along);
	tcase_add_test(tcase, colours_of_a_last_row_without_a_pair_are_brought_along);
	tcase_add_test(tcase, planes_of_a_format_that_is_unknown_are_brought_along);
	add_of_libwayland(tcase, thread_that_reads_is_not_disturbed_by_commits);
	tcase_add_loop_test(
		tcase, sealed_memory_is_shown_as_it_is_or_as_the_environment_says, 0, N_MODES);
	tcase_add_loop_test(
		tcase, sealed_memory_is_shown_as_it_is_when_its_pool_has_grown, 0, N_GROWN);
	return tcase;
}

/* ---- Bytes that buffers share ---- */

enum { FRAMES = 12, ROUND = 3 };

/* A buffer for one frame, of the same bytes as one before. */
static void picture_replace(struct picture *picture, struct guest *guest, struct memory *memory)
{
	if (picture->buffer)
		wl_buffer_destroy(picture->buffer);
	picture_create(picture, guest, memory, 0);
}

/* As Firefox does: three pools in turn, and a new buffer for each frame. Each frame changes a row,
 * and the pool that it is drawn in lacks those of the two before. A pool is read as a whole when it
 * is used for the second time. */
START_TEST(new_buffer_on_the_same_bytes_costs_what_has_changed)
{
	struct scene s;
	struct memory memories[ROUND];
	struct picture pictures[ROUND] = { 0 };
	uint64_t before = 0;
	scene_start(&s);
	for (unsigned i = 0; i < ROUND; i++)
		memory_create(&memories[i], &s.guest, BYTES, 0);
	for (unsigned i = 0; i < FRAMES; i++) {
		struct picture *picture = &pictures[i % ROUND];
		picture_replace(picture, &s.guest, &memories[i % ROUND]);
		for (unsigned row = i < 2 ? 0 : i - 2; row <= i; row++) {
			for (unsigned x = 0; x < SIDE; x++)
				picture->pixels[row * SIDE + x] = NEW + row;
		}
		if (i == 2 * ROUND)
			before = bytes_copied();
		show(&s.guest, s.surface, picture, 0, (int)i, SIDE, 1);
		for (unsigned y = 0; y < SIDE; y++)
			ck_assert_uint_eq(
				pixel_at(picture->served, 9, (int)y), y <= i ? NEW + y : 0);
	}
	const uint64_t each = 3 * STRIDE + 16;
	if (!runner_skip_eager())
		ck_assert_uint_le(bytes_copied() - before, (FRAMES - 2 * ROUND) * each);
	for (unsigned i = 0; i < ROUND; i++) {
		wl_buffer_destroy(pictures[i].buffer);
		memory_destroy(&memories[i]);
	}
	scene_stop(&s);
}
END_TEST

/* Each row has another colour. */
static void draw_rows(const struct picture *picture, uint32_t colour)
{
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		picture->pixels[i] = colour + i / SIDE;
}

static void draw_and_show(
	struct scene *s, struct picture *picture, uint32_t colour, bool is_all_new)
{
	draw_rows(picture, colour);
	if (is_all_new)
		show_all(&s->guest, s->surface, picture);
	else /* all but a pixel are as in the picture before */
		show(&s->guest, s->surface, picture, 0, 0, 1, 1);
	for (unsigned y = 0; y < SIDE; y++)
		ck_assert_uint_eq(pixel_at(picture->served, 1, (int)y), colour + y);
}

/* Two buffers that share half of their bytes; each is destroyed after its frame, or used again. */
START_TEST(picture_on_bytes_of_another_one_is_its_own)
{
	struct scene s;
	struct memory memory;
	struct picture pictures[2] = { 0 };
	scene_start(&s);
	memory_create(&memory, &s.guest, BYTES + BYTES / 2, 0);
	for (unsigned i = 0; i < 2; i++)
		picture_create(&pictures[i], &s.guest, &memory, i * (BYTES / 2));
	draw_and_show(&s, &pictures[0], OLD, true);
	for (unsigned i = 1; i < 8; i++) {
		struct picture *picture = &pictures[i % 2];
		if (_i) {
			wl_buffer_destroy(picture->buffer);
			picture_create(picture, &s.guest, &memory, i % 2 * (BYTES / 2));
		}
		draw_and_show(&s, picture, i < 4 ? NEW : NEWEST, i == 1 || i == 4);
		/* Between its frames, the other one's half is not what was copied for it. */
		memset(memory.pixels, (int)i, memory.length);
	}
	for (unsigned i = 0; i < 2; i++)
		wl_buffer_destroy(pictures[i].buffer);
	memory_destroy(&memory);
	scene_stop(&s);
}
END_TEST

/* Between two frames somebody has looked at a buffer there that was not shown. */
START_TEST(picture_on_bytes_that_were_read_meanwhile_is_its_own)
{
	struct scene s;
	struct picture again;
	scene_start(&s);
	draw_and_show(&s, &s.a, OLD, true);
	wl_buffer_destroy(s.a.buffer);
	picture_create(&again, &s.guest, &s.memory[0], 0);
	picture_fill(&again, NEW); /* it draws something else there first */
	assert_all_pixels(again.served, NEW);
	wl_buffer_destroy(again.buffer);
	picture_create(&s.a, &s.guest, &s.memory[0], 0);
	draw_and_show(&s, &s.a, OLD, false);
	scene_stop(&s);
}
END_TEST

static TCase *bytes(void)
{
	TCase *tcase = tcase_create("bytes");
	tcase_add_test(tcase, new_buffer_on_the_same_bytes_costs_what_has_changed);
	tcase_add_loop_test(tcase, picture_on_bytes_of_another_one_is_its_own, 0, 2);
	add_of_libwayland(tcase, picture_on_bytes_that_were_read_meanwhile_is_its_own);
	return tcase;
}

RUNNER_MAIN("content", commits, once, damages, readers, bytes)

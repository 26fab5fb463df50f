/* SPDX-License-Identifier: MIT */
/*
 * Each allocation of the libraries fails in turn, while a client does what clients do. It is told
 * that there is no memory, or hears nothing of it; others go on, and nothing is left behind.
 */
#include "world.h"

#include "../support/allocations.h"
#include "../support/self.h"

#include <string.h>
#include <unistd.h>

#define COLOUR 0x22334455u
#define NEVER  UINT32_MAX

/* Connections of one other process, whose record stays: those of this process have one each, which
 * are kept for some time. */
#define MOST_LIVES 128
static int sockets[MOST_LIVES][2];
static unsigned n_lives;

static void join(struct guest *guest, struct world *world)
{
	ck_assert_uint_lt(n_lives, MOST_LIVES);
	guest_join_by(guest, world, sockets[n_lives++]);
}

/* The compositor looks at what it is shown. */
static void look(struct canvas *canvas)
{
	static char pixels[BYTES];
	struct wl_shm_buffer *buffer =
		canvas->attached ? wl_shm_buffer_get(canvas->attached) : NULL;
	if (!buffer)
		return;
	wl_shm_buffer_begin_access(buffer);
	memcpy(pixels, wl_shm_buffer_get_data(buffer), BYTES);
	wl_shm_buffer_end_access(buffer);
}

static void show_each(
	struct guest *guest, struct wl_surface *surface, struct wl_buffer *const buffers[2])
{
	for (int i = 0; i < 4; i++) {
		wl_surface_attach(surface, buffers[i % 2], 0, 0);
		wl_surface_damage_buffer(surface, i, i, SIDE / 2, SIDE / 2);
		wl_surface_commit(surface);
		exchange(guest);
	}
}

/* Whatever it is told, the client goes on. */
static void use_memory(struct guest *guest)
{
	struct memory memory;
	struct wl_buffer *buffers[2];
	memory_create(&memory, guest, 2 * BYTES, 0);
	for (int i = 0; i < 2; i++)
		buffers[i] = wl_shm_pool_create_buffer(
			memory.pool, i * BYTES, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
	struct wl_surface *surface = wl_compositor_create_surface(guest->compositor);
	struct wl_proxy *viewport = viewport_create(guest, surface);
	viewport_set_destination(viewport, SIDE, SIDE);
	exchange(guest);
	show_each(guest, surface, buffers);
	memory_cut(&memory, 4 * BYTES);
	wl_shm_pool_resize(memory.pool, 4 * BYTES);
	camera_shoot(guest, buffers[1]);
	exchange(guest);
	show_each(guest, surface, buffers);
	wl_proxy_destroy(viewport);
	wl_surface_destroy(surface);
	for (int i = 0; i < 2; i++)
		wl_buffer_destroy(buffers[i]);
	memory_destroy(&memory);
	exchange(guest);
}

static bool is_refusal(const char *about, uint32_t code)
{
	return code == WL_DISPLAY_ERROR_NO_MEMORY ? strcmp(about, "wl_display") == 0
						  : code == WL_SHM_ERROR_INVALID_FD;
}

/* Answers whether one of its allocations failed. */
static bool live(struct world *world, unsigned n_before)
{
	struct guest guest;
	const char *about;
	allocations_fail_after(n_before);
	join(&guest, world);
	use_memory(&guest);
	const bool has_failed = allocations_end();
	const uint32_t code = guest_error(&guest, &about);
	ck_assert_msg(code == 0 || is_refusal(about, code), "allocation %u: %s, %u", n_before,
		about, code);
	guest_leave(&guest);
	turn(world);
	return has_failed;
}

static void assert_others_go_on(struct world *world)
{
	struct guest guest;
	struct memory memory;
	struct picture picture;
	join(&guest, world);
	picture_create_alone(&picture, &memory, &guest, COLOUR);
	assert_all_pixels(picture.served, COLOUR);
	assert_no_error(&guest);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	guest_leave(&guest);
	turn(world);
}

/* Seals are added aside, by a descriptor of their own. */
static void wait_until_fds_are(size_t n)
{
	for (int i = 0; i < 2000 && count_fds() != n; i++)
		usleep(1000);
	ck_assert_uint_eq(count_fds(), n);
}

static int ignore(void *data)
{
	(void)data;
	return 0;
}

/* libwayland makes a descriptor with the first one and keeps it. Copies that are postponed, because
 * the machine is busy, would be the first. */
static void have_had_a_timer(struct world *world)
{
	struct wl_event_source *timer =
		wl_event_loop_add_timer(wl_display_get_event_loop(world->display), ignore, NULL);
	ck_assert_int_eq(wl_event_source_timer_update(timer, 1), 0);
	wl_event_source_remove(timer);
}

START_TEST(client_for_whom_there_is_no_memory_harms_nobody)
{
	struct world world;
	if (!allocations_can_fail()) {
		runner_skip("a sanitizer has an allocator of its own");
		return;
	}
	allocations_fail_in("libuffd_guard");
	process_connect(sockets, MOST_LIVES);
	world_start(&world);
	world.on_commit = look;
	have_had_a_timer(&world);
	for (int i = 0; i < 3; i++) { /* what is made once is made now */
		live(&world, i ? NEVER : 0);
		assert_others_go_on(&world);
	}
	for (unsigned n = 0;; n++) {
		const long n_blocks = allocations_live();
		const size_t fds = count_fds();
		const bool has_failed = live(&world, n);
		assert_others_go_on(&world);
		ck_assert_msg(allocations_live() == n_blocks, "allocation %u: %ld blocks", n,
			allocations_live() - n_blocks);
		wait_until_fds_are(fds - 4); /* two pairs of sockets */
		if (!has_failed) {
			ck_assert_uint_gt(n, 5); /* so there are some */
			break;
		}
	}
	world_stop(&world);
}
END_TEST

START_TEST(display_that_finds_no_memory_says_so)
{
	if (!allocations_can_fail()) {
		runner_skip("a sanitizer has an allocator of its own");
		return;
	}
	allocations_fail_in("libuffd_guard");
	bool has_failed = true;
	for (unsigned n = 0; has_failed; n++) {
		struct wl_display *display = wl_display_create();
		ck_assert_ptr_nonnull(display);
		allocations_fail_after(n);
		const int result = wl_display_init_shm(display);
		has_failed = allocations_end();
		ck_assert(result == 0 || has_failed);
		wl_display_destroy(display);
	}
}
END_TEST

static TCase *failing(void)
{
	TCase *tcase = tcase_create("failing allocations");
	tcase_add_test(tcase, client_for_whom_there_is_no_memory_harms_nobody);
	tcase_add_test(tcase, display_that_finds_no_memory_says_so);
	return tcase;
}

RUNNER_MAIN("wl_shm_failing_allocations", failing)

/* SPDX-License-Identifier: MIT */
/*
 * How the work of the compositor grows with what a client has of something: never faster than that.
 *
 * Work is processor time of the whole process, of the best of some runs, so that other programs on
 * the machine do not count. If the exponent is too large, it is measured again: noise only adds.
 */
#include "world.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MOST_EXPONENT 1.15
#define N_SIZES	      4 /* each twice the one before */
#define RUNS	      3
#define MORE_ROUNDS   4
#define SPREAD	      (2 * STRIDE * SIDE) /* bytes from one buffer of a row to the next */

/* ---- Measuring ---- */

static double processor_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

typedef double run_fn(unsigned n); /* answers processor seconds of the part that counts */

static void take_best(run_fn *run, unsigned first, double best[N_SIZES])
{
	for (unsigned i = 0; i < RUNS * N_SIZES; i++) {
		const double seconds = run(first << i % N_SIZES);
		if (best[i % N_SIZES] <= 0 || seconds < best[i % N_SIZES])
			best[i % N_SIZES] = seconds;
	}
}

/* Slope of the line that is closest to log(seconds) over log(n). */
static double exponent_of(const double seconds[N_SIZES])
{
	const double middle = (N_SIZES - 1) / 2.0;
	double sum = 0, squares = 0;
	for (unsigned i = 0; i < N_SIZES; i++) {
		sum += (i - middle) * log2(seconds[i]);
		squares += (i - middle) * (i - middle);
	}
	return sum / squares;
}

static void assert_growth(const char *what, run_fn *run, unsigned first)
{
	double best[N_SIZES] = { 0 }, exponent = 2;
	for (unsigned i = 0; i <= MORE_ROUNDS && exponent > MOST_EXPONENT; i++) {
		take_best(run, first, best);
		exponent = exponent_of(best);
	}
	printf("%-12s exponent %5.2f   %6u: %.3f ms   %6u: %.3f ms\n", what, exponent, first,
		best[0] * 1e3, first << (N_SIZES - 1), best[N_SIZES - 1] * 1e3);
	fflush(stdout);
	ck_assert_double_le(exponent, MOST_EXPONENT);
}

/* ---- A client with many buffers ---- */

struct crowd {
	struct world world;
	struct guest guest;
	struct memory memory;
	unsigned n, n_requests;
	struct wl_buffer **buffers;
	struct wl_surface **surfaces;
	struct wl_shm_buffer **served;
};

/* A socket holds so many requests. */
static void ask(struct crowd *c)
{
	if (++c->n_requests % 64 == 0)
		exchange(&c->guest);
}

static void crowd_start(struct crowd *c, unsigned n)
{
	*c = (struct crowd){ .n = n };
	c->buffers = calloc(n, sizeof(struct wl_buffer *));
	c->surfaces = calloc(n, sizeof(struct wl_surface *));
	c->served = calloc(n, sizeof(struct wl_shm_buffer *));
	world_start(&c->world);
	guest_join(&c->guest, &c->world);
	memory_create(&c->memory, &c->guest, (size_t)n * SPREAD, 0);
	for (unsigned i = 0; i < n; i++) {
		c->buffers[i] = wl_shm_pool_create_buffer(c->memory.pool, (int32_t)(i * SPREAD),
			SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
		ask(c);
		c->surfaces[i] = wl_compositor_create_surface(c->guest.compositor);
		ask(c);
		wl_surface_attach(c->surfaces[i], c->buffers[i], 0, 0);
		ask(c);
		wl_surface_commit(c->surfaces[i]);
		ask(c);
	}
	assert_no_error(&c->guest);
	for (unsigned i = 0; i < n; i++)
		c->served[i] = served_buffer(&c->guest, c->buffers[i]);
}

static void crowd_stop(struct crowd *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		wl_surface_destroy(c->surfaces[i]);
		wl_buffer_destroy(c->buffers[i]);
	}
	memory_destroy(&c->memory);
	guest_leave(&c->guest);
	world_stop(&c->world);
	free(c->buffers);
	free(c->surfaces);
	free(c->served);
}

static void look(struct wl_shm_buffer *buffer)
{
	wl_shm_buffer_begin_access(buffer);
	wl_shm_buffer_get_data(buffer);
	wl_shm_buffer_end_access(buffer);
}

/* ---- What grows ---- */

/* The file of all that is shown is cut, and the compositor draws all once more. */
static double run_losses(unsigned n)
{
	struct crowd c;
	crowd_start(&c, n);
	memory_cut(&c.memory, 0);
	double seconds = processor_seconds();
	for (unsigned i = 0; i < n; i++)
		look(c.served[i]);
	seconds = processor_seconds() - seconds;
	assert_disconnected(&c.guest);
	crowd_stop(&c);
	return seconds;
}

START_TEST(losses_cost_what_each_costs)
{
	assert_growth("losses", run_losses, 1000);
}
END_TEST

/* What changes for the sweep: of the crowd, one is copied and one is in use no more; and two others
 * of 1 MiB take turns. */
struct change {
	struct memory memory;
	struct wl_surface *surface;
	struct picture pictures[2];
};

static void change_start(struct change *change, struct crowd *c)
{
	enum { SIZE = 1 << 20, ROWS = SIZE / STRIDE };
	memory_create(&change->memory, &c->guest, (size_t)2 * SIZE, 0);
	change->surface = wl_compositor_create_surface(c->guest.compositor);
	for (int i = 0; i < 2; i++) {
		struct picture *picture = &change->pictures[i];
		picture->buffer = wl_shm_pool_create_buffer(
			change->memory.pool, i * SIZE, SIDE, ROWS, STRIDE, WL_SHM_FORMAT_XRGB8888);
		exchange(&c->guest);
		picture->served = served_buffer(&c->guest, picture->buffer);
	}
}

static void change_once(struct change *change, struct crowd *c, unsigned i)
{
	const struct picture *picture = &change->pictures[i % 2];
	wl_surface_attach(c->surfaces[i], NULL, 0, 0);
	wl_surface_commit(c->surfaces[i]);
	show(&c->guest, change->surface, picture, 0, 0, 1, 1);
	look(picture->served);
	look(c->served[i + 1]);
}

/* As many changes as buffers are in use, or a share of that, while all that may be kept is kept.
 * The memory of what is not in use is looked for again and again. */
static double run_sweeps(unsigned n)
{
	struct crowd c;
	struct change change;
	double seconds = 0;
	crowd_start(&c, n);
	look(c.served[0]);
	change_start(&change, &c);
	for (unsigned i = 0; i < n / 200; i++) {
		usleep(17000); /* so seldom it was looked for, once */
		const double before = processor_seconds();
		change_once(&change, &c, i);
		seconds += processor_seconds() - before;
	}
	assert_no_error(&c.guest);
	wl_surface_destroy(change.surface);
	for (unsigned i = 0; i < 2; i++)
		wl_buffer_destroy(change.pictures[i].buffer);
	memory_destroy(&change.memory);
	crowd_stop(&c);
	return seconds;
}

START_TEST(sweeps_cost_what_has_changed)
{
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "0", 1);
	assert_growth("sweeps", run_sweeps, 2000);
}
END_TEST

static double run_surfaces(unsigned n)
{
	struct crowd c;
	double seconds = processor_seconds();
	crowd_start(&c, n);
	for (unsigned i = 0; i < n; i++)
		look(c.served[i]);
	crowd_stop(&c);
	return processor_seconds() - seconds;
}

START_TEST(surfaces_cost_what_each_costs)
{
	assert_growth("surfaces", run_surfaces, 1000);
}
END_TEST

static int own_file(void)
{
	int fd = memfd_create("own", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, SPREAD), 0);
	return fd;
}

/* Pools, one after the other, as of a client that draws each picture into a new one; of one file,
 * or each of its own. */
static double run_pools_of(unsigned n, bool is_one_file)
{
	struct crowd c;
	double seconds = processor_seconds();
	crowd_start(&c, 1);
	for (unsigned i = 0; i < n; i++) {
		int fd = is_one_file ? dup(c.memory.fd) : own_file();
		struct wl_shm_pool *pool = wl_shm_create_pool(c.guest.shm, fd, SPREAD);
		close(fd);
		const struct picture picture = { .buffer = wl_shm_pool_create_buffer(pool, 0, SIDE,
							 SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888) };
		show(&c.guest, c.surfaces[0], &picture, 0, 0, SIDE, SIDE);
		look(served_buffer(&c.guest, picture.buffer));
		wl_shm_pool_destroy(pool);
		if (i % 2)
			wl_buffer_destroy(picture.buffer);
	}
	assert_no_error(&c.guest);
	crowd_stop(&c);
	return processor_seconds() - seconds;
}

static double run_pools(unsigned n)
{
	return run_pools_of(n, false);
}

START_TEST(pools_cost_what_each_costs)
{
	assert_growth("pools", run_pools, 200);
}
END_TEST

static double run_pools_of_one_file(unsigned n)
{
	return run_pools_of(n, true);
}

START_TEST(pools_of_one_file_cost_what_each_costs)
{
	assert_growth("pools of one file", run_pools_of_one_file, 200);
}
END_TEST

/* Many rectangles in each commit, that lie apart from each other. */
static double run_rectangles(unsigned n)
{
	struct crowd c;
	crowd_start(&c, 1);
	look(c.served[0]);
	const double seconds = processor_seconds();
	for (unsigned i = 0; i < n; i++) {
		const int x = (int)(i * 7 % SIDE), y = (int)(i * 11 % SIDE);
		wl_surface_damage_buffer(c.surfaces[0], x, y, 1, 1);
		ask(&c);
	}
	wl_surface_attach(c.surfaces[0], c.buffers[0], 0, 0);
	wl_surface_commit(c.surfaces[0]);
	exchange(&c.guest);
	look(c.served[0]);
	const double taken = processor_seconds() - seconds;
	crowd_stop(&c);
	return taken;
}

START_TEST(rectangles_cost_what_each_costs)
{
	assert_growth("rectangles", run_rectangles, 2000);
}
END_TEST

/* Of as many programs, each of which is gone again. */
static double run_connections(unsigned n)
{
	struct world world;
	struct guest guest;
	struct memory memory;
	struct picture picture;
	world_start(&world);
	const double seconds = processor_seconds();
	for (unsigned i = 0; i < n; i++) {
		guest_join(&guest, &world);
		picture_create_alone(&picture, &memory, &guest, i);
		look(picture.served);
		wl_buffer_destroy(picture.buffer);
		memory_destroy(&memory);
		guest_leave(&guest);
	}
	const double taken = processor_seconds() - seconds;
	world_stop(&world);
	return taken;
}

START_TEST(connections_cost_what_each_costs)
{
	assert_growth("connections", run_connections, 100);
}
END_TEST

/* ---- What is never dearer than something else ---- */

enum { N_COLUMNS = 16, COLUMN_ROWS = 16000, COLUMN_STRIDE = 4112 };

static double seconds_of_commit(struct crowd *c, const struct picture *picture, bool in_columns)
{
	const double seconds = processor_seconds();
	wl_surface_attach(c->surfaces[0], picture->buffer, 0, 0);
	for (int i = 0; in_columns && i < N_COLUMNS; i++)
		wl_surface_damage_buffer(
			c->surfaces[0], i * (COLUMN_STRIDE / 4 / N_COLUMNS), 0, 1, COLUMN_ROWS);
	if (!in_columns)
		wl_surface_damage_buffer(c->surfaces[0], 0, 0, COLUMN_STRIDE / 4, COLUMN_ROWS);
	wl_surface_commit(c->surfaces[0]);
	exchange(&c->guest);
	look(picture->served);
	return processor_seconds() - seconds;
}

/* Rows of which each is a page, of a hole: one request for each row and column is much dearer.
 * The rectangles themselves cost something, and the whole of a hole costs next to nothing.
 */
#define SECONDS_OF_RECTANGLES 0.001

START_TEST(columns_of_damage_cost_no_more_than_the_whole_buffer)
{
	struct crowd c;
	struct memory memory;
	double best[2] = { 0 };
	crowd_start(&c, 1);
	memory_create(&memory, &c.guest, (size_t)COLUMN_ROWS * COLUMN_STRIDE, 0);
	struct picture picture = { .buffer = wl_shm_pool_create_buffer(memory.pool, 0,
					   COLUMN_STRIDE / 4, COLUMN_ROWS, COLUMN_STRIDE,
					   WL_SHM_FORMAT_XRGB8888) };
	exchange(&c.guest);
	picture.served = served_buffer(&c.guest, picture.buffer);
	look(picture.served);
	for (unsigned i = 0; i < 2 * 8; i++) {
		const double seconds = seconds_of_commit(&c, &picture, i % 2);
		if (best[i % 2] <= 0 || seconds < best[i % 2])
			best[i % 2] = seconds;
	}
	printf("columns      %.3f ms, all %.3f ms\n", best[1] * 1e3, best[0] * 1e3);
	ck_assert_double_le(best[1], 2 * best[0] + SECONDS_OF_RECTANGLES);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	crowd_stop(&c);
}
END_TEST

/* ---- Memory that a client leaves behind ---- */

static double seconds_of_this_thread(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of the display's thread: the client has given its own descriptor up before. */
static double run_farewell(unsigned mib)
{
	struct world world;
	struct guest guest;
	const off_t length = (off_t)mib << 20;
	world_start(&world);
	guest_join(&guest, &world);
	const int fd = memfd_create("left behind", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fallocate(fd, 0, 0, length), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(guest.shm, fd, (int32_t)length);
	assert_no_error(&guest);
	close(fd);
	wl_shm_pool_destroy(pool);
	wl_display_flush(guest.connection);
	double seconds = seconds_of_this_thread();
	turn(&world);
	seconds = seconds_of_this_thread() - seconds;
	guest_leave(&guest);
	world_stop(&world);
	return seconds;
}

static double best_farewell(unsigned mib)
{
	double best = 1e9;
	for (unsigned i = 0; i < RUNS; i++) {
		const double seconds = run_farewell(mib);
		best = seconds < best ? seconds : best;
	}
	return best;
}

START_TEST(display_does_not_free_what_a_client_leaves_behind)
{
	enum { SMALL = 16, LARGE = 512 };
	double small = 0, large = 1;
	for (unsigned i = 0; i <= MORE_ROUNDS && large > 4 * small; i++) {
		small = best_farewell(SMALL);
		large = best_farewell(LARGE);
	}
	printf("%-12s %u MiB: %.3f ms   %u MiB: %.3f ms\n", "farewells", SMALL, small * 1e3, LARGE,
		large * 1e3);
	ck_assert_double_le(large, 4 * small);
}
END_TEST

static TCase *growth(void)
{
	TCase *tcase = tcase_create("growth");
	tcase_add_test(tcase, losses_cost_what_each_costs);
	tcase_add_test(tcase, sweeps_cost_what_has_changed);
	tcase_add_test(tcase, surfaces_cost_what_each_costs);
	tcase_add_test(tcase, pools_cost_what_each_costs);
	tcase_add_test(tcase, pools_of_one_file_cost_what_each_costs);
	tcase_add_test(tcase, rectangles_cost_what_each_costs);
	tcase_add_test(tcase, connections_cost_what_each_costs);
	tcase_add_test(tcase, columns_of_damage_cost_no_more_than_the_whole_buffer);
	return tcase;
}

static TCase *farewells(void)
{
	TCase *tcase = tcase_create("farewells");
	tcase_add_test(tcase, display_does_not_free_what_a_client_leaves_behind);
	return tcase;
}

RUNNER_MAIN("growth", growth, farewells)

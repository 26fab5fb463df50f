/* SPDX-License-Identifier: MIT */
/*
 * How the work of the compositor grows with what a client has of something: never faster than that.
 *
 * Work is how many basic blocks of the libraries are executed, by any thread: the compiler has each
 * call __sanitizer_cov_trace_pc(). That is the same on a busy machine. What the kernel and
 * libwayland do is not in it; the processor time of all is printed beside it, for people.
 */
#include "world.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MOST_EXPONENT 1.1
#define N_SIZES	      4			  /* each twice the one before */
#define SPREAD	      (2 * STRIDE * SIDE) /* bytes from one buffer of a row to the next */

/* ---- Measuring ---- */

static atomic_ullong n_blocks;

__attribute__((visibility("default"))) void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	atomic_fetch_add_explicit(&n_blocks, 1, memory_order_relaxed);
}

struct work {
	double blocks, seconds;
};

static struct work work_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (struct work){
		.blocks = (double)atomic_load(&n_blocks),
		.seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9,
	};
}

static struct work work_since(struct work before)
{
	const struct work now = work_now();
	return (struct work){ now.blocks - before.blocks, now.seconds - before.seconds };
}

/* Slope of the line that is closest to log(work) over log(n). */
static double exponent_of(const double work[N_SIZES])
{
	const double middle = (N_SIZES - 1) / 2.0;
	double sum = 0, squares = 0;
	for (unsigned i = 0; i < N_SIZES; i++) {
		sum += (i - middle) * log2(work[i]);
		squares += (i - middle) * (i - middle);
	}
	return sum / squares;
}

typedef struct work run_fn(unsigned n); /* answers the work of the part that counts */

static void assert_growth(const char *what, run_fn *run, unsigned first)
{
	double blocks[N_SIZES], seconds[N_SIZES];
	for (unsigned i = 0; i < N_SIZES; i++) {
		const struct work work = run(first << i);
		blocks[i] = work.blocks;
		seconds[i] = work.seconds;
	}
	const double exponent = exponent_of(blocks);
	printf("%-17s exponent %5.2f   %6u: %.0f blocks   %6u: %.0f blocks   of time %5.2f\n", what,
		exponent, first, blocks[0], first << (N_SIZES - 1), blocks[N_SIZES - 1],
		exponent_of(seconds));
	fflush(stdout);
	ck_assert_double_gt(blocks[0], 0);
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
static struct work run_losses(unsigned n)
{
	struct crowd c;
	crowd_start(&c, n);
	memory_cut(&c.memory, 0);
	const struct work before = work_now();
	for (unsigned i = 0; i < n; i++)
		look(c.served[i]);
	const struct work work = work_since(before);
	assert_disconnected(&c.guest);
	crowd_stop(&c);
	return work;
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
static struct work run_sweeps(unsigned n)
{
	struct crowd c;
	struct change change;
	struct work work = { 0 };
	crowd_start(&c, n);
	look(c.served[0]);
	change_start(&change, &c);
	for (unsigned i = 0; i < n / 200; i++) {
		usleep(17000); /* so seldom it was looked for, once */
		const struct work before = work_now();
		change_once(&change, &c, i);
		const struct work once = work_since(before);
		work = (struct work){ work.blocks + once.blocks, work.seconds + once.seconds };
	}
	assert_no_error(&c.guest);
	wl_surface_destroy(change.surface);
	for (unsigned i = 0; i < 2; i++)
		wl_buffer_destroy(change.pictures[i].buffer);
	memory_destroy(&change.memory);
	crowd_stop(&c);
	return work;
}

START_TEST(sweeps_cost_what_has_changed)
{
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "0", 1);
	assert_growth("sweeps", run_sweeps, 2000);
}
END_TEST

static struct work run_surfaces(unsigned n)
{
	struct crowd c;
	const struct work before = work_now();
	crowd_start(&c, n);
	for (unsigned i = 0; i < n; i++)
		look(c.served[i]);
	crowd_stop(&c);
	return work_since(before);
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
static struct work run_pools_of(unsigned n, bool is_one_file)
{
	struct crowd c;
	const struct work before = work_now();
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
	return work_since(before);
}

static struct work run_pools(unsigned n)
{
	return run_pools_of(n, false);
}

START_TEST(pools_cost_what_each_costs)
{
	assert_growth("pools", run_pools, 200);
}
END_TEST

static struct work run_pools_of_one_file(unsigned n)
{
	return run_pools_of(n, true);
}

START_TEST(pools_of_one_file_cost_what_each_costs)
{
	assert_growth("pools of one file", run_pools_of_one_file, 200);
}
END_TEST

/* Many rectangles in each commit, that lie apart from each other. */
static struct work run_rectangles(unsigned n)
{
	struct crowd c;
	crowd_start(&c, 1);
	look(c.served[0]);
	const struct work before = work_now();
	for (unsigned i = 0; i < n; i++) {
		const int x = (int)(i * 7 % SIDE), y = (int)(i * 11 % SIDE);
		wl_surface_damage_buffer(c.surfaces[0], x, y, 1, 1);
		ask(&c);
	}
	wl_surface_attach(c.surfaces[0], c.buffers[0], 0, 0);
	wl_surface_commit(c.surfaces[0]);
	exchange(&c.guest);
	look(c.served[0]);
	const struct work work = work_since(before);
	crowd_stop(&c);
	return work;
}

START_TEST(rectangles_cost_what_each_costs)
{
	assert_growth("rectangles", run_rectangles, 2000);
}
END_TEST

/* Of as many programs, each of which is gone again. */
static struct work run_connections(unsigned n)
{
	struct world world;
	struct guest guest;
	struct memory memory;
	struct picture picture;
	world_start(&world);
	const struct work before = work_now();
	for (unsigned i = 0; i < n; i++) {
		guest_join(&guest, &world);
		picture_create_alone(&picture, &memory, &guest, i);
		look(picture.served);
		wl_buffer_destroy(picture.buffer);
		memory_destroy(&memory);
		guest_leave(&guest);
	}
	const struct work work = work_since(before);
	world_stop(&world);
	return work;
}

START_TEST(connections_cost_what_each_costs)
{
	assert_growth("connections", run_connections, 100);
}
END_TEST

struct fellow {
	struct guest guest;
	struct memory memory;
	struct picture picture;
};

/* As many clients at a time. */
static struct work run_fellows(unsigned n)
{
	struct world world;
	struct fellow *fellows = calloc(n, sizeof(*fellows));
	world_start(&world);
	const struct work before = work_now();
	for (unsigned i = 0; i < n; i++)
		guest_join(&fellows[i].guest, &world);
	for (unsigned i = 0; i < n; i++) {
		struct fellow *fellow = &fellows[i];
		picture_create_alone(&fellow->picture, &fellow->memory, &fellow->guest, i);
		look(fellow->picture.served);
	}
	for (unsigned i = 0; i < n; i++) {
		wl_buffer_destroy(fellows[i].picture.buffer);
		memory_destroy(&fellows[i].memory);
		guest_leave(&fellows[i].guest);
	}
	const struct work work = work_since(before);
	world_stop(&world);
	free(fellows);
	return work;
}

START_TEST(clients_cost_what_each_costs)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 10000) {
		runner_skip("fewer than 10,000 descriptors are allowed");
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_growth("clients", run_fellows, 100);
}
END_TEST

/* ---- What is never dearer than something else ---- */

enum { N_COLUMNS = 16, COLUMN_ROWS = 16000, COLUMN_STRIDE = 4112 };

static double blocks_of_commit(struct crowd *c, const struct picture *picture, bool in_columns)
{
	const struct work before = work_now();
	wl_surface_attach(c->surfaces[0], picture->buffer, 0, 0);
	for (int i = 0; in_columns && i < N_COLUMNS; i++)
		wl_surface_damage_buffer(
			c->surfaces[0], i * (COLUMN_STRIDE / 4 / N_COLUMNS), 0, 1, COLUMN_ROWS);
	if (!in_columns)
		wl_surface_damage_buffer(c->surfaces[0], 0, 0, COLUMN_STRIDE / 4, COLUMN_ROWS);
	wl_surface_commit(c->surfaces[0]);
	exchange(&c->guest);
	look(picture->served);
	return work_since(before).blocks;
}

/* Rows of which each is a page: one request for each row and column is much dearer. The rectangles
 * themselves cost something. */
#define BLOCKS_OF_RECTANGLES (N_COLUMNS * 1000)

START_TEST(columns_of_damage_cost_no_more_than_the_whole_buffer)
{
	struct crowd c;
	struct memory memory;
	crowd_start(&c, 1);
	memory_create(&memory, &c.guest, (size_t)COLUMN_ROWS * COLUMN_STRIDE, 0);
	struct picture picture = { .buffer = wl_shm_pool_create_buffer(memory.pool, 0,
					   COLUMN_STRIDE / 4, COLUMN_ROWS, COLUMN_STRIDE,
					   WL_SHM_FORMAT_XRGB8888) };
	exchange(&c.guest);
	picture.served = served_buffer(&c.guest, picture.buffer);
	look(picture.served);
	const double all = blocks_of_commit(&c, &picture, false);
	const double columns = blocks_of_commit(&c, &picture, true);
	printf("columns           %.0f blocks, all %.0f blocks\n", columns, all);
	ck_assert_double_le(columns, 2 * all + BLOCKS_OF_RECTANGLES);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	crowd_stop(&c);
}
END_TEST

static TCase *growth(void)
{
	TCase *tcase = tcase_create("growth");
	add_of_libwayland(tcase, losses_cost_what_each_costs);
	tcase_add_test(tcase, sweeps_cost_what_has_changed);
	tcase_add_test(tcase, surfaces_cost_what_each_costs);
	tcase_add_test(tcase, pools_cost_what_each_costs);
	tcase_add_test(tcase, pools_of_one_file_cost_what_each_costs);
	tcase_add_test(tcase, rectangles_cost_what_each_costs);
	tcase_add_test(tcase, connections_cost_what_each_costs);
	tcase_add_test(tcase, clients_cost_what_each_costs);
	tcase_add_test(tcase, columns_of_damage_cost_no_more_than_the_whole_buffer);
	return tcase;
}

RUNNER_MAIN("growth", growth)

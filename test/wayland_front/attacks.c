/* SPDX-License-Identifier: MIT */
/*
 * What clients can do to a compositor that maps their files by itself and guards nothing. Each test
 * runs in a process of its own: a SIGBUS is its end. The second guest shows one picture from the
 * beginning, which stays as it should be.
 */
#include "copied.h"
#include "world.h"

#include "../support/fixture.h"
#include "../support/fuse_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OLD   0x11111111u
#define NEW   0x22222222u
#define OTHER 0x33333333u

struct stage {
	struct world world;
	struct guest guest, other;
	struct wl_surface *surface, *other_surface;
	struct memory memory, other_memory;
	struct picture picture, other_picture;
	uint32_t texture[SIDE * SIDE]; /* what the compositor uploads at a commit */
};

/* As a compositor that uploads at the commit and reads nothing later. */
static void upload(struct canvas *canvas)
{
	struct stage *s = canvas->world->data;
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(canvas->attached);
	if (buffer && wl_shm_buffer_get_width(buffer) == SIDE)
		memcpy(s->texture, wl_shm_buffer_get_data(buffer), sizeof(s->texture));
}

static void stage_start(struct stage *s, int seals)
{
	world_start(&s->world);
	s->world.data = s;
	s->world.on_commit = upload;
	guest_join(&s->guest, &s->world);
	guest_join(&s->other, &s->world);
	s->surface = wl_compositor_create_surface(s->guest.compositor);
	s->other_surface = wl_compositor_create_surface(s->other.compositor);
	picture_create_alone(&s->other_picture, &s->other_memory, &s->other, OTHER);
	show_all(&s->other, s->other_surface, &s->other_picture);
	memory_create(&s->memory, &s->guest, BYTES, seals);
	picture_create(&s->picture, &s->guest, &s->memory, 0);
	picture_fill(&s->picture, OLD);
}

static void assert_uploaded(const struct stage *s, uint32_t colour)
{
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(s->texture[i], colour);
}

static void stage_stop(struct stage *s)
{
	assert_no_error(&s->other);
	assert_all_pixels(s->other_picture.served, OTHER);
	wl_surface_destroy(s->other_surface);
	wl_buffer_destroy(s->other_picture.buffer);
	memory_destroy(&s->other_memory);
	wl_surface_destroy(s->surface);
	wl_buffer_destroy(s->picture.buffer);
	memory_destroy(&s->memory);
	guest_leave(&s->guest);
	guest_leave(&s->other);
	world_stop(&s->world);
}

static void stage_stop_offended(struct stage *s, const char *about)
{
	assert_error(&s->guest, about, WL_SHM_ERROR_INVALID_FD);
	assert_disconnected(&s->guest);
	stage_stop(s);
}

static void stage_stop_in_peace(struct stage *s)
{
	assert_no_error(&s->guest);
	stage_stop(s);
}

/* ---- Pictures ---- */

START_TEST(upload_at_the_commit_has_the_new_pixels)
{
	const int seals[] = { 0, F_SEAL_SHRINK, F_SEAL_SEAL };
	struct stage s;
	stage_start(&s, seals[_i]);
	show_all(&s.guest, s.surface, &s.picture);
	assert_uploaded(&s, OLD);
	for (uint32_t colour = NEW; colour < NEW + 5; colour++) {
		picture_fill(&s.picture, colour);
		show_all(&s.guest, s.surface, &s.picture);
		assert_uploaded(&s, colour);
	}
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(upload_has_what_one_percent_of_damage_has_changed)
{
	const int seals[] = { 0, F_SEAL_SHRINK };
	struct stage s;
	stage_start(&s, seals[_i]);
	show_all(&s.guest, s.surface, &s.picture);
	s.picture.pixels[20 * SIDE + 30] = NEW;
	show(&s.guest, s.surface, &s.picture, 28, 18, 6, 6);
	for (int i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(s.texture[i], i == 20 * SIDE + 30 ? NEW : OLD);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(fresh_pool_for_each_frame_is_shown_right)
{
	struct stage s;
	stage_start(&s, 0);
	for (uint32_t colour = NEW; colour < NEW + 12; colour++) {
		struct memory memory;
		struct picture picture;
		picture_create_alone(&picture, &memory, &s.guest, colour);
		show_all(&s.guest, s.surface, &picture);
		assert_uploaded(&s, colour);
		wl_buffer_destroy(picture.buffer);
		memory_destroy(&memory);
		exchange(&s.guest);
	}
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(picture_that_is_destroyed_stays_for_who_has_it_mapped)
{
	struct stage s;
	struct memory memory;
	struct picture picture;
	stage_start(&s, 0);
	picture_create_alone(&picture, &memory, &s.guest, NEW);
	show_all(&s.guest, s.surface, &picture);
	wl_shm_buffer_begin_access(picture.served);
	const uint32_t *pixels = wl_shm_buffer_get_data(picture.served);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	for (unsigned i = 0; i < 4; i++) {
		struct picture next;
		picture_create_alone(&next, &memory, &s.guest, OTHER);
		show_all(&s.guest, s.surface, &next);
		wl_buffer_destroy(next.buffer);
		memory_destroy(&memory);
	}
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(pixels[i], NEW);
	wl_shm_buffer_end_access(picture.served);
	stage_stop_in_peace(&s);
}
END_TEST

/* Both are in one batch of requests: the first is gone before the event loop turns. */
START_TEST(second_pool_of_a_batch_shows_its_own_picture)
{
	struct stage s;
	struct memory first, second;
	struct picture of_first, of_second;
	stage_start(&s, 0);
	picture_create_alone(&of_first, &first, &s.guest, OLD);
	picture_create_alone(&of_second, &second, &s.guest, NEW);
	struct wl_shm_pool *pools[2] = { wl_shm_create_pool(s.guest.shm, first.fd, BYTES), NULL };
	for (int i = 0; i < 2; i++) {
		struct wl_buffer *buffer = wl_shm_pool_create_buffer(
			pools[i], 0, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
		wl_surface_attach(s.surface, buffer, 0, 0);
		wl_surface_damage_buffer(s.surface, 0, 0, SIDE, SIDE);
		wl_surface_commit(s.surface);
		wl_surface_attach(s.surface, NULL, 0, 0);
		wl_surface_commit(s.surface);
		wl_buffer_destroy(buffer);
		wl_shm_pool_destroy(pools[i]);
		if (i == 0)
			pools[1] = wl_shm_create_pool(s.guest.shm, second.fd, BYTES);
	}
	exchange(&s.guest);
	assert_uploaded(&s, NEW);
	wl_buffer_destroy(of_first.buffer);
	wl_buffer_destroy(of_second.buffer);
	memory_destroy(&first);
	memory_destroy(&second);
	stage_stop_in_peace(&s);
}
END_TEST

/* KWin asks for as many bytes as pixels. */
START_TEST(rows_that_are_too_short_for_their_pixels_hurt_nobody)
{
	struct stage s;
	stage_start(&s, 0);
	ck_assert_int_eq(
		fallocate(s.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BYTES), 0);
	struct wl_buffer *narrow = wl_shm_pool_create_buffer(
		s.memory.pool, 0, SIDE, SIDE, SIDE, WL_SHM_FORMAT_XRGB8888);
	s.world.on_commit = NULL;
	for (int i = 0; i < 3; i++) {
		wl_surface_attach(s.surface, narrow, 0, 0);
		wl_surface_damage_buffer(s.surface, i ? SIDE - 4 : 0, 0, SIDE, i ? 3 - i : SIDE);
		wl_surface_commit(s.surface);
		exchange(&s.guest);
	}
	wl_buffer_destroy(narrow);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(pool_that_grows_is_shown_right)
{
	const int seals[] = { 0, F_SEAL_SHRINK };
	struct stage s;
	struct picture second;
	stage_start(&s, seals[_i]);
	show_all(&s.guest, s.surface, &s.picture);
	ck_assert_int_eq(ftruncate(s.memory.fd, 2 * BYTES), 0);
	wl_shm_pool_resize(s.memory.pool, 2 * BYTES);
	uint32_t *both = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, s.memory.fd, 0);
	ck_assert_ptr_ne(both, MAP_FAILED);
	for (unsigned i = SIDE * SIDE; i < 2 * SIDE * SIDE; i++)
		both[i] = NEW;
	struct memory larger = s.memory;
	larger.pixels = both;
	picture_create(&second, &s.guest, &larger, BYTES);
	show_all(&s.guest, s.surface, &second);
	assert_uploaded(&s, NEW);
	show_all(&s.guest, s.surface, &s.picture);
	assert_uploaded(&s, OLD);
	wl_buffer_destroy(second.buffer);
	munmap(both, 2 * BYTES);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(pools_of_one_file_are_shown_right)
{
	struct stage s;
	struct picture again;
	stage_start(&s, 0);
	struct memory same = s.memory;
	same.pool = wl_shm_create_pool(s.guest.shm, s.memory.fd, BYTES);
	picture_create(&again, &s.guest, &same, 0);
	show_all(&s.guest, s.surface, &s.picture);
	picture_fill(&s.picture, NEW);
	show_all(&s.guest, s.surface, &again);
	assert_uploaded(&s, NEW);
	show_all(&s.guest, s.surface, &s.picture);
	assert_uploaded(&s, NEW);
	wl_buffer_destroy(again.buffer);
	wl_shm_pool_destroy(same.pool);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(punched_hole_is_shown_as_zeros)
{
	struct stage s;
	stage_start(&s, 0);
	show_all(&s.guest, s.surface, &s.picture);
	ck_assert_int_eq(
		fallocate(s.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BYTES), 0);
	show_all(&s.guest, s.surface, &s.picture);
	assert_uploaded(&s, 0);
	stage_stop_in_peace(&s);
}
END_TEST

/* ---- Cuts ---- */

START_TEST(file_cut_before_its_commit_is_an_error)
{
	const off_t lengths[] = { 0, 12, 8192 };
	struct stage s;
	stage_start(&s, 0);
	memory_cut(&s.memory, (size_t)lengths[_i]);
	show_all(&s.guest, s.surface, &s.picture);
	stage_stop_offended(&s, "wl_buffer");
}
END_TEST

START_TEST(file_cut_and_grown_again_is_shown_as_it_is)
{
	struct stage s;
	stage_start(&s, 0);
	show_all(&s.guest, s.surface, &s.picture);
	memory_cut(&s.memory, 0);
	assert_all_pixels(s.picture.served, OLD);
	memory_cut(&s.memory, BYTES);
	show_all(&s.guest, s.surface, &s.picture);
	assert_uploaded(&s, 0);
	stage_stop_in_peace(&s);
}
END_TEST

/* Cut and grow the file until killed. */
static pid_t churn(int fd, off_t length)
{
	const pid_t child = fork();
	ck_assert_int_ge(child, 0);
	while (child == 0) {
		if (ftruncate(fd, 0) || ftruncate(fd, length))
			_exit(1);
	}
	return child;
}

static void read_all(const struct picture *picture)
{
	wl_shm_buffer_begin_access(picture->served);
	const volatile uint32_t *pixels = wl_shm_buffer_get_data(picture->served);
	for (unsigned i = 0; i < SIDE * SIDE; i += 64)
		(void)pixels[i];
	wl_shm_buffer_end_access(picture->served);
}

START_TEST(file_that_is_cut_and_grown_all_the_time_stops_nobody)
{
	struct stage s;
	stage_start(&s, 0);
	const pid_t child = churn(s.memory.fd, BYTES);
	for (unsigned i = 0; i < 2000 && s.guest.client; i++) {
		show_all(&s.guest, s.surface, &s.picture);
		if (s.guest.client)
			read_all(&s.picture);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	stage_stop(&s); /* told, if a commit met the file when it was cut */
}
END_TEST

START_TEST(sealed_pool_that_grows_beyond_its_file_is_an_error)
{
	struct stage s;
	stage_start(&s, F_SEAL_SHRINK);
	show_all(&s.guest, s.surface, &s.picture);
	wl_shm_pool_resize(s.memory.pool, 4 * BYTES);
	exchange(&s.guest);
	stage_stop_offended(&s, "wl_shm_pool");
}
END_TEST

START_TEST(pool_that_grows_beyond_its_file_is_an_error_when_that_is_shown)
{
	struct stage s;
	stage_start(&s, 0);
	wl_shm_pool_resize(s.memory.pool, 4 * BYTES);
	struct wl_buffer *beyond = wl_shm_pool_create_buffer(
		s.memory.pool, 2 * BYTES, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	wl_surface_attach(s.surface, beyond, 0, 0);
	wl_surface_damage_buffer(s.surface, 0, 0, SIDE, SIDE);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	wl_buffer_destroy(beyond);
	stage_stop_offended(&s, "wl_buffer");
}
END_TEST

START_TEST(buffer_that_is_destroyed_before_the_cut_stays_shown)
{
	struct stage s;
	struct memory memory;
	struct picture picture;
	stage_start(&s, 0);
	picture_create_alone(&picture, &memory, &s.guest, NEW);
	show_all(&s.guest, s.surface, &picture);
	wl_shm_buffer_begin_access(picture.served);
	const uint32_t *pixels = wl_shm_buffer_get_data(picture.served);
	wl_buffer_destroy(picture.buffer);
	memory_cut(&memory, 0);
	wl_surface_damage(s.surface, 0, 0, SIDE, SIDE);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	ck_assert_uint_eq(pixels[SIDE * SIDE - 1], NEW);
	wl_shm_buffer_end_access(picture.served);
	memory_destroy(&memory);
	stage_stop_in_peace(&s);
}
END_TEST

/* ---- Files ---- */

START_TEST(file_of_huge_pages_is_cut_and_hurts_nobody)
{
	struct stage s;
	const size_t length = file_granularity(FILE_HUGETLB);
	int fd = file_create(FILE_HUGETLB, length / (size_t)sysconf(_SC_PAGESIZE), true);
	if (fd < 0)
		return;
	stage_start(&s, 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(s.guest.shm, fd, (int32_t)length);
	struct wl_buffer *buffer =
		wl_shm_pool_create_buffer(pool, 0, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	wl_surface_attach(s.surface, buffer, 0, 0);
	wl_surface_damage_buffer(s.surface, 0, 0, SIDE, SIDE);
	wl_surface_commit(s.surface);
	exchange(&s.guest);
	wl_buffer_destroy(buffer);
	wl_shm_pool_destroy(pool);
	close(fd);
	stage_stop_offended(&s, "wl_buffer");
}
END_TEST

static void deny_io_uring(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_int_eq(
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(io_uring_setup), 0), 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
}

static int file_on_disk(void)
{
	struct statfs system;
	char name[] = "/var/tmp/front_attacks.XXXXXX";
	const int fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	unlink(name);
	ck_assert_int_eq(ftruncate(fd, BYTES), 0);
	ck_assert_int_eq(fstatfs(fd, &system), 0);
	return system.f_type == TMPFS_MAGIC ? -1 : fd;
}

/* Left to the compositor, it would be mapped as it is. */
START_TEST(file_on_a_disk_that_nobody_can_read_is_refused)
{
	struct stage s;
	const int fd = file_on_disk();
	if (fd < 0) {
		runner_skip("/var/tmp is memory");
		return;
	}
	deny_io_uring();
	stage_start(&s, 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(s.guest.shm, fd, BYTES);
	exchange(&s.guest);
	wl_shm_pool_destroy(pool);
	close(fd);
	stage_stop_offended(&s, "wl_shm");
}
END_TEST

START_TEST(compositor_refuses_what_it_refuses_without_us)
{
	struct stage s;
	stage_start(&s, 0);
	char path[64];
	int fd = -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s.memory.fd);
	if (_i == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (_i == 1)
		fd = open("/", O_RDONLY | O_CLOEXEC);
	if (_i == 2) { /* what is sealed against writing cannot be mapped writable */
		fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_eq(ftruncate(fd, BYTES), 0);
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	}
	ck_assert_int_ge(fd, 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(s.guest.shm, fd, BYTES);
	exchange(&s.guest);
	wl_shm_pool_destroy(pool);
	close(fd);
	stage_stop_offended(&s, "wl_shm");
}
END_TEST

/* ---- How much ---- */

static size_t memory_of_process(void)
{
	size_t pages[3] = { 0 };
	FILE *f = fopen("/proc/self/statm", "re");
	ck_assert_int_eq(fscanf(f, "%zu %zu %zu", &pages[0], &pages[1], &pages[2]), 3);
	fclose(f);
	return pages[1] * (size_t)sysconf(_SC_PAGESIZE);
}

/* A gigabyte of nothing, or less, in one buffer. */
struct giant {
	int fd;
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer;
};

enum { SIDE_OF_GIANT = 16384, BYTES_OF_GIANT = SIDE_OF_GIANT * SIDE_OF_GIANT * 4 };

static void giant_create(struct giant *giant, struct guest *guest, int32_t height)
{
	giant->fd = memfd_create("giant", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(giant->fd, BYTES_OF_GIANT), 0);
	giant->pool = wl_shm_create_pool(guest->shm, giant->fd, BYTES_OF_GIANT);
	giant->buffer = wl_shm_pool_create_buffer(
		giant->pool, 0, SIDE_OF_GIANT, height, SIDE_OF_GIANT * 4, WL_SHM_FORMAT_XRGB8888);
	exchange(guest);
}

static void giant_show(const struct giant *giant, struct guest *guest, struct wl_surface *surface)
{
	wl_surface_attach(surface, giant->buffer, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, SIDE_OF_GIANT, SIDE_OF_GIANT);
	wl_surface_commit(surface);
	exchange(guest);
}

static void giant_destroy(struct giant *giant)
{
	wl_buffer_destroy(giant->buffer);
	wl_shm_pool_destroy(giant->pool);
	close(giant->fd);
}

/* False: skipped. */
static bool start_with_giant(struct stage *s, struct giant *giant)
{
	if (IS_32_BIT) {
		runner_skip(NO_ROOM_FOR_GIBS);
		return false;
	}
	stage_start(s, 0);
	giant_create(giant, &s->guest, SIDE_OF_GIANT);
	return true;
}

START_TEST(sparse_giant_costs_no_memory_and_little_time)
{
	struct stage s;
	struct giant giant;
	if (!start_with_giant(&s, &giant))
		return;
	const size_t before = memory_of_process();
	for (unsigned i = 0; i < 100; i++)
		giant_show(&giant, &s.guest, s.surface);
	ck_assert_uint_lt(memory_of_process(), before + (64 << 20));
	giant_destroy(&giant);
	stage_stop_in_peace(&s);
}
END_TEST

/* A program may have so much copied in a period, or one picture of any size. */
static void wait_for_the_next_period(struct stage *s)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	turn(&s->world);
}

static void giant_put(const struct giant *giant, off_t offset, uint32_t pixel)
{
	ck_assert_int_eq(pwrite(giant->fd, &pixel, sizeof(pixel), offset), sizeof(pixel));
}

/* Turn until the last pixel is there. */
static unsigned count_turns(struct stage *s, const uint32_t *last, uint32_t pixel)
{
	unsigned n = 0;
	for (; n < 200 && *last != pixel; n++)
		wait_for_the_next_period(s);
	return n;
}

START_TEST(picture_larger_than_any_screen_comes_in_parts)
{
	enum { END = BYTES_OF_GIANT - 4, LAST = END / 4 };
	struct stage s;
	struct giant giant;
	if (!start_with_giant(&s, &giant))
		return;
	const uint32_t *pixels = wl_shm_buffer_get_data(served_buffer(&s.guest, giant.buffer));
	for (uint32_t i = 1; i <= 2; i++) {
		wait_for_the_next_period(&s);
		giant_put(&giant, 0, i);
		giant_put(&giant, END, i);
		giant_show(&giant, &s.guest, s.surface);
		ck_assert_uint_eq(pixels[0], i);
		ck_assert_uint_ne(pixels[LAST], i);
		ck_assert_uint_lt(count_turns(&s, &pixels[LAST], i), 200);
	}
	giant_destroy(&giant);
	stage_stop_in_peace(&s);
}
END_TEST

/* Holes count, for a compositor that reads them has memory there. So giants can reach the bound
 * that is a part of the machine's memory: a quarter of it, or a gigabyte. */
struct exhibition {
	unsigned n;
	struct giant *giants;
	struct wl_surface **surfaces;
};

static uint64_t bytes_that_may_be_shown(void)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE),
		       quarter = (uint64_t)sysconf(_SC_PHYS_PAGES) / 4 * page;
	return quarter > BYTES_OF_GIANT ? quarter : BYTES_OF_GIANT;
}

/* Page tables count too: a page for each 512. */
static uint64_t bytes_that_count(int32_t height)
{
	const uint64_t bytes = (uint64_t)height * SIDE_OF_GIANT * 4;
	return bytes + bytes / 512;
}

/* All of them together, so that @bytes_left more may be shown, or hardly more. */
static void exhibition_open(struct exhibition *all, struct stage *s, uint64_t bytes_left)
{
	uint64_t bytes = bytes_that_may_be_shown() - bytes_left;
	all->n = (unsigned)(bytes / bytes_that_count(SIDE_OF_GIANT)) + 1;
	all->giants = calloc(all->n, sizeof(*all->giants));
	all->surfaces = calloc(all->n, sizeof(struct wl_surface *));
	for (unsigned i = 0; i < all->n; i++) {
		const bool is_last = i == all->n - 1;
		const uint64_t rows = bytes / bytes_that_count(1);
		const int32_t height = is_last ? (int32_t)rows : SIDE_OF_GIANT;
		all->surfaces[i] = wl_compositor_create_surface(s->guest.compositor);
		giant_create(&all->giants[i], &s->guest, height);
		wait_for_the_next_period(s);
		giant_show(&all->giants[i], &s->guest, all->surfaces[i]);
		bytes -= bytes_that_count(height);
	}
}

static void exhibition_close(struct exhibition *all)
{
	for (unsigned i = 0; i < all->n; i++) {
		wl_surface_destroy(all->surfaces[i]);
		giant_destroy(&all->giants[i]);
	}
	free(all->giants);
	free(all->surfaces);
}

static void assert_disconnected_for_memory(struct guest *guest)
{
	const char *about;
	guest_error(guest, &about);
	ck_assert_int_eq(wl_display_get_error(guest->connection), ENOMEM);
	assert_disconnected(guest);
}

struct large {
	int fd;
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer;
};

enum { WIDTH = 3840, HEIGHT = 2160, BYTES_OF_LARGE = WIDTH * HEIGHT * 4 };

static void large_create(struct large *large, struct guest *guest)
{
	large->fd = memfd_create("large", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(large->fd, BYTES_OF_LARGE), 0);
	void *data = mmap(NULL, BYTES_OF_LARGE, PROT_WRITE, MAP_SHARED, large->fd, 0);
	ck_assert_ptr_ne(data, MAP_FAILED);
	memset(data, 1, BYTES_OF_LARGE);
	munmap(data, BYTES_OF_LARGE);
	large->pool = wl_shm_create_pool(guest->shm, large->fd, BYTES_OF_LARGE);
	large->buffer = wl_shm_pool_create_buffer(
		large->pool, 0, WIDTH, HEIGHT, WIDTH * 4, WL_SHM_FORMAT_XRGB8888);
	exchange(guest);
}

static void large_destroy(struct large *large)
{
	wl_buffer_destroy(large->buffer);
	wl_shm_pool_destroy(large->pool);
	close(large->fd);
}

static void commit_often(struct stage *s, const struct large *large, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		wl_surface_attach(s->surface, large->buffer, 0, 0);
		wl_surface_damage_buffer(s->surface, 0, 0, WIDTH, HEIGHT);
		wl_surface_commit(s->surface);
	}
	wl_display_flush(s->guest.connection);
}

/* Whole pictures; the last byte of each is looked at besides. */
static uint64_t copies_of_turn(struct stage *s)
{
	const uint64_t before = bytes_copied();
	turn(&s->world);
	return (bytes_copied() - before) / BYTES_OF_LARGE;
}

static uint64_t copies_of_commits(struct stage *s, const struct large *large, unsigned n)
{
	commit_often(s, large, n);
	return copies_of_turn(s);
}

START_TEST(flood_of_commits_is_one_copy)
{
	struct stage s;
	struct large large;
	stage_start(&s, 0);
	large_create(&large, &s.guest);
	ck_assert_uint_eq(copies_of_commits(&s, &large, 1), 1); /* fills the shadow */
	ck_assert_uint_eq(copies_of_commits(&s, &large, 60), 1);
	for (unsigned i = 0; i < 5; i++) /* or none, once the program's allowance is used */
		ck_assert_uint_le(copies_of_commits(&s, &large, 60), 1);
	large_destroy(&large);
	stage_stop_in_peace(&s);
}
END_TEST

START_TEST(flood_of_pools_of_one_large_file_is_a_copy_each_at_most)
{
	enum { N = 12 };
	struct stage s;
	struct large large, all[N];
	stage_start(&s, 0);
	large_create(&large, &s.guest);
	for (unsigned i = 0; i < N; i++) {
		all[i].pool = wl_shm_create_pool(s.guest.shm, large.fd, BYTES_OF_LARGE);
		all[i].buffer = wl_shm_pool_create_buffer(
			all[i].pool, 0, WIDTH, HEIGHT, WIDTH * 4, WL_SHM_FORMAT_XRGB8888);
		exchange(&s.guest);
	}
	ck_assert_uint_eq(copies_of_commits(&s, &large, 1), 1);
	for (unsigned i = 0; i < N; i++) {
		wl_surface_attach(s.surface, all[i].buffer, 0, 0);
		wl_surface_damage_buffer(s.surface, 0, 0, WIDTH, HEIGHT);
		wl_surface_commit(s.surface);
	}
	wl_display_flush(s.guest.connection);
	/* Four are within the allowance of a period, and the turn may be longer than a period. */
	ck_assert_uint_le(copies_of_turn(&s), N);
	for (unsigned i = 0; i < N; i++) {
		wl_buffer_destroy(all[i].buffer);
		wl_shm_pool_destroy(all[i].pool);
	}
	large_destroy(&large);
	stage_stop_in_peace(&s);
}
END_TEST

/* What the shadows of this process hold, whoever has them open. */
static size_t bytes_of_shadows(void)
{
	DIR *all = opendir("/proc/self/fd");
	size_t bytes = 0;
	ino_t seen[512] = { 0 };
	unsigned n_seen = 0;
	for (struct dirent *entry; (entry = readdir(all));) {
		char name[64];
		struct stat file;
		const ssize_t n = readlinkat(dirfd(all), entry->d_name, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = '\0';
		if (strncmp(name, "/memfd:uffd-guard-shadow", 24) != 0 ||
			fstatat(dirfd(all), entry->d_name, &file, 0) < 0)
			continue;
		bool is_known = false;
		for (unsigned i = 0; i < n_seen; i++)
			is_known |= seen[i] == file.st_ino;
		ck_assert_uint_lt(n_seen, sizeof(seen) / sizeof(seen[0]));
		seen[n_seen++] = file.st_ino;
		bytes += is_known ? 0 : (size_t)file.st_blocks * 512;
	}
	closedir(all);
	return bytes;
}

struct album {
	struct memory memory;
	struct wl_buffer *buffer;
};

enum { SIDE_OF_ALBUM = 1024, BYTES_OF_ALBUM = SIDE_OF_ALBUM * SIDE_OF_ALBUM * 4 };

static void album_show(struct stage *s, const struct album *album)
{
	wl_surface_attach(s->surface, album->buffer, 0, 0);
	wl_surface_damage_buffer(s->surface, 0, 0, SIDE_OF_ALBUM, SIDE_OF_ALBUM);
	wl_surface_commit(s->surface);
	exchange(&s->guest);
}

static void album_create(struct album *album, struct stage *s, uint32_t colour)
{
	memory_create(&album->memory, &s->guest, BYTES_OF_ALBUM, 0);
	for (size_t i = 0; i < BYTES_OF_ALBUM / 4; i++)
		album->memory.pixels[i] = colour;
	album->buffer = wl_shm_pool_create_buffer(album->memory.pool, 0, SIDE_OF_ALBUM,
		SIDE_OF_ALBUM, SIDE_OF_ALBUM * 4, WL_SHM_FORMAT_XRGB8888);
}

static void album_destroy(struct album *album)
{
	wl_buffer_destroy(album->buffer);
	memory_destroy(&album->memory);
}

static void assert_album_is(struct stage *s, const struct album *album, uint32_t colour)
{
	struct wl_shm_buffer *served = served_buffer(&s->guest, album->buffer);
	const uint32_t *pixels = wl_shm_buffer_get_data(served);
	for (size_t i = 0; i < BYTES_OF_ALBUM / 4; i += 64)
		ck_assert_uint_eq(pixels[i], colour);
}

/* All of them stay, and what is not shown of them is dropped: until it is shown again. */
START_TEST(shadows_of_pools_that_are_kept_stay_within_the_bound)
{
	enum { N = 20, MIB = 16 };
	static struct album albums[N];
	struct stage s;
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "16", 1);
	stage_start(&s, 0);
	for (uint32_t i = 0; i < N; i++) {
		album_create(&albums[i], &s, NEW + i);
		album_show(&s, &albums[i]);
		ck_assert_uint_le(bytes_of_shadows(), (MIB << 20) + 2 * BYTES_OF_ALBUM);
	}
	for (uint32_t i = 0; i < N; i++) {
		album_show(&s, &albums[i]);
		assert_album_is(&s, &albums[i], NEW + i);
	}
	ck_assert_uint_le(bytes_of_shadows(), (MIB << 20) + 2 * BYTES_OF_ALBUM);
	for (uint32_t i = 0; i < N; i++)
		album_destroy(&albums[i]);
	stage_stop_in_peace(&s);
}
END_TEST

/* They are there for the next pool, and some are enough for that. */
START_TEST(pools_that_are_gone_leave_few_shadows)
{
	enum { N = 12, MOST = 6 }; /* four that nobody uses, and what is shown */
	static struct album albums[N];
	struct stage s;
	stage_start(&s, 0);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < N; i++) {
			album_create(&albums[i], &s, NEW + i);
			album_show(&s, &albums[i]);
			assert_album_is(&s, &albums[i], NEW + i);
		}
		for (uint32_t i = 0; i < N; i++)
			album_destroy(&albums[i]);
		exchange(&s.guest);
		show_all(&s.guest, s.surface, &s.picture);
		ck_assert_uint_le(bytes_of_shadows(), MOST * (size_t)BYTES_OF_ALBUM);
	}
	stage_stop_in_peace(&s);
}
END_TEST

/* The compositor is not the worse for it, and the program may come again. */
START_TEST(client_that_shows_more_than_a_quarter_of_all_memory_is_disconnected)
{
	struct stage s;
	struct exhibition exhibition;
	static struct album album;
	if (IS_32_BIT) {
		runner_skip(NO_ROOM_FOR_GIBS);
		return;
	}
	stage_start(&s, 0);
	exhibition_open(&exhibition, &s, BYTES_OF_ALBUM / 2);
	assert_no_error(&s.guest);
	wait_for_the_next_period(&s);
	album_create(&album, &s, NEW);
	album_show(&s, &album);
	assert_disconnected_for_memory(&s.guest);
	album_destroy(&album);
	exhibition_close(&exhibition);
	show_all(&s.other, s.other_surface, &s.other_picture);
	stage_stop(&s);
}
END_TEST

/* A compositor may show for some time what its client has destroyed. @n pictures of 4 MiB, of which
 * each has the compositor's eye when it goes, if @is_looked_at. */
static void give_up(struct stage *s, unsigned n, bool is_looked_at)
{
	struct wl_shm_buffer **looked_at = calloc(n, sizeof(*looked_at));
	for (unsigned i = 0; i < n && s->guest.client; i++) {
		struct album album;
		album_create(&album, s, NEW + i);
		album_show(s, &album);
		if (s->guest.client && is_looked_at) {
			looked_at[i] = served_buffer(&s->guest, album.buffer);
			wl_shm_buffer_begin_access(looked_at[i]);
		}
		album_destroy(&album);
		exchange(&s->guest);
	}
	for (unsigned i = 0; i < n && looked_at[i]; i++)
		wl_shm_buffer_end_access(looked_at[i]);
	free(looked_at);
}

START_TEST(what_the_compositor_has_mapped_of_pools_that_are_gone_counts_as_shown)
{
	enum { N_THAT_FIT = 16 };
	struct stage s;
	struct exhibition exhibition;
	const bool is_looked_at = _i == 1;
	if (IS_32_BIT) {
		runner_skip(NO_ROOM_FOR_GIBS);
		return;
	}
	stage_start(&s, 0);
	exhibition_open(&exhibition, &s, N_THAT_FIT * (uint64_t)BYTES_OF_ALBUM);
	give_up(&s, 2 * N_THAT_FIT, is_looked_at);
	if (is_looked_at) {
		assert_disconnected_for_memory(&s.guest);
	} else {
		show_all(&s.guest, s.surface, &s.picture);
		assert_no_error(&s.guest);
	}
	exhibition_close(&exhibition);
	stage_stop(&s);
}
END_TEST

START_TEST(nothing_is_left_of_a_client)
{
	struct stage s;
	stage_start(&s, 0);
	const size_t before = count_fds();
	for (unsigned i = 0; i < 20; i++) {
		struct guest guest;
		struct memory memory;
		struct picture picture;
		guest_join(&guest, &s.world);
		picture_create_alone(&picture, &memory, &guest, OLD);
		struct wl_surface *surface = wl_compositor_create_surface(guest.compositor);
		show_all(&guest, surface, &picture);
		wl_surface_destroy(surface);
		wl_buffer_destroy(picture.buffer);
		memory_destroy(&memory);
		if (i % 2)
			exchange(&guest); /* else it dies with all that it has */
		guest_leave(&guest);
	}
	ck_assert_uint_eq(count_fds(), before);
	stage_stop_in_peace(&s);
}
END_TEST

/* ---- Keymaps ---- */

static const struct wl_interface *no_types[] = { NULL, NULL, NULL };
static const struct wl_message keyboard_requests[] = { { "keymap", "uhu", no_types } };
static const struct wl_interface keyboard_interface = { "zwp_virtual_keyboard_v1", 1, 1,
	keyboard_requests, 0, NULL };

/* As compositors do: map it, and take it for a string. */
static void take_keymap(struct wl_client *client, struct wl_resource *resource, uint32_t format,
	int32_t fd, uint32_t size)
{
	size_t *length = wl_resource_get_user_data(resource);
	(void)client, (void)format;
	const char *keymap = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (keymap != MAP_FAILED) {
		*length = strlen(keymap);
		munmap((void *)keymap, size);
	}
	close(fd);
}

static const struct {
	void (*keymap)(struct wl_client *, struct wl_resource *, uint32_t, int32_t, uint32_t);
} keyboard_implementation = { take_keymap };

static void bind_keyboard(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &keyboard_interface, (int)version, id);
	wl_resource_set_implementation(resource, &keyboard_implementation, data, NULL);
}

struct keyboard {
	size_t seen; /* the length of the string */
	struct wl_global *global;
	struct wl_proxy *proxy;
};

#define KEYBOARD_NAME (N_GLOBALS + 1)

static void keyboard_create(struct keyboard *keyboard, struct stage *s)
{
	keyboard->global = wl_global_create(
		s->world.display, &keyboard_interface, 1, &keyboard->seen, bind_keyboard);
	keyboard->proxy =
		wl_registry_bind(s->guest.registry, KEYBOARD_NAME, &keyboard_interface, 1);
}

static void keyboard_destroy(struct keyboard *keyboard)
{
	wl_proxy_destroy(keyboard->proxy);
	wl_global_destroy(keyboard->global);
}

static size_t send_keymap(
	struct stage *s, struct keyboard *keyboard, off_t length, uint32_t claimed, int seals)
{
	int fd = memfd_create("keymap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	for (off_t i = 0; i < length; i++)
		ck_assert_int_eq(write(fd, "k", 1), 1);
	if (seals)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	keyboard->seen = SIZE_MAX;
	wl_proxy_marshal(keyboard->proxy, 0, 1, fd, claimed);
	exchange(&s->guest);
	close(fd);
	return keyboard->seen;
}

START_TEST(keymap_that_is_shorter_than_it_says_ends_in_zeros)
{
	const int seals[] = { 0, F_SEAL_SHRINK, F_SEAL_WRITE | F_SEAL_SHRINK };
	struct stage s;
	stage_start(&s, 0);
	struct keyboard keyboard;
	keyboard_create(&keyboard, &s);
	ck_assert_uint_eq(send_keymap(&s, &keyboard, 100, 65536, seals[_i]), 100);
	ck_assert_uint_eq(send_keymap(&s, &keyboard, 0, 4096, seals[_i]), 0);
	keyboard_destroy(&keyboard);
	stage_stop_in_peace(&s);
}
END_TEST

/* A string that fills its last page has no room for a zero behind it. */
START_TEST(keymap_without_an_end_has_one)
{
	struct stage s;
	stage_start(&s, 0);
	struct keyboard keyboard;
	keyboard_create(&keyboard, &s);
	ck_assert_uint_eq(send_keymap(&s, &keyboard, 4096, 4096, 0), 4095);
	keyboard_destroy(&keyboard);
	stage_stop_in_peace(&s);
}
END_TEST

/* More than is copied. The handler is called though the client has got an error. */
START_TEST(keymap_that_is_refused_is_not_read)
{
	struct stage s;
	stage_start(&s, 0);
	struct keyboard keyboard;
	keyboard_create(&keyboard, &s);
	ck_assert_uint_eq(send_keymap(&s, &keyboard, 0, 64 << 20, 0), SIZE_MAX);
	assert_disconnected(&s.guest);
	keyboard_destroy(&keyboard);
	stage_stop(&s);
}
END_TEST

/* ---- Keymaps whose file does not answer ---- */

enum { N_STALLING = 11 }; /* what nobody has taken libwayland closes itself, and waits */

/* The client waits too, when it closes what it has sent: so it is another process. */
static pid_t send_keymaps_of(struct stage *s, struct fuse_file *files[N_STALLING])
{
	const pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child > 0)
		return child;
	struct wl_proxy *keyboard =
		wl_registry_bind(s->guest.registry, KEYBOARD_NAME, &keyboard_interface, 1);
	for (int i = 0; i < N_STALLING; i++)
		wl_proxy_marshal(keyboard, 0, 1, fuse_file_fd(files[i]), 4096u);
	wl_display_flush(s->guest.connection);
	_exit(0);
}

/* The compositor takes none that it has to wait for itself, or nothing would end this. */
START_TEST(keymaps_that_stall_are_forgiven_ten_times)
{
	struct stage s;
	struct fuse_file *files[N_STALLING];
	size_t seen = 0;
	for (int i = 0; i < N_STALLING; i++) {
		files[i] = fuse_file_start(1, false);
		if (!files[i])
			return;
	}
	stage_start(&s, 0);
	struct wl_global *global =
		wl_global_create(s.world.display, &keyboard_interface, 1, &seen, bind_keyboard);
	exchange(&s.guest);
	for (int i = 0; i < N_STALLING; i++)
		fuse_file_behave(files[i], FUSE_STALLS);
	const pid_t client = send_keymaps_of(&s, files);
	for (int i = 0; i < 100 && s.guest.client; i++) {
		usleep(20000);
		turn(&s.world);
	}
	ck_assert_ptr_null(s.guest.client);
	for (int i = 0; i < N_STALLING; i++)
		fuse_file_behave(files[i], FUSE_ANSWERS);
	ck_assert_int_eq(waitpid(client, NULL, 0), client);
	wl_global_destroy(global);
	stage_stop(&s);
	for (int i = 0; i < N_STALLING; i++)
		fuse_file_stop(files[i]);
}
END_TEST

/* ---- Cases ---- */

static TCase *case_pictures(void)
{
	TCase *tcase = tcase_create("pictures");
	tcase_add_loop_test(tcase, upload_at_the_commit_has_the_new_pixels, 0, 3);
	tcase_add_loop_test(tcase, upload_has_what_one_percent_of_damage_has_changed, 0, 2);
	tcase_add_test(tcase, fresh_pool_for_each_frame_is_shown_right);
	tcase_add_test(tcase, picture_that_is_destroyed_stays_for_who_has_it_mapped);
	tcase_add_test(tcase, second_pool_of_a_batch_shows_its_own_picture);
	tcase_add_test(tcase, rows_that_are_too_short_for_their_pixels_hurt_nobody);
	tcase_add_loop_test(tcase, pool_that_grows_is_shown_right, 0, 2);
	tcase_add_test(tcase, pools_of_one_file_are_shown_right);
	tcase_add_test(tcase, punched_hole_is_shown_as_zeros);
	return tcase;
}

static TCase *case_cuts(void)
{
	TCase *tcase = tcase_create("cuts");
	tcase_add_loop_test(tcase, file_cut_before_its_commit_is_an_error, 0, 3);
	tcase_add_test(tcase, file_cut_and_grown_again_is_shown_as_it_is);
	tcase_add_test(tcase, file_that_is_cut_and_grown_all_the_time_stops_nobody);
	tcase_add_test(tcase, sealed_pool_that_grows_beyond_its_file_is_an_error);
	tcase_add_test(tcase, pool_that_grows_beyond_its_file_is_an_error_when_that_is_shown);
	tcase_add_test(tcase, buffer_that_is_destroyed_before_the_cut_stays_shown);
	return tcase;
}

static TCase *case_files(void)
{
	TCase *tcase = tcase_create("files");
	tcase_add_test(tcase, file_of_huge_pages_is_cut_and_hurts_nobody);
	tcase_add_test(tcase, file_on_a_disk_that_nobody_can_read_is_refused);
	tcase_add_loop_test(tcase, compositor_refuses_what_it_refuses_without_us, 0, 3);
	tcase_add_loop_test(tcase, keymap_that_is_shorter_than_it_says_ends_in_zeros, 0, 3);
	tcase_add_test(tcase, keymap_without_an_end_has_one);
	tcase_add_test(tcase, keymap_that_is_refused_is_not_read);
	tcase_add_test(tcase, keymaps_that_stall_are_forgiven_ten_times);
	return tcase;
}

static TCase *case_bounds(void)
{
	TCase *tcase = tcase_create("bounds");
	tcase_add_test(tcase, sparse_giant_costs_no_memory_and_little_time);
	tcase_add_test(tcase, picture_larger_than_any_screen_comes_in_parts);
	tcase_add_test(tcase, flood_of_commits_is_one_copy);
	tcase_add_test(tcase, flood_of_pools_of_one_large_file_is_a_copy_each_at_most);
	tcase_add_test(tcase, shadows_of_pools_that_are_kept_stay_within_the_bound);
	tcase_add_test(tcase, pools_that_are_gone_leave_few_shadows);
	tcase_add_test(tcase, client_that_shows_more_than_a_quarter_of_all_memory_is_disconnected);
	tcase_add_loop_test(
		tcase, what_the_compositor_has_mapped_of_pools_that_are_gone_counts_as_shown, 0, 2);
	tcase_add_test(tcase, nothing_is_left_of_a_client);
	return tcase;
}

RUNNER_MAIN("attacks", case_pictures, case_cuts, case_files, case_bounds)

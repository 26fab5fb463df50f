/* SPDX-License-Identifier: MIT */
/* How long pools live, and where their data lies. */
#include "world.h"

#include "../support/fixture.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD 0x11111111u

struct stage {
	struct world world;
	struct guest guest;
	struct memory memory;
	struct picture picture;
	uint32_t *data; /* the compositor's */
};

static void stage_start(struct stage *s)
{
	world_start(&s->world);
	guest_join(&s->guest, &s->world);
	picture_create_alone(&s->picture, &s->memory, &s->guest, OLD);
	s->data = wl_shm_buffer_get_data(s->picture.served);
}

static void stage_stop(struct stage *s)
{
	guest_leave(&s->guest);
	world_stop(&s->world);
}

START_TEST(data_stays_where_it_is_when_the_pool_grows)
{
	struct stage s;
	const int32_t room = IS_32_BIT ? 64 << 20 : 1 << 30;
	stage_start(&s);
	for (int32_t size = BYTES + 1; size < room; size *= 2) {
		memory_cut(&s.memory, (size_t)size);
		wl_shm_pool_resize(s.memory.pool, size);
		exchange(&s.guest);
		ck_assert_ptr_eq(wl_shm_buffer_get_data(s.picture.served), s.data);
		ck_assert_uint_eq(s.data[0], OLD);
	}
	assert_no_error(&s.guest);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

START_TEST(what_lies_behind_the_pool_is_zeros)
{
	struct stage s;
	stage_start(&s);
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(s.data[SIDE * SIDE + i], 0);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

START_TEST(buffer_outlives_the_pool_object)
{
	struct stage s;
	stage_start(&s);
	memory_destroy(&s.memory);
	exchange(&s.guest);
	assert_all_pixels(s.picture.served, OLD);
	wl_buffer_destroy(s.picture.buffer);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

/* As wlroots does when a client destroys a buffer that is still shown. */
START_TEST(what_was_read_stays_for_a_compositor_with_a_reference)
{
	struct stage s;
	stage_start(&s);
	assert_all_pixels(s.picture.served, OLD);
	struct wl_shm_pool *pool = wl_shm_buffer_ref_pool(s.picture.served);
	wl_buffer_destroy(s.picture.buffer);
	memory_cut(&s.memory, 0);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(s.data[i], OLD);
	guest_leave(&s.guest);
	ck_assert_uint_eq(s.data[SIDE], OLD);
	world_stop(&s.world);
	ck_assert_uint_eq(s.data[0], OLD);
	wl_shm_pool_unref(pool);
}
END_TEST

START_TEST(file_is_kept_when_the_client_has_closed_it)
{
	struct stage s;
	struct memory memory;
	struct picture second; /* nobody has read of its memory so far */
	stage_start(&s);
	memory_create(&memory, &s.guest, 2 * BYTES, 0);
	picture_create(&second, &s.guest, &memory, BYTES);
	picture_fill(&second, OLD);
	memory_destroy(&memory);
	exchange(&s.guest);
	assert_all_pixels(second.served, OLD);
	wl_buffer_destroy(second.buffer);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

static void *end_access(void *buffer)
{
	wl_shm_buffer_end_access(buffer);
	return NULL;
}

/* On the display's thread, and on a renderer's. */
START_TEST(access_may_end_when_the_buffer_and_its_client_are_gone)
{
	struct stage s;
	struct guest next;
	pthread_t renderer;
	stage_start(&s);
	wl_shm_buffer_begin_access(s.picture.served);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	exchange(&s.guest);
	guest_leave(&s.guest);
	ck_assert_uint_eq(s.data[SIDE * SIDE - 1], OLD);
	const size_t n_fds = count_fds();
	if (_i) {
		ck_assert_int_eq(pthread_create(&renderer, NULL, end_access, s.picture.served), 0);
		pthread_join(renderer, NULL);
	} else {
		end_access(s.picture.served);
	}
	guest_join(&next, &s.world); /* whose requests make the display's thread come by */
	ck_assert_uint_eq(count_fds(), n_fds - 1 + 2 + 1);
	guest_leave(&next);
	world_stop(&s.world);
}
END_TEST

START_TEST(pool_is_made_where_addresses_are_scarce)
{
	struct rlimit limit = { .rlim_cur = (rlim_t)1 << 30, .rlim_max = RLIM_INFINITY };
	struct stage s;
	if (IS_SANITIZED) {
		runner_skip("a sanitizer needs addresses of its own");
		return;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	stage_start(&s);
	assert_all_pixels(s.picture.served, OLD);
	memory_cut(&s.memory, 2 * BYTES);
	wl_shm_pool_resize(s.memory.pool, 2 * BYTES);
	assert_no_error(&s.guest);
	ck_assert_ptr_eq(wl_shm_buffer_get_data(s.picture.served), s.data);
	/* There is no room for this, and no harm in asking. */
	wl_shm_pool_resize(s.memory.pool, INT32_MAX);
	assert_error(&s.guest, "wl_shm_pool", WL_SHM_ERROR_INVALID_FD);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

static rlim_t address_space_taken(void)
{
	unsigned long n_pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &n_pages), 1);
	fclose(f);
	return (rlim_t)n_pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* libwayland lets planes go on behind the pool. Compositors read them. */
START_TEST(planes_can_be_read_where_addresses_are_scarce_or_are_refused)
{
	enum { WIDTH = 4096, MIB = 1 << 20 };
	struct rlimit limit = { .rlim_max = RLIM_INFINITY };
	struct stage s;
	struct memory memory;
	if (IS_SANITIZED) {
		runner_skip("a sanitizer needs addresses of its own");
		return;
	}
	stage_start(&s);
	wl_display_add_shm_format(s.world.display, WL_SHM_FORMAT_YUV444);
	memory_create(&memory, &s.guest, 16 * MIB, 0);
	wl_shm_pool_destroy(memory.pool);
	exchange(&s.guest);
	limit.rlim_cur = address_space_taken() + (rlim_t)(_i ? 24 : 256) * MIB;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	memory.pool = wl_shm_create_pool(s.guest.shm, memory.fd, 16 * MIB);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, 0, WIDTH, WIDTH, WIDTH, WL_SHM_FORMAT_YUV444);
	if (_i) {
		assert_error(&s.guest, "wl_shm_pool", WL_SHM_ERROR_INVALID_STRIDE);
	} else {
		exchange(&s.guest);
		struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
		ck_assert_ptr_nonnull(served);
		wl_shm_buffer_begin_access(served);
		const volatile char *data = wl_shm_buffer_get_data(served);
		for (size_t i = 0; i < (size_t)3 * WIDTH * WIDTH; i += WIDTH)
			ck_assert_int_eq(data[i], 0);
		wl_shm_buffer_end_access(served);
		assert_no_error(&s.guest);
	}
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

START_TEST(nothing_is_left_of_a_client)
{
	struct world world;
	struct guest guest;
	struct memory memory;
	struct picture picture;
	world_start(&world);
	guest_join(&guest, &world); /* what is made once, is made */
	guest_leave(&guest);
	size_t n_fds = count_fds();
	for (int i = 0; i < 20; i++) {
		guest_join(&guest, &world);
		picture_create_alone(&picture, &memory, &guest, OLD);
		struct wl_surface *surface = wl_compositor_create_surface(guest.compositor);
		show_all(&guest, surface, &picture);
		assert_all_pixels(picture.served, OLD);
		camera_shoot(&guest, picture.buffer);
		assert_all_pixels(picture.served, OLD);
		wl_surface_destroy(surface);
		wl_buffer_destroy(picture.buffer);
		memory_destroy(&memory);
		if (i % 2)
			exchange(&guest); /* else it dies with all that it has */
		guest_leave(&guest);
	}
	ck_assert_uint_eq(count_fds(), n_fds);
	world_stop(&world);
}
END_TEST

START_TEST(client_that_dies_before_its_commit_is_served_takes_nothing_along)
{
	struct stage s;
	stage_start(&s);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	wl_surface_attach(surface, s.picture.buffer, 0, 0);
	wl_buffer_destroy(s.picture.buffer);
	wl_surface_damage_buffer(surface, 0, 0, SIDE, SIDE);
	wl_surface_commit(surface);
	exchange(&s.guest);
	assert_no_error(&s.guest);
	wl_surface_destroy(surface);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

/* ---- Memory ---- */

static unsigned n_discards;

/* In front of the library's. */
int uffd_guard_discard(struct uffd_guard_region *region, uint64_t offset, uint64_t length)
{
	int (*next)(struct uffd_guard_region *, uint64_t, uint64_t);
	*(void **)&next = dlsym(RTLD_NEXT, "uffd_guard_discard");
	n_discards++;
	return next(region, offset, length);
}

static size_t count_resident_pages(const void *data, size_t length)
{
	unsigned char pages[256];
	size_t n = 0;
	ck_assert_int_eq(mincore((void *)data, length, pages), 0);
	for (size_t i = 0; i < length / (size_t)sysconf(_SC_PAGESIZE); i++)
		n += pages[i] & 1;
	return n;
}

START_TEST(memory_is_given_back_with_the_last_buffer)
{
	struct stage s;
	struct picture second;
	if (runner_skip_eager())
		return;
	stage_start(&s);
	picture_create(&second, &s.guest, &s.memory, 0);
	assert_all_pixels(s.picture.served, OLD);
	wl_buffer_destroy(s.picture.buffer);
	exchange(&s.guest);
	ck_assert_uint_ne(count_resident_pages(s.data, BYTES), 0);
	wl_buffer_destroy(second.buffer);
	exchange(&s.guest);
	ck_assert_uint_eq(count_resident_pages(s.data, BYTES), 0);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

/* Of a hundred thousand buffers, each of which looked for others on its pages, the end took
 * minutes. */
START_TEST(buffers_that_go_cost_nothing_but_the_last)
{
	enum { N = 1000 };
	struct stage s;
	struct picture pictures[N];
	if (runner_skip_eager())
		return;
	stage_start(&s);
	assert_all_pixels(s.picture.served, OLD);
	n_discards = 0;
	for (unsigned i = 0; i < N; i++)
		picture_create(&pictures[i], &s.guest, &s.memory, 0);
	for (unsigned i = 0; i < N; i++)
		wl_buffer_destroy(pictures[i].buffer);
	exchange(&s.guest);
	ck_assert_uint_eq(n_discards, 0);
	wl_buffer_destroy(s.picture.buffer);
	exchange(&s.guest);
	ck_assert_uint_eq(n_discards, 1);
	picture_create(&s.picture, &s.guest, &s.memory, 0);
	wl_buffer_destroy(s.picture.buffer); /* never read */
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	ck_assert_uint_eq(n_discards, 1);
	stage_stop(&s);
}
END_TEST

START_TEST(client_that_goes_is_unmapped_and_not_given_back_first)
{
	struct stage s;
	stage_start(&s);
	assert_all_pixels(s.picture.served, OLD);
	n_discards = 0;
	wl_client_destroy(s.guest.client);
	ck_assert_uint_eq(n_discards, 0);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

enum { N_COPIES = 16, COPY_ROWS = 16 * SIDE, COPY_BYTES = COPY_ROWS * STRIDE };

/* Pools, each of its own file and with a buffer that is all of it: 4 MiB, where 1 is allowed. */
struct copies {
	struct memory memories[N_COPIES];
	struct picture pictures[N_COPIES];
	const char *data[N_COPIES];
};

static void copies_fill(struct copies *copies, int byte)
{
	for (unsigned i = 0; i < N_COPIES; i++)
		memset(copies->memories[i].pixels, byte, COPY_BYTES);
}

static void copies_create(struct copies *copies, struct guest *guest)
{
	for (unsigned i = 0; i < N_COPIES; i++) {
		memory_create(&copies->memories[i], guest, COPY_BYTES, 0);
		copies->pictures[i].buffer = wl_shm_pool_create_buffer(copies->memories[i].pool, 0,
			SIDE, COPY_ROWS, STRIDE, WL_SHM_FORMAT_XRGB8888);
		exchange(guest);
		copies->pictures[i].served = served_buffer(guest, copies->pictures[i].buffer);
	}
	copies_fill(copies, 0x11);
}

static void copies_destroy(struct copies *copies)
{
	for (unsigned i = 0; i < N_COPIES; i++) {
		wl_buffer_destroy(copies->pictures[i].buffer);
		memory_destroy(&copies->memories[i]);
	}
}

static void copies_show(
	struct copies *copies, struct guest *guest, struct wl_surface *surface, unsigned i)
{
	show_all(guest, surface, &copies->pictures[i]);
	ck_assert_uint_eq(pixel_at(copies->pictures[i].served, 0, 0), OLD);
	copies->data[i] = wl_shm_buffer_get_data(copies->pictures[i].served);
}

static size_t copies_resident(const struct copies *copies)
{
	size_t n = 0;
	for (unsigned i = 0; i < N_COPIES; i++)
		n += count_resident_pages(copies->data[i], COPY_BYTES);
	return n * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(copies_that_are_not_in_use_are_bounded)
{
	struct stage s;
	struct copies copies;
	if (runner_skip_eager())
		return;
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "1", 1);
	stage_start(&s);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	copies_create(&copies, &s.guest);
	for (unsigned i = 0; i < N_COPIES; i++)
		copies_show(&copies, &s.guest, surface, i);
	/* What is in use, and one MiB more. */
	ck_assert_uint_le(copies_resident(&copies), (1 << 20) + COPY_BYTES);
	/* What was given back comes back, all of it, whatever the damage. */
	copies_fill(&copies, 0x22);
	show(&s.guest, surface, &copies.pictures[0], 0, 0, 1, 1);
	ck_assert_uint_eq(pixel_at(copies.pictures[0].served, 1, COPY_ROWS - 1), 0x22222222u);
	wl_surface_destroy(surface);
	copies_destroy(&copies);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

/* Three buffers in turn, of which two are not in use, and just fit. */
START_TEST(buffers_in_turn_are_not_given_back_if_all_but_the_one_in_use_fit)
{
	struct stage s;
	struct memory memories[3];
	struct picture pictures[3];
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "1", 1);
	stage_start(&s);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	for (unsigned i = 0; i < 3; i++) {
		memory_create(&memories[i], &s.guest, 2 * COPY_BYTES, 0);
		pictures[i].buffer = wl_shm_pool_create_buffer(
			memories[i].pool, 0, SIDE, 2 * COPY_ROWS, STRIDE, WL_SHM_FORMAT_XRGB8888);
		exchange(&s.guest);
		pictures[i].served = served_buffer(&s.guest, pictures[i].buffer);
	}
	wl_buffer_destroy(s.picture.buffer);
	exchange(&s.guest);
	n_discards = 0;
	for (unsigned i = 0; i < 12; i++) {
		usleep(20000); /* one that is shown again sooner, on a busy machine, is of a flood
				*/
		show_all(&s.guest, surface, &pictures[i % 3]);
		pixel_at(pictures[i % 3].served, 0, 0);
	}
	ck_assert_uint_eq(n_discards, 0);
	assert_no_error(&s.guest);
	wl_surface_destroy(surface);
	for (unsigned i = 0; i < 3; i++) {
		wl_buffer_destroy(pictures[i].buffer);
		memory_destroy(&memories[i]);
	}
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

START_TEST(pools_of_one_file_have_one_copy)
{
	struct stage s;
	struct wl_shm_pool *pools[3];
	struct picture pictures[3];
	struct wl_surface *surfaces[3];
	stage_start(&s);
	/* The second one is larger than the file's first pool, the third one is smaller. */
	memory_cut(&s.memory, 2 * (size_t)BYTES);
	for (unsigned i = 0; i < 3; i++) {
		const int32_t size = (int32_t)BYTES * (i == 1 ? 2 : 1);
		pools[i] = wl_shm_create_pool(s.guest.shm, s.memory.fd, size);
		pictures[i].buffer = wl_shm_pool_create_buffer(pools[i], size - (int32_t)BYTES,
			SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
		surfaces[i] = wl_compositor_create_surface(s.guest.compositor);
		show_all(&s.guest, surfaces[i], &pictures[i]);
		pictures[i].served = served_buffer(&s.guest, pictures[i].buffer);
		assert_all_pixels(pictures[i].served, i == 1 ? 0 : OLD);
	}
	ck_assert_ptr_eq(wl_shm_buffer_get_data(pictures[0].served), s.data);
	ck_assert_ptr_eq(wl_shm_buffer_get_data(pictures[1].served), s.data + SIDE * SIDE);
	ck_assert_ptr_eq(wl_shm_buffer_get_data(pictures[2].served), s.data);

	/* What is left of them goes on, whichever goes first. */
	wl_buffer_destroy(s.picture.buffer);
	memset(s.memory.pixels, 0x22, BYTES);
	memory_destroy(&s.memory);
	wl_buffer_destroy(pictures[1].buffer);
	wl_shm_pool_destroy(pools[1]);
	show_all(&s.guest, surfaces[2], &pictures[2]);
	assert_all_pixels(pictures[2].served, 0x22222222u);
	for (unsigned i = 0; i < 3; i += 2) {
		wl_buffer_destroy(pictures[i].buffer);
		wl_shm_pool_destroy(pools[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		wl_surface_destroy(surfaces[i]);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

START_TEST(each_pool_of_a_file_has_its_own_size)
{
	struct stage s;
	stage_start(&s);
	struct wl_shm_pool *larger =
		wl_shm_create_pool(s.guest.shm, s.memory.fd, 2 * (int32_t)BYTES);
	wl_shm_pool_resize(s.memory.pool, (int32_t)BYTES + STRIDE);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		s.memory.pool, STRIDE, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	assert_no_error(&s.guest);
	wl_buffer_destroy(buffer);
	buffer = wl_shm_pool_create_buffer(
		s.memory.pool, 2 * STRIDE, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
	exchange(&s.guest);
	assert_error(&s.guest, "wl_shm_pool", WL_SHM_ERROR_INVALID_STRIDE);
	wl_buffer_destroy(buffer);
	wl_shm_pool_destroy(larger);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

/* Shows a pool of 2 GiB of hole, in place of the one before. False if the client is told that it
 * has no memory. */
static bool show_hole(struct guest *guest, struct wl_surface *surface)
{
	const int32_t rows = INT32_MAX / 4096;
	int fd = memfd_create("hole", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, (off_t)rows * 4096), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(guest->shm, fd, rows * 4096);
	const struct picture picture = { .buffer = wl_shm_pool_create_buffer(pool, 0, 1024, rows,
						 4096, WL_SHM_FORMAT_XRGB8888) };
	show(guest, surface, &picture, 0, 0, 1, 1);
	close(fd);
	const bool is_served = wl_display_get_error(guest->connection) == 0;
	if (is_served)
		pixel_at(served_buffer(guest, picture.buffer), 0, 0);
	/* The client's objects only. */
	wl_proxy_destroy((struct wl_proxy *)picture.buffer);
	wl_proxy_destroy((struct wl_proxy *)pool);
	return is_served;
}

/* They are a 512th of it, and stay until the pool is unmapped. */
START_TEST(tables_of_pages_that_were_given_back_count)
{
	const uint64_t quarter = (uint64_t)sysconf(_SC_PHYS_PAGES) / 4 *
				 (uint64_t)sysconf(_SC_PAGESIZE),
		       most = quarter / ((uint64_t)INT32_MAX / 512) + 1;
	struct stage s;
	unsigned n = 0;
	if (runner_skip_eager())
		return;
	if (IS_32_BIT) {
		runner_skip(NO_ROOM_FOR_GIBS);
		return;
	}
	if (most > 4000) { /* of 256 GiB */
		runner_skip("it would take too many pools to fill this machine with tables");
		return;
	}
	stage_start(&s);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	while (n <= most && show_hole(&s.guest, surface))
		n++;
	ck_assert_uint_le(n, most);
	ck_assert_int_eq(wl_display_get_error(s.guest.connection), ENOMEM);
	wl_surface_destroy(surface);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

/* Of holes, so that the test needs no memory. */
START_TEST(client_that_shows_more_than_a_quarter_of_all_memory_is_disconnected)
{
	const size_t gib = (size_t)1 << 30;
	const size_t quarter = (size_t)sysconf(_SC_PHYS_PAGES) / 4 * (size_t)sysconf(_SC_PAGESIZE);
	const size_t n = quarter / gib > 1 ? quarter / gib : 1;
	struct stage s;
	struct memory memory;
	if (runner_skip_eager())
		return;
	if (IS_32_BIT) {
		runner_skip(NO_ROOM_FOR_GIBS);
		return;
	}
	stage_start(&s);
	for (size_t i = 0; i <= n; i++) {
		assert_no_error(&s.guest);
		memory_create(&memory, &s.guest, gib, 0);
		struct wl_shm_pool *pool = memory.pool;
		const struct picture picture = { .buffer = wl_shm_pool_create_buffer(pool, 0, 16384,
							 16384, 65536, WL_SHM_FORMAT_XRGB8888) };
		struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
		show(&s.guest, surface, &picture, 0, 0, 1, 1);
		if (i < n)
			pixel_at(served_buffer(&s.guest, picture.buffer), 0, 0);
		/* The client's objects only. */
		wl_proxy_destroy((struct wl_proxy *)surface);
		wl_proxy_destroy((struct wl_proxy *)picture.buffer);
		wl_proxy_destroy((struct wl_proxy *)pool);
		munmap(memory.pixels, gib);
		close(memory.fd);
	}
	exchange(&s.guest);
	ck_assert_int_eq(wl_display_get_error(s.guest.connection), ENOMEM);
	assert_disconnected(&s.guest);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

START_TEST(what_is_in_use_is_not_given_back)
{
	struct stage s;
	struct copies copies;
	struct wl_surface *surfaces[N_COPIES];
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "1", 1);
	stage_start(&s);
	copies_create(&copies, &s.guest);
	for (unsigned i = 0; i < N_COPIES; i++) {
		surfaces[i] = wl_compositor_create_surface(s.guest.compositor);
		copies_show(&copies, &s.guest, surfaces[i], i);
	}
	struct wl_shm_pool *pool = wl_shm_buffer_ref_pool(copies.pictures[0].served);
	wl_surface_attach(surfaces[0], NULL, 0, 0);
	wl_surface_commit(surfaces[0]);
	exchange(&s.guest);
	copies_fill(&copies, 0x22);
	usleep(50000); /* so often it is looked for something to give back */
	assert_all_pixels(s.picture.served, OLD); /* one more */
	for (unsigned i = 0; i < N_COPIES; i++)
		ck_assert_int_eq(copies.data[i][COPY_BYTES - 1], 0x11);
	wl_shm_pool_unref(pool);
	copies_destroy(&copies);
	for (unsigned i = 0; i < N_COPIES; i++)
		wl_surface_destroy(surfaces[i]);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

/* Two pictures of one pool: one goes, the other stays where it is. */
START_TEST(what_is_in_use_of_a_pool_stays_when_the_rest_of_it_goes)
{
	struct stage s;
	struct memory memory;
	struct picture first, second;
	setenv("UFFD_GUARD_WL_SHM_MEMORY", "0", 1);
	stage_start(&s);
	struct wl_surface *surface = wl_compositor_create_surface(s.guest.compositor);
	memory_create(&memory, &s.guest, 4 * BYTES, 0);
	picture_create(&first, &s.guest, &memory, BYTES);
	picture_create(&second, &s.guest, &memory, 3 * BYTES);
	picture_fill(&first, OLD);
	picture_fill(&second, OLD);
	assert_all_pixels(second.served, OLD);
	show_all(&s.guest, surface, &first);
	assert_all_pixels(first.served, OLD);
	picture_fill(&first, 0x22222222u);
	picture_fill(&second, 0x22222222u);
	usleep(50000); /* so often it is looked for something to give back */
	assert_all_pixels(s.picture.served, OLD); /* one more */
	const uint32_t *data = wl_shm_buffer_get_data(first.served);
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(data[i], OLD);
	if (!runner_skip_eager())
		ck_assert_uint_eq(
			count_resident_pages((const char *)data + 2 * (ptrdiff_t)BYTES, BYTES), 0);
	wl_surface_destroy(surface);
	wl_buffer_destroy(first.buffer);
	wl_buffer_destroy(second.buffer);
	memory_destroy(&memory);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

/* A pool of a file of its own. */
static struct wl_shm_pool *create_pool(struct guest *guest)
{
	int fd = memfd_create("pool", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, BYTES), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(guest->shm, fd, BYTES);
	close(fd);
	return pool;
}

static rlim_t descriptor_limit(void)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

START_TEST(limit_of_descriptors_is_raised_when_needed_and_not_inherited)
{
	struct rlimit limit = { .rlim_cur = 300, .rlim_max = 600 };
	struct stage s;
	int status;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	stage_start(&s);
	ck_assert_uint_eq(descriptor_limit(), 300);
	ck_assert_int_eq(pclose(popen("test $(ulimit -Sn) -eq 300", "r")), 0);
	/* One client with half of that many pools: Xwayland. */
	struct wl_shm_pool *pools[250];
	for (unsigned i = 0; i < 250; i++) {
		pools[i] = create_pool(&s.guest);
		exchange(&s.guest);
	}
	assert_no_error(&s.guest);
	ck_assert_uint_eq(descriptor_limit(), 600);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(descriptor_limit() == 300 ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	for (unsigned i = 0; i < 250; i++)
		wl_shm_pool_destroy(pools[i]);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	assert_no_error(&s.guest);
	stage_stop(&s);
}
END_TEST

/* As many as it gets. */
static void take_pools(struct guest *guest, unsigned most)
{
	for (unsigned i = 0; i < most && wl_display_get_error(guest->connection) == 0; i++) {
		struct wl_shm_pool *pool = create_pool(guest);
		exchange(guest);
		exchange(guest);
		wl_proxy_destroy((struct wl_proxy *)pool); /* the client's object only */
	}
}

START_TEST(many_connections_leave_descriptors_for_one_more)
{
	enum { N = 16 };
	struct rlimit limit = { .rlim_cur = 600, .rlim_max = 600 };
	struct stage s;
	struct guest guests[N], honest;
	struct memory memory;
	struct picture picture;
	int sockets[N][2];
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	stage_start(&s);
	for (unsigned i = 0; i < N; i++) {
		/* One program with all of them, or as many programs. */
		if (_i == 0 || i == 0)
			process_connect(sockets + i, _i ? N : 1);
		guest_join_by(&guests[i], &s.world, sockets[i]);
		take_pools(&guests[i], 60);
	}
	guest_join(&honest, &s.world);
	picture_create_alone(&picture, &memory, &honest, OLD);
	assert_all_pixels(picture.served, OLD);
	assert_no_error(&honest);
	wl_buffer_destroy(picture.buffer);
	memory_destroy(&memory);
	guest_leave(&honest);
	for (unsigned i = 0; i < N; i++)
		guest_leave(&guests[i]);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

/* The bound is that of descriptors.c, and none of the guard's own comes before it. */
START_TEST(pools_are_had_when_others_have_three_quarters_of_the_descriptors)
{
	enum { N = 12, EACH = 64, LIMIT = N * EACH / 3 * 4 };
	struct rlimit limit = { .rlim_cur = LIMIT, .rlim_max = LIMIT };
	struct stage s;
	struct guest guests[N];
	int sockets[N][2];
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	stage_start(&s);
	for (unsigned i = 0; i < N; i++) {
		process_connect(sockets + i, 1);
		guest_join_by(&guests[i], &s.world, sockets[i]);
		take_pools(&guests[i], EACH);
		assert_no_error(&guests[i]);
	}
	for (unsigned i = 0; i < N; i++)
		guest_leave(&guests[i]);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

START_TEST(no_signal_handler_is_installed)
{
	struct sigaction before, after;
	ck_assert_int_eq(sigaction(SIGBUS, NULL, &before), 0);
	struct stage s;
	stage_start(&s);
	assert_all_pixels(s.picture.served, OLD);
	ck_assert_int_eq(sigaction(SIGBUS, NULL, &after), 0);
	ck_assert(before.sa_handler == after.sa_handler);
	wl_buffer_destroy(s.picture.buffer);
	memory_destroy(&s.memory);
	stage_stop(&s);
}
END_TEST

/* ---- Memory that a client leaves behind ---- */

static atomic_ulong watched;   /* inode; 0: none */
static atomic_int last_closer; /* its thread */
static pthread_mutex_t closing = PTHREAD_MUTEX_INITIALIZER;

static bool is_watched(int fd)
{
	struct stat st;
	return watched != 0 && fstat(fd, &st) == 0 && st.st_ino == watched;
}

/* In front of the C library's. */
__attribute__((visibility("default"))) int close(int fd)
{
	if (!is_watched(fd))
		return (int)syscall(SYS_close, fd);
	pthread_mutex_lock(&closing);
	const int result = (int)syscall(SYS_close, fd);
	last_closer = gettid();
	pthread_mutex_unlock(&closing);
	return result;
}

/* Not in the middle of a close, which takes the descriptor first. */
static bool is_watched_open(void)
{
	bool is_open = false;
	pthread_mutex_lock(&closing);
	DIR *all = opendir("/proc/self/fd");
	for (struct dirent *entry; (entry = readdir(all));)
		is_open |= is_watched(atoi(entry->d_name));
	closedir(all);
	pthread_mutex_unlock(&closing);
	return is_open;
}

/* The last close of a file frees its pages. The client has given its own descriptor up before. */
START_TEST(display_does_not_free_what_a_client_leaves_behind)
{
	enum { LENGTH = 16 << 20 };
	struct world world;
	struct guest guest;
	struct stat st;
	world_start(&world);
	guest_join(&guest, &world);
	const int fd = memfd_create("left behind", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fallocate(fd, 0, 0, LENGTH), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(guest.shm, fd, LENGTH);
	assert_no_error(&guest);
	watched = st.st_ino;
	close(fd);
	wl_shm_pool_destroy(pool);
	wl_display_flush(guest.connection);
	turn(&world);
	for (unsigned i = 0; i < 500 && is_watched_open(); i++)
		usleep(10000);
	ck_assert(!is_watched_open());
	ck_assert_int_ne(last_closer, gettid());
	watched = 0;
	guest_leave(&guest);
	world_stop(&world);
}
END_TEST

static TCase *pools(void)
{
	TCase *tcase = tcase_create("pools");
	tcase_add_test(tcase, data_stays_where_it_is_when_the_pool_grows);
	tcase_add_test(tcase, what_lies_behind_the_pool_is_zeros);
	tcase_add_test(tcase, buffer_outlives_the_pool_object);
	tcase_add_test(tcase, what_was_read_stays_for_a_compositor_with_a_reference);
	tcase_add_test(tcase, file_is_kept_when_the_client_has_closed_it);
	tcase_add_loop_test(tcase, access_may_end_when_the_buffer_and_its_client_are_gone, 0, 2);
	tcase_add_test(tcase, pool_is_made_where_addresses_are_scarce);
	tcase_add_loop_test(
		tcase, planes_can_be_read_where_addresses_are_scarce_or_are_refused, 0, 2);
	tcase_add_test(tcase, nothing_is_left_of_a_client);
	tcase_add_test(tcase, client_that_dies_before_its_commit_is_served_takes_nothing_along);
	tcase_add_test(tcase, limit_of_descriptors_is_raised_when_needed_and_not_inherited);
	tcase_add_loop_test(tcase, many_connections_leave_descriptors_for_one_more, 0, 2);
	tcase_add_test(tcase, pools_are_had_when_others_have_three_quarters_of_the_descriptors);
	tcase_add_test(tcase, no_signal_handler_is_installed);
	return tcase;
}

static TCase *memory(void)
{
	TCase *tcase = tcase_create("memory");
	tcase_add_test(tcase, memory_is_given_back_with_the_last_buffer);
	tcase_add_test(tcase, buffers_that_go_cost_nothing_but_the_last);
	tcase_add_test(tcase, client_that_goes_is_unmapped_and_not_given_back_first);
	tcase_add_test(tcase, copies_that_are_not_in_use_are_bounded);
	add_of_libwayland(tcase, pools_of_one_file_have_one_copy);
	add_of_libwayland(tcase, each_pool_of_a_file_has_its_own_size);
	add_of_libwayland(tcase, tables_of_pages_that_were_given_back_count);
	tcase_add_test(tcase, buffers_in_turn_are_not_given_back_if_all_but_the_one_in_use_fit);
	tcase_add_test(tcase, client_that_shows_more_than_a_quarter_of_all_memory_is_disconnected);
	tcase_add_test(tcase, what_is_in_use_is_not_given_back);
	tcase_add_test(tcase, what_is_in_use_of_a_pool_stays_when_the_rest_of_it_goes);
	tcase_add_test(tcase, display_does_not_free_what_a_client_leaves_behind);
	return tcase;
}

RUNNER_MAIN("pools", pools, memory)

/* SPDX-License-Identifier: MIT */
/*
 * What a client may ask for, and what it is told where it may not: as libwayland does it. That it
 * does is tested too, by the same tests without our library (IS_LIBWAYLAND).
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef IS_LIBWAYLAND
#define IS_LIBWAYLAND 0
#endif

#define POOL 65536

struct stage {
	struct world world;
	struct guest guest;
};

static void stage_start(struct stage *s)
{
	world_start(&s->world);
	guest_join(&s->guest, &s->world);
}

static void stage_stop(struct stage *s)
{
	guest_leave(&s->guest);
	world_stop(&s->world);
}

/* ---- Buffers ---- */

static const struct layout {
	const char *what;
	int32_t offset, width, height, stride;
	uint32_t format;
	uint32_t code; /* of the error on the pool */
} layouts[] = {
#define NONE	UINT32_MAX
#define OURS	(UINT32_MAX - 1) /* libwayland takes it, and we as a wrong stride */
#define STRIDE_ WL_SHM_ERROR_INVALID_STRIDE
#define FORMAT_ WL_SHM_ERROR_INVALID_FORMAT
#define XRGB	WL_SHM_FORMAT_XRGB8888
	{ "all of the pool", 0, 128, 128, 512, XRGB, NONE },
	{ "the end of the pool", 65536 - 512, 128, 1, 512, XRGB, NONE },
	{ "one pixel", 0, 1, 1, 4, XRGB, NONE },
	{ "padding behind each row", 0, 100, 128, 512, XRGB, NONE },
	{ "negative offset", -4, 128, 1, 512, XRGB, STRIDE_ },
	{ "no width", 0, 0, 128, 512, XRGB, STRIDE_ },
	{ "negative width", 0, -1, 128, 512, XRGB, STRIDE_ },
	{ "no height", 0, 128, 0, 512, XRGB, STRIDE_ },
	{ "negative height", 0, 128, -1, 512, XRGB, STRIDE_ },
	{ "no stride", 0, 128, 128, 0, XRGB, STRIDE_ },
	{ "negative stride", 0, 128, 128, -512, XRGB, STRIDE_ },
	{ "stride below the width", 0, 128, 128, 127, XRGB, STRIDE_ },
	{ "stride below the bytes of a row", 0, 128, 128, 511, XRGB, OURS },
	{ "stride of one byte a pixel", 0, 128, 128, 128, XRGB, OURS },
	{ "one row too many", 0, 128, 129, 512, XRGB, STRIDE_ },
	{ "one byte too far", 1, 128, 128, 512, XRGB, STRIDE_ },
	{ "more bytes than an int32 holds", 0, 16384, 65536, 65536, XRGB, STRIDE_ },
	{ "rows whose bytes wrap around", 0, 0x40000000, 1, 0x7fffffff, XRGB, STRIDE_ },
	{ "offset that wraps around", 0x7fffffff, 128, 1, 512, XRGB, STRIDE_ },
	{ "unknown format", 0, 128, 128, 512, 0x12345678, FORMAT_ },
	{ "format that nobody added", 0, 128, 128, 512, WL_SHM_FORMAT_RGBX8888, FORMAT_ },
	{ "two bytes a pixel", 0, 256, 128, 512, WL_SHM_FORMAT_RGB565, NONE },
	{ "less than two bytes a pixel", 0, 256, 128, 511, WL_SHM_FORMAT_RGB565, OURS },
	{ "a plane of one byte a pixel", 0, 128, 128, 128, WL_SHM_FORMAT_NV12, NONE },
	{ "planes that go on behind the pool", 0, 256, 256, 256, WL_SHM_FORMAT_NV12, NONE },
	{ "a format that only libwayland's rule is known of", 0, 128, 128, 128,
		WL_SHM_FORMAT_XRGB8888_A8, NONE },
};

START_TEST(layout_is_judged)
{
	const struct layout *layout = &layouts[_i];
	struct stage s;
	struct memory memory;
	stage_start(&s);
	wl_display_add_shm_format(s.world.display, WL_SHM_FORMAT_RGB565);
	wl_display_add_shm_format(s.world.display, WL_SHM_FORMAT_NV12);
	wl_display_add_shm_format(s.world.display, WL_SHM_FORMAT_XRGB8888_A8);
	memory_create(&memory, &s.guest, POOL, 0);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(memory.pool, layout->offset,
		layout->width, layout->height, layout->stride, layout->format);
	printf("%s\n", layout->what);
	const uint32_t ours = IS_LIBWAYLAND ? NONE : STRIDE_,
		       code = layout->code == OURS ? ours : layout->code;
	if (code == NONE)
		assert_no_error(&s.guest);
	else
		assert_error(&s.guest, "wl_shm_pool", code);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	stage_stop(&s);
}
END_TEST

START_TEST(buffer_is_what_the_client_asked_for)
{
	struct stage s;
	struct memory memory;
	stage_start(&s);
	memory_create(&memory, &s.guest, POOL, 0);
	struct wl_buffer *buffer =
		wl_shm_pool_create_buffer(memory.pool, 4096, 30, 20, 128, WL_SHM_FORMAT_ARGB8888);
	exchange(&s.guest);
	struct wl_shm_buffer *served = served_buffer(&s.guest, buffer);
	ck_assert_int_eq(wl_shm_buffer_get_width(served), 30);
	ck_assert_int_eq(wl_shm_buffer_get_height(served), 20);
	ck_assert_int_eq(wl_shm_buffer_get_stride(served), 128);
	ck_assert_uint_eq(wl_shm_buffer_get_format(served), WL_SHM_FORMAT_ARGB8888);
	memory.pixels[1024] = 42;
	ck_assert_uint_eq(pixel_at(served, 0, 0), 42);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	stage_stop(&s);
}
END_TEST

START_TEST(what_is_no_buffer_of_wl_shm_is_none)
{
	struct stage s;
	stage_start(&s);
	struct wl_resource *resource = wl_client_get_object(
		s.guest.client, wl_proxy_get_id((struct wl_proxy *)s.guest.shm));
	ck_assert_ptr_nonnull(resource);
	ck_assert_ptr_null(wl_shm_buffer_get(resource));
	ck_assert_ptr_null(wl_shm_buffer_get(NULL));
	stage_stop(&s);
}
END_TEST

/* ---- Formats ---- */

START_TEST(formats_are_advertised)
{
	struct world world;
	struct guest guest;
	world_start(&world);
	ck_assert_uint_eq(
		*wl_display_add_shm_format(world.display, WL_SHM_FORMAT_YUYV), WL_SHM_FORMAT_YUYV);
	guest_join(&guest, &world);
	ck_assert_uint_eq(guest.n_formats, 3);
	ck_assert_uint_eq(guest.formats[0], WL_SHM_FORMAT_ARGB8888);
	ck_assert_uint_eq(guest.formats[1], WL_SHM_FORMAT_XRGB8888);
	ck_assert_uint_eq(guest.formats[2], WL_SHM_FORMAT_YUYV);
	guest_leave(&guest);
	world_stop(&world);
}
END_TEST

/* ---- Pools ---- */

static void assert_pool_refused(int fd, int32_t size, uint32_t code)
{
	struct stage s;
	stage_start(&s);
	struct wl_shm_pool *pool = wl_shm_create_pool(s.guest.shm, fd, size);
	assert_error(&s.guest, "wl_shm", code);
	wl_shm_pool_destroy(pool);
	stage_stop(&s);
	close(fd);
}

START_TEST(pool_without_size_is_refused)
{
	const int32_t sizes[] = { 0, -1, INT32_MIN };
	assert_pool_refused(memfd_create("", 0), sizes[_i], WL_SHM_ERROR_INVALID_STRIDE);
}
END_TEST

START_TEST(descriptor_that_is_no_file_is_refused)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	assert_pool_refused(ends[0], 4096, WL_SHM_ERROR_INVALID_FD);
	assert_pool_refused(ends[1], 4096, WL_SHM_ERROR_INVALID_FD);
	assert_pool_refused(open("/", O_RDONLY), 4096, WL_SHM_ERROR_INVALID_FD);
	assert_pool_refused(open("/dev/null", O_RDWR), 4096, WL_SHM_ERROR_INVALID_FD);
}
END_TEST

/* libwayland cannot map these shared and writable. */
START_TEST(file_that_cannot_be_written_is_refused)
{
	int fd = memfd_create("", MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_pool_refused(open(path, O_RDONLY), 4096, WL_SHM_ERROR_INVALID_FD);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_pool_refused(fd, 4096, WL_SHM_ERROR_INVALID_FD);
}
END_TEST

START_TEST(pool_must_not_shrink)
{
	struct stage s;
	struct memory memory;
	stage_start(&s);
	memory_create(&memory, &s.guest, POOL, 0);
	wl_shm_pool_resize(memory.pool, POOL - 1);
	assert_error(&s.guest, "wl_shm_pool", WL_SHM_ERROR_INVALID_FD);
	memory_destroy(&memory);
	stage_stop(&s);
}
END_TEST

START_TEST(pool_may_grow_as_far_as_the_protocol_allows)
{
	struct stage s;
	struct memory memory;
	if (IS_32_BIT) {
		runner_skip(NO_ROOM_FOR_GIBS);
		return;
	}
	stage_start(&s);
	memory_create(&memory, &s.guest, POOL, 0);
	wl_shm_pool_resize(memory.pool, INT32_MAX);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		memory.pool, INT32_MAX - 4, 1, 1, 4, WL_SHM_FORMAT_XRGB8888);
	assert_no_error(&s.guest);
	wl_buffer_destroy(buffer);
	memory_destroy(&memory);
	stage_stop(&s);
}
END_TEST

START_TEST(one_client_cannot_take_all_descriptors)
{
	if (IS_LIBWAYLAND)
		return;
	enum { LIMIT = 512 };
	struct rlimit limit = { .rlim_cur = LIMIT, .rlim_max = LIMIT };
	struct wl_shm_pool *pools[LIMIT];
	struct world world;
	struct guest greedy, modest;
	struct memory memory;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	world_start(&world);
	guest_join(&greedy, &world);
	guest_join(&modest, &world);
	unsigned n = 0;
	while (n < LIMIT && wl_display_get_error(greedy.connection) == 0) {
		int fd = memfd_create("", 0);
		pools[n++] = wl_shm_create_pool(greedy.shm, fd, 4096);
		close(fd);
		exchange(&greedy);
	}
	ck_assert_int_eq(wl_display_get_error(greedy.connection), ENOMEM);
	memory_create(&memory, &modest, POOL, 0);
	assert_no_error(&modest);
	memory_destroy(&memory);
	while (n > 0)
		wl_shm_pool_destroy(pools[--n]);
	guest_leave(&greedy);
	guest_leave(&modest);
	world_stop(&world);
}
END_TEST

static TCase *buffers(void)
{
	TCase *tcase = tcase_create("buffers");
	tcase_add_loop_test(
		tcase, layout_is_judged, 0, (int)(sizeof(layouts) / sizeof(layouts[0])));
	tcase_add_test(tcase, buffer_is_what_the_client_asked_for);
	tcase_add_test(tcase, what_is_no_buffer_of_wl_shm_is_none);
	tcase_add_test(tcase, formats_are_advertised);
	return tcase;
}

static TCase *pools(void)
{
	TCase *tcase = tcase_create("pools");
	tcase_add_loop_test(tcase, pool_without_size_is_refused, 0, 3);
	tcase_add_test(tcase, descriptor_that_is_no_file_is_refused);
	tcase_add_test(tcase, file_that_cannot_be_written_is_refused);
	tcase_add_test(tcase, pool_must_not_shrink);
	tcase_add_test(tcase, pool_may_grow_as_far_as_the_protocol_allows);
	tcase_add_test(tcase, one_client_cannot_take_all_descriptors);
	return tcase;
}

RUNNER_MAIN("protocol", buffers, pools)

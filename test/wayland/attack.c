/* SPDX-License-Identifier: MIT */
/*
 * Each attack is a client that has a window of its own and does one thing to the memory behind it.
 * After the deed it insists: it commits and waits for frames until it is thrown out or clearly will
 * not be. What the compositor made of it is the caller's to see.
 */
#include "attack.h"

#include "output_capture.h"

#include "picture.h"

#include "screencopy-client-protocol.h"
#include "screenshooter-client-protocol.h"
#include "virtual-keyboard-client-protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH  200
#define HEIGHT 150
#define SIZE   (WIDTH * HEIGHT * 4)
#define PAGE   4096
#define DARK   0x00302010 /* the witness has no such colour */

/* In huge pages only what cuts them: their sizes are no others' sizes. */
#define BIT(kind)	  (1u << (kind))
#define ALL_KINDS	  (BIT(FILE_HUGETLB) - 1)
#define KINDS_THAT_SHRINK (ALL_KINDS & ~BIT(FILE_MEMFD_SEALED))
#define KINDS_AND_HUGE	  (KINDS_THAT_SHRINK | BIT(FILE_HUGETLB))

/* A sheet over a file of @file_size bytes, painted as far as there is file. */
static int make_sheet(struct attacker *attacker, struct sheet *sheet, off_t file_size)
{
	int fd = file_make_sized(attacker->kind, file_size);
	if (fd < 0)
		return fd;
	file_paint(fd, 0, (size_t)file_size / 4, DARK);
	sheet_init(sheet, &attacker->client, fd, WIDTH, HEIGHT);
	return 0;
}

static int show_sheet(struct attacker *attacker, struct sheet *sheet)
{
	int err = make_sheet(attacker, sheet, SIZE);
	return err ? err : window_show(&attacker->window, sheet);
}

/* A sheet of NULL: the surface's content stays what it is. */
static int insist(struct attacker *attacker, struct sheet *sheet)
{
	int err = 0;
	for (int i = 0; i < 3 && !err; i++)
		err = window_show(&attacker->window, sheet);
	return err ? err : client_roundtrip(&attacker->client);
}

/* What fails here fails on purpose: the next thing seen is a file that was not cut. */
static void cut(int fd, off_t size)
{
	int err = ftruncate(fd, size) < 0 ? -errno : 0;
	if (err == -EINVAL) /* a file of huge pages has whole ones */
		err = ftruncate(fd, size < PAGE ? 0 : (off_t)FILE_HUGE_PAGE) < 0 ? -errno : 0;
	(void)err;
}

/* ---- What is on the screen ---- */

#define COMMITTED     0x00001177
#define NOT_COMMITTED 0x00117700

static uint64_t count_pixels(const struct picture *picture, uint32_t colour)
{
	uint64_t n = 0;
	for (int32_t i = 0; i < picture->width * picture->height; i++)
		n += (picture->pixels[i] & 0xffffff) == colour;
	return n;
}

/* On the screen. */
static int count_on_screen(struct attacker *attacker, uint32_t colour, uint64_t *n)
{
	struct picture picture;
	int err = picture_take(&picture, &attacker->client, FILE_MEMFD);
	if (err)
		return err;
	*n = count_pixels(&picture, colour);
	picture_finish(&picture);
	return 0;
}

static int wait_until_on_screen(struct attacker *attacker, uint32_t colour)
{
	const uint64_t end = client_clock_ms() + CLIENT_PATIENCE_MS;
	uint64_t n = 0;
	int err = 0;
	while (!err && n == 0 && client_clock_ms() < end)
		err = count_on_screen(attacker, colour, &n);
	if (n == 0)
		attacker->complaint = "the window does not show";
	return err;
}

/* ---- Files that end too early ---- */

static int shrink(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	cut(sheet.fd, 12);
	return insist(attacker, &sheet);
}

static int cut_to_nothing(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	cut(sheet.fd, 0);
	return insist(attacker, &sheet);
}

static int be_short(struct attacker *attacker)
{
	struct sheet sheet;
	int err = make_sheet(attacker, &sheet, SIZE / 2);
	return err ? err : insist(attacker, &sheet);
}

/* What Weston's bad-buffer-test does. */
static int bad_buffer(struct attacker *attacker)
{
	struct sheet sheet;
	int err = make_sheet(attacker, &sheet, SIZE);
	if (err)
		return err;
	cut(sheet.fd, 12);
	wl_surface_attach(attacker->window.surface, sheet.buffer, 0, 0);
	wl_surface_damage(attacker->window.surface, 0, 0, WIDTH, HEIGHT);
	return insist(attacker, NULL);
}

static int regrow(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	for (int i = 0; i < 3 && !err; i++) {
		cut(sheet.fd, 0);
		err = window_show(&attacker->window, &sheet);
		cut(sheet.fd, SIZE);
		file_paint(sheet.fd, 0, WIDTH * HEIGHT, DARK);
		if (!err)
			err = window_show(&attacker->window, &sheet);
	}
	return err;
}

static void cut_for_ever(int fd)
{
	for (unsigned i = 0;; i++)
		cut(fd, i % 2 ? SIZE : 0);
}

static int storm(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	pid_t cutter = fork();
	if (cutter == 0)
		cut_for_ever(sheet.fd);
	for (int i = 0; i < 10 && !err; i++)
		err = window_show(&attacker->window, &sheet);
	if (cutter > 0) {
		kill(cutter, SIGKILL);
		waitpid(cutter, NULL, 0);
	}
	return err;
}

/* The seal is there when the pool is made; the resize comes later. */
static int grow_beyond(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	wl_shm_pool_resize(sheet.pool, 4 * SIZE);
	sheet.buffer = wl_shm_pool_create_buffer(
		sheet.pool, 2 * SIZE, WIDTH, HEIGHT, 4 * WIDTH, WL_SHM_FORMAT_XRGB8888);
	return insist(attacker, &sheet);
}

static int destroy_shrink(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	wl_buffer_destroy(sheet.buffer);
	cut(sheet.fd, 0);
	return insist(attacker, NULL);
}

static int destroy_pool_shrink(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	wl_shm_pool_destroy(sheet.pool);
	cut(sheet.fd, 4096);
	return insist(attacker, &sheet);
}

/* ---- Screen captures into such files ---- */

static void on_done(void *data, struct weston_screenshooter *shooter)
{
	bool *is_over = wl_buffer_get_user_data(data);
	(void)shooter;
	*is_over = true;
}

static const struct weston_screenshooter_listener shooter_listener = { .done = on_done };

static void on_buffer(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t format,
	uint32_t width, uint32_t height, uint32_t stride)
{
	(void)format, (void)width, (void)height, (void)stride;
	zwlr_screencopy_frame_v1_copy(frame, data);
}

static void on_flags(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t flags)
{
	(void)data, (void)frame, (void)flags;
}

static void on_ready(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t tv_sec_hi,
	uint32_t tv_sec_lo, uint32_t tv_nsec)
{
	bool *is_over = wl_buffer_get_user_data(data);
	(void)frame, (void)tv_sec_hi, (void)tv_sec_lo, (void)tv_nsec;
	*is_over = true;
}

static void on_failed(void *data, struct zwlr_screencopy_frame_v1 *frame)
{
	on_ready(data, frame, 0, 0, 0);
}

static const struct zwlr_screencopy_frame_v1_listener frame_listener = {
	.buffer = on_buffer,
	.flags = on_flags,
	.ready = on_ready,
	.failed = on_failed,
};

static void ask_for_picture(struct client *client, struct wl_buffer *buffer)
{
	if (client->screencopy) {
		zwlr_screencopy_frame_v1_add_listener(
			zwlr_screencopy_manager_v1_capture_output(
				client->screencopy, 0, client->output),
			&frame_listener, buffer);
		return;
	}
	weston_screenshooter_add_listener(client->screenshooter, &shooter_listener, buffer);
	weston_screenshooter_take_shot(client->screenshooter, client->output, buffer);
}

/* A refusal is an answer. */
static int capture_with(struct client *client, struct wl_buffer *buffer)
{
	struct output_capture capture;
	int err = output_capture_init(&capture, client);
	if (!err)
		err = output_capture_take(&capture, buffer);
	output_capture_finish(&capture);
	return err == -EIO ? 0 : err;
}

/* Nothing else is asked for meanwhile: Weston 10 remembers the buffer when the client is gone, and
 * one that is thrown out for something else would crash it, with us or without. */
int attack_capture(struct attacker *attacker, struct wl_buffer *buffer)
{
	struct client *client = &attacker->client;
	bool is_over = false;
	if (client->output_capture)
		return capture_with(client, buffer);
	if (!client->screencopy && !client->screenshooter)
		return -ENOTSUP;
	wl_buffer_set_user_data(buffer, &is_over);
	ask_for_picture(client, buffer);
	return client_wait(client, &is_over, CLIENT_PATIENCE_MS);
}

static int capture_into(struct attacker *attacker, struct wl_buffer *buffer)
{
	struct sheet sheet;
	int err = attack_capture(attacker, buffer);
	if (!err)
		err = show_sheet(attacker, &sheet);
	return err ? err : insist(attacker, &sheet);
}

static void on_wanted_format(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t format,
	uint32_t width, uint32_t height, uint32_t stride)
{
	(void)frame, (void)width, (void)height, (void)stride;
	*(uint32_t *)data = format;
}

static void on_asked_too_late(void *data, struct zwlr_screencopy_frame_v1 *frame)
{
	(void)data, (void)frame;
}

static const struct zwlr_screencopy_frame_v1_listener format_listener = {
	.buffer = on_wanted_format,
	.failed = on_asked_too_late,
};

/* What the compositor wants its pictures to be: it refuses others without looking at their file. */
static uint32_t capture_format(struct client *client)
{
	struct output_capture capture;
	uint32_t format = WL_SHM_FORMAT_XRGB8888;
	if (client->screencopy) {
		struct zwlr_screencopy_frame_v1 *frame = zwlr_screencopy_manager_v1_capture_output(
			client->screencopy, 0, client->output);
		zwlr_screencopy_frame_v1_add_listener(frame, &format_listener, &format);
		client_roundtrip(client);
		zwlr_screencopy_frame_v1_destroy(frame);
	} else if (client->output_capture) {
		if (output_capture_init(&capture, client) == 0)
			format = capture.format;
		output_capture_finish(&capture);
	}
	return format;
}

static int capture_into_short(struct attacker *attacker)
{
	struct client *client = &attacker->client;
	struct sheet sheet;
	int fd = file_make_sized(attacker->kind, 8192);
	if (fd < 0)
		return fd;
	sheet_init(&sheet, client, fd, client->output_width, client->output_height);
	return capture_into(attacker, wl_shm_pool_create_buffer(sheet.pool, 0, sheet.width,
					      sheet.height, sheet.stride, capture_format(client)));
}

static int capture_beyond(struct attacker *attacker)
{
	struct client *client = &attacker->client;
	struct sheet sheet;
	int fd = file_make_sized(
		attacker->kind, (off_t)client->output_width * client->output_height * 4);
	if (fd < 0)
		return fd;
	sheet_init(&sheet, client, fd, client->output_width, client->output_height);
	wl_shm_pool_resize(sheet.pool, 2 * sheet.size);
	return capture_into(attacker, wl_shm_pool_create_buffer(sheet.pool, sheet.size, sheet.width,
					      sheet.height, sheet.stride, capture_format(client)));
}

/* ---- Not lies ---- */

static int resize_while_shown(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	for (int32_t size = 2 * SIZE; size <= 64 * SIZE && !err; size *= 4) {
		cut(sheet.fd, size);
		wl_shm_pool_resize(sheet.pool, size);
		err = window_show(&attacker->window, NULL);
		if (!err)
			err = window_show(&attacker->window, &sheet);
	}
	if (err)
		return err;
	/* The pool's new end is as good as its beginning. */
	file_paint(sheet.fd, 31 * SIZE, WIDTH * HEIGHT, COMMITTED);
	sheet.buffer = wl_shm_pool_create_buffer(
		sheet.pool, 31 * SIZE, WIDTH, HEIGHT, 4 * WIDTH, WL_SHM_FORMAT_XRGB8888);
	err = window_show(&attacker->window, &sheet);
	return err ? err : wait_until_on_screen(attacker, COMMITTED);
}

/* Above the pool lies another, so that it cannot grow where it is. Who still reads where it was
 * before is not told. */
static int move_while_shown(struct attacker *attacker)
{
	struct sheet above, sheet;
	int err = make_sheet(attacker, &above, SIZE);
	if (!err)
		err = show_sheet(attacker, &sheet);
	for (int32_t size = 2 * SIZE; size <= 64 * SIZE && !err; size *= 2) {
		cut(sheet.fd, size);
		wl_shm_pool_resize(sheet.pool, size);
		err = window_show(&attacker->window, NULL);
	}
	return err ? err : client_roundtrip(&attacker->client);
}

static void punch(int fd, off_t size)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size) < 0)
		return;
}

static int punch_holes(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	for (int i = 0; i < 3 && !err; i++) {
		punch(sheet.fd, SIZE);
		err = window_show(&attacker->window, &sheet);
		file_paint(sheet.fd, 0, WIDTH * HEIGHT / 2, DARK);
		if (!err)
			err = window_show(&attacker->window, &sheet);
	}
	return err;
}

/* As foot scrolls: a window that moves through a pool of holes. */
static int scroll_through_holes(struct attacker *attacker)
{
	const int32_t pool_size = 512 << 20;
	struct sheet sheet = { .fd = file_make_sized(attacker->kind, pool_size) };
	if (sheet.fd < 0)
		return sheet.fd;
	sheet.pool = wl_shm_create_pool(attacker->client.shm, sheet.fd, pool_size);
	int err = 0;
	for (int32_t i = 0; i < 8 && !err; i++) {
		const int32_t offset = i * (pool_size / 8) + i * 4 * WIDTH;
		file_paint(sheet.fd, offset, WIDTH * HEIGHT / 2, DARK);
		sheet.buffer = wl_shm_pool_create_buffer(
			sheet.pool, offset, WIDTH, HEIGHT, 4 * WIDTH, WL_SHM_FORMAT_XRGB8888);
		err = window_show(&attacker->window, &sheet);
		wl_buffer_destroy(sheet.buffer);
		punch(sheet.fd, offset);
	}
	return err;
}

static int flood_commits(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	for (int i = 0; i < 3000 && !err; i++) {
		window_commit(&attacker->window, &sheet);
		err = client_serve(&attacker->client);
	}
	return err ? err : client_roundtrip(&attacker->client);
}

static int flood_pools(struct attacker *attacker)
{
	struct sheet sheet;
	int err = 0;
	for (int i = 0; i < 300 && !err; i++) {
		err = make_sheet(attacker, &sheet, SIZE);
		if (err)
			return err;
		window_commit(&attacker->window, &sheet);
		sheet_finish(&sheet);
		err = client_serve(&attacker->client);
	}
	return err ? err : client_roundtrip(&attacker->client);
}

/* ---- What is stored between commits stays out of the picture ---- */

/* A subsurface of glass, of all the window's size. Its commits make the compositor paint the window
 * again. */
static struct window lay_glass(struct attacker *attacker, struct sheet *glass)
{
	struct client *client = &attacker->client;
	struct window window = { .client = client, .is_frame_done = true };
	window.surface = wl_compositor_create_surface(client->compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		client->subcompositor, window.surface, attacker->window.surface);
	wl_subsurface_set_desync(subsurface);
	sheet_init(glass, client, file_make_sized(FILE_MEMFD, SIZE), WIDTH, HEIGHT);
	glass->buffer = wl_shm_pool_create_buffer(
		glass->pool, 0, WIDTH, HEIGHT, 4 * WIDTH, WL_SHM_FORMAT_ARGB8888);
	return window;
}

static int expect_on_screen(struct attacker *attacker, uint32_t colour, uint64_t n_expected)
{
	const uint64_t end = client_clock_ms() + CLIENT_PATIENCE_MS;
	uint64_t n = 0;
	int err = 0;
	do {
		err = count_on_screen(attacker, colour, &n);
	} while (!err && n != n_expected && client_clock_ms() < end);
	if (!err && n != n_expected)
		attacker->complaint = "what was committed again is not what is shown";
	return err;
}

/* A buffer is painted again and committed again: all of it, then one percent. */
static int commit_again(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	for (uint32_t i = 0; i < 5 && !err; i++) {
		const uint32_t colour = COMMITTED + 16 * i;
		file_paint(sheet.fd, 0, WIDTH * HEIGHT, colour);
		err = window_show(&attacker->window, &sheet);
		if (!err)
			err = expect_on_screen(attacker, colour, WIDTH * HEIGHT);
		if (err || attacker->complaint)
			return err;
		file_paint(sheet.fd, SIZE / 2, 2 * WIDTH, NOT_COMMITTED + i);
		wl_surface_attach(attacker->window.surface, sheet.buffer, 0, 0);
		wl_surface_damage(attacker->window.surface, 0, HEIGHT / 2, WIDTH, 2);
		window_ask_for_frame(&attacker->window);
		wl_surface_commit(attacker->window.surface);
		err = window_wait_for_frame(&attacker->window);
		if (!err)
			err = expect_on_screen(attacker, NOT_COMMITTED + i, 2 * WIDTH);
	}
	return err;
}

static int store_between_commits(struct attacker *attacker)
{
	struct sheet sheet, glass;
	uint64_t n = 0;
	int err = make_sheet(attacker, &sheet, SIZE);
	if (err)
		return err;
	file_paint(sheet.fd, 0, WIDTH * HEIGHT, COMMITTED);
	struct window window = lay_glass(attacker, &glass);
	window_commit(&window, &glass);
	err = window_show(&attacker->window, &sheet);
	if (!err)
		err = wait_until_on_screen(attacker, COMMITTED);
	file_paint(sheet.fd, 0, WIDTH * HEIGHT, NOT_COMMITTED);
	for (int i = 0; i < 2 && !err; i++)
		err = window_show(&window, &glass);
	if (!err)
		err = count_on_screen(attacker, NOT_COMMITTED, &n);
	if (n > 0)
		attacker->complaint = "stores show before they are committed";
	return err;
}

/* ---- Lies in the requests ---- */

static int narrow_stride(struct attacker *attacker)
{
	struct sheet sheet;
	int err = make_sheet(attacker, &sheet, SIZE);
	if (err)
		return err;
	/* libwayland finds it enough that the stride is not below the width. */
	sheet.buffer = wl_shm_pool_create_buffer(
		sheet.pool, SIZE - WIDTH * HEIGHT, WIDTH, HEIGHT, WIDTH, WL_SHM_FORMAT_XRGB8888);
	return insist(attacker, &sheet);
}

struct request {
	int32_t pool_size, offset, width, height, stride;
	uint32_t format, code;
};

/* What libwayland answers. */
static const struct request bad_requests[] = {
	{ .pool_size = 0, .code = WL_SHM_ERROR_INVALID_STRIDE },
	{ .pool_size = -4096, .code = WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, 16, 64, 0x12345678, WL_SHM_ERROR_INVALID_FORMAT },
	{ 4096, -4, 16, 16, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 0, 16, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, 0, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, -16, 16, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, -16, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, 16, 15, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, 16, -64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, 65, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 4, 16, 64, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, INT32_MAX, 16, 16, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, 16, INT32_MAX, 64, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
	{ 4096, 0, INT32_MAX, 2, INT32_MAX, WL_SHM_FORMAT_XRGB8888, WL_SHM_ERROR_INVALID_STRIDE },
};

static uint32_t answer_to(struct client *client, const struct request *request, int fd)
{
	struct wl_shm_pool *pool = wl_shm_create_pool(client->shm, fd, request->pool_size);
	if (request->width || request->height)
		wl_shm_pool_create_buffer(pool, request->offset, request->width, request->height,
			request->stride, request->format);
	return client_roundtrip(client) == -EPROTO ? client_error(client).code : UINT32_MAX;
}

static int bad_arguments(struct attacker *attacker)
{
	for (unsigned i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		struct client client;
		int fd = file_make_sized(attacker->kind, 4096), err = fd;
		if (fd >= 0)
			err = client_connect(&client, NULL);
		if (err < 0)
			return err;
		if (answer_to(&client, &bad_requests[i], fd) != bad_requests[i].code)
			attacker->complaint = "a bad request got another answer than libwayland's";
		client_disconnect(&client);
		close(fd);
	}
	return client_roundtrip(&attacker->client);
}

/* Descriptors that are no file that can be read and written. */
static int bad_descriptors(struct attacker *attacker)
{
	int ends[2];
	if (pipe(ends) < 0)
		return -errno;
	const int fds[] = { ends[0], ends[1], open("/", O_RDONLY | O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/proc/self/stat", O_RDONLY | O_CLOEXEC), open(".", O_PATH | O_CLOEXEC) };
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		struct client client;
		int err = client_connect(&client, NULL);
		if (err)
			return err;
		wl_shm_create_pool(client.shm, fds[i], 4096);
		if (client_roundtrip(&client) != -EPROTO ||
			client_error(&client).code != WL_SHM_ERROR_INVALID_FD)
			attacker->complaint = "something that is no file was accepted";
		client_disconnect(&client);
		close(fds[i]);
	}
	return client_roundtrip(&attacker->client);
}

int attack_keymap(struct attacker *attacker)
{
	struct client *client = &attacker->client;
	if (!client->virtual_keyboards || !client->seat)
		return -ENOTSUP;
	int fd = file_make_sized(attacker->kind, PAGE);
	if (fd < 0)
		return fd;
	file_paint(fd, 0, PAGE / 4,
		0x20202020); /* spaces: the text does not end where the file does */
	struct zwp_virtual_keyboard_v1 *keyboard =
		zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(
			client->virtual_keyboards, client->seat);
	zwp_virtual_keyboard_v1_keymap(keyboard, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, 1 << 20);
	return client_roundtrip(client);
}

/* ---- Ends ---- */

/* With a frame under way and the file gone; or within a message. */
static int die(struct attacker *attacker)
{
	struct sheet sheet;
	int err = show_sheet(attacker, &sheet);
	if (err)
		return err;
	window_commit(&attacker->window, &sheet);
	if (rng_one_in(&attacker->rng, 2))
		wl_surface_attach(attacker->window.surface, sheet.buffer, 0, 0);
	wl_display_flush(attacker->client.display);
	if (rng_one_in(&attacker->rng, 2))
		cut(sheet.fd, 0);
	const uint32_t half_a_message[] = { 1, 12 << 16 };
	if (rng_one_in(&attacker->rng, 2))
		send(wl_display_get_fd(attacker->client.display), half_a_message,
			sizeof(half_a_message), MSG_NOSIGNAL);
	raise(SIGKILL);
	return 0;
}

const struct attack attacks[] = {
	{ "shrink", "cuts a file that is shown", FATE_INVALID_FD, KINDS_AND_HUGE, shrink },
	{ "short", "shows a file that was always too short", FATE_INVALID_FD, ALL_KINDS, be_short },
	{ "zero", "cuts a file that is shown to nothing", FATE_INVALID_FD, KINDS_AND_HUGE,
		cut_to_nothing },
	{ "bad-buffer", "does what Weston's bad-buffer-test does", FATE_INVALID_FD,
		KINDS_THAT_SHRINK, bad_buffer },
	{ "regrow", "cuts the file and grows it again", FATE_INVALID_FD, KINDS_AND_HUGE, regrow },
	{ "storm", "cuts and grows the file all the time", FATE_ANY, KINDS_AND_HUGE, storm },
	{ "grow-beyond", "resizes the pool beyond the file", FATE_INVALID_FD, ALL_KINDS,
		grow_beyond },
	{ "destroy-shrink", "destroys the buffer, cuts the file, damages", FATE_ANY, KINDS_AND_HUGE,
		destroy_shrink },
	{ "destroy-pool", "destroys the pool, cuts the file, commits", FATE_INVALID_FD,
		KINDS_THAT_SHRINK, destroy_pool_shrink },
	{ "capture-short", "has a picture taken into a short file", FATE_INVALID_FD, ALL_KINDS,
		capture_into_short },
	{ "capture-beyond", "has a picture taken beyond the file", FATE_INVALID_FD, ALL_KINDS,
		capture_beyond },
	{ "resize", "resizes the pool while it is shown", FATE_KEPT, ALL_KINDS,
		resize_while_shown },
	{ "move", "makes the pool move while it is shown", FATE_KEPT, ALL_KINDS, move_while_shown },
	{ "again", "commits again what it has painted again", FATE_KEPT,
		ALL_KINDS | BIT(FILE_HUGETLB), commit_again },
	{ "punch", "punches holes into what is shown", FATE_KEPT, ALL_KINDS, punch_holes },
	{ "scroll", "scrolls through a pool of holes", FATE_KEPT, ALL_KINDS, scroll_through_holes },
	{ "flood", "commits without waiting", FATE_KEPT, ALL_KINDS, flood_commits },
	{ "flood-pools", "makes pools without waiting", FATE_KEPT, ALL_KINDS, flood_pools },
	{ "quiet", "stores and does not commit", FATE_KEPT, KINDS_THAT_SHRINK,
		store_between_commits },
	{ "stride", "has rows that overlap, and end behind the pool", FATE_INVALID_STRIDE,
		ALL_KINDS, narrow_stride },
	{ "arguments", "makes buffers that lie outside of their pools", FATE_LIBWAYLANDS,
		BIT(FILE_MEMFD), bad_arguments },
	{ "descriptors", "makes pools of what is no file", FATE_LIBWAYLANDS, BIT(FILE_MEMFD),
		bad_descriptors },
	{ "keymap", "hands over a keymap shorter than it says", FATE_ANY, ALL_KINDS,
		attack_keymap },
	{ "die", "dies in the middle of a frame", FATE_DIES, ALL_KINDS, die },
	{ "mixture", "does all of this, in an order of its own", FATE_ANY, ALL_KINDS,
		attack_mixture },
	{ "crowd", "has others do that, some at a time, who then die", FATE_KEPT, ALL_KINDS,
		attack_crowd },
};
const unsigned n_attacks = sizeof(attacks) / sizeof(attacks[0]);

const struct attack *attack_find(const char *name)
{
	for (unsigned i = 0; i < n_attacks; i++)
		if (strcmp(attacks[i].name, name) == 0)
			return &attacks[i];
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * wayland-variations: a client that changes its content in every way that the protocol has, with
 * exactly the damage that it needs, and takes a picture of the screen after each step.
 *
 * It judges nothing: the pictures of two runs, on a compositor as it is and on one with something
 * in front, must be the same to the pixel.
 */
#include "file.h"
#include "picture.h"
#include "window.h"

#include "viewporter-client-protocol.h"
#include "virtual-pointer-client-protocol.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define WIDTH	   120
#define HEIGHT	   80
#define SETTLE_MS  30000

struct show {
	struct client client;
	struct window window;
	enum file_kind kind;
	const char *directory, *step;
	unsigned n_pictures;
	uint32_t ink; /* the next colour */
	struct sheet sheets[2];
	int err;
};

/* ---- Painting ---- */

/* No two colours of a run are the same. */
static uint32_t next_colour(struct show *show)
{
	show->ink = show->ink * 1664525 + 1013904223;
	return 0xff000000 | (show->ink >> 8);
}

struct rectangle {
	int32_t x, y, width, height;
};

static void fill(struct show *show, const struct sheet *sheet, struct rectangle r)
{
	const uint32_t colour = next_colour(show);
	for (int32_t y = r.y; y < r.y + r.height; y++)
		file_paint(sheet->fd, (off_t)y * sheet->stride + r.x * 4, (size_t)r.width, colour);
}

/* Small fields of different colours: what lands in the wrong place is seen. */
static void fill_with_fields(struct show *show, const struct sheet *sheet)
{
	const int32_t size = 10;
	for (int32_t y = 0; y < sheet->height; y += size)
		for (int32_t x = 0; x < sheet->width; x += size)
			fill(show, sheet,
				(struct rectangle){ x, y,
					x + size > sheet->width ? sheet->width - x : size,
					y + size > sheet->height ? sheet->height - y : size });
}

static void make_sheet(struct show *show, struct sheet *sheet, int32_t width, int32_t height)
{
	int fd = file_make_sized(show->kind, (off_t)width * height * 4);
	if (fd < 0) {
		show->err = fd;
		*sheet = (struct sheet){ .fd = -1 };
		return;
	}
	sheet_init(sheet, &show->client, fd, width, height);
	fill_with_fields(show, sheet);
}

/* ---- Pictures ---- */

static void write_picture(struct show *show, const struct picture *picture)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%02u-%s.png", show->directory, show->n_pictures++,
		show->step);
	show->err = picture_write(picture, path);
}

/* When two pictures in a row are the same: compositors may take some frames to map a window. */
static void take_picture(struct show *show)
{
	struct picture before = { 0 }, now = { 0 };
	const uint64_t end = client_clock_ms() + SETTLE_MS;
	bool is_settled = false;
	while (!show->err && !is_settled && client_clock_ms() < end) {
		picture_finish(&before);
		before = now;
		show->err = picture_take(&now, &show->client, FILE_MEMFD);
		is_settled = before.pixels && picture_count_differences(&before, &now) == 0;
	}
	if (!show->err && !is_settled)
		show->err = -ETIMEDOUT;
	if (!show->err)
		write_picture(show, &now);
	picture_finish(&before);
	picture_finish(&now);
}

static void commit_and_see(struct show *show)
{
	window_ask_for_frame(&show->window);
	wl_surface_commit(show->window.surface);
	if (!show->err)
		show->err = window_wait_for_frame(&show->window);
	take_picture(show);
}

/* For what other surfaces did: sway 1.7 does not see for itself when a subsurface changes. */
static void see_all(struct show *show)
{
	wl_surface_damage(show->window.surface, 0, 0, INT32_MAX, INT32_MAX);
	commit_and_see(show);
}

static void attach(struct show *show, const struct sheet *sheet)
{
	wl_surface_attach(show->window.surface, sheet->buffer, 0, 0);
}

static void damage(struct show *show, struct rectangle r)
{
	wl_surface_damage(show->window.surface, r.x, r.y, r.width, r.height);
}

static void damage_buffer(struct show *show, struct rectangle r)
{
	wl_surface_damage_buffer(show->window.surface, r.x, r.y, r.width, r.height);
}

static const struct rectangle everything = { 0, 0, INT32_MAX, INT32_MAX };

/* Both sheets anew, of this size; the first is shown. */
static void start_over(struct show *show, int32_t width, int32_t height)
{
	struct sheet old[2] = { show->sheets[0], show->sheets[1] };
	make_sheet(show, &show->sheets[0], width, height);
	make_sheet(show, &show->sheets[1], width, height);
	if (show->err)
		return;
	attach(show, &show->sheets[0]);
	damage(show, everything);
	commit_and_see(show);
	for (unsigned i = 0; i < 2; i++)
		if (old[i].pool)
			sheet_finish(&old[i]);
}

/* ---- Damage ---- */

static void same_buffer_in_parts(struct show *show)
{
	const struct rectangle parts[] = { { 3, 5, 7, 9 }, { 50, 40, 70, 40 }, { 0, 79, 120, 1 },
		{ 119, 0, 1, 80 } };
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		fill(show, &show->sheets[0], parts[i]);
		attach(show, &show->sheets[0]);
		damage(show, parts[i]);
		commit_and_see(show);
	}
}

static void buffer_damage(struct show *show)
{
	const struct rectangle part = { 30, 20, 40, 30 };
	fill(show, &show->sheets[0], part);
	attach(show, &show->sheets[0]);
	damage_buffer(show, part);
	commit_and_see(show);
}

static void many_rectangles(struct show *show)
{
	attach(show, &show->sheets[0]);
	for (int32_t i = 0; i < 300; i++) {
		const struct rectangle dot = { i * 37 % WIDTH, i * 11 % HEIGHT, 1, 1 };
		fill(show, &show->sheets[0], dot);
		damage(show, dot);
	}
	commit_and_see(show);
}

static void damage_outside(struct show *show)
{
	fill(show, &show->sheets[0], (struct rectangle){ 0, 0, 10, 10 });
	fill(show, &show->sheets[0], (struct rectangle){ 110, 70, 10, 10 });
	attach(show, &show->sheets[0]);
	damage(show, (struct rectangle){ -100, -100, 110, 110 });
	damage_buffer(show, (struct rectangle){ 110, 70, 1000, 1000 });
	commit_and_see(show);
}

static void damage_before_attach(struct show *show)
{
	const struct rectangle part = { 60, 10, 20, 20 };
	fill(show, &show->sheets[0], part);
	damage(show, part);
	attach(show, &show->sheets[0]);
	commit_and_see(show);
}

static void attach_without_damage(struct show *show)
{
	attach(show, &show->sheets[0]);
	commit_and_see(show);
}

static void damage_without_attach(struct show *show)
{
	damage(show, everything);
	commit_and_see(show);
}

/* Each buffer misses what happens while the other is shown. */
static void two_buffers_in_turn(struct show *show)
{
	start_over(show, WIDTH, HEIGHT);
	for (int32_t i = 0; i < 6 && !show->err; i++) {
		const struct rectangle now = { i * 15, i * 10, 20, 12 };
		const uint32_t ink = show->ink;
		for (unsigned k = 0; k < 2; k++) { /* the same colour into both */
			show->ink = ink;
			fill(show, &show->sheets[k], now);
		}
		attach(show, &show->sheets[(i + 1) % 2]);
		damage(show, i == 0 ? everything : now);
		commit_and_see(show);
	}
}

/* Two commits for one picture. */
static void two_commits_at_once(struct show *show)
{
	for (int32_t i = 0; i < 2; i++) {
		const struct rectangle part = { 10 + 50 * i, 10 + 30 * i, 30, 20 };
		fill(show, &show->sheets[0], part);
		attach(show, &show->sheets[0]);
		damage(show, part);
		if (i == 0)
			wl_surface_commit(show->window.surface);
	}
	commit_and_see(show);
}

/* ---- Geometry ---- */

/* In surface coordinates of a surface of @width x @height, and in buffer coordinates. */
static void change_parts(struct show *show, int32_t width, int32_t height)
{
	struct sheet *sheet = &show->sheets[0];
	fill_with_fields(show, sheet);
	attach(show, sheet);
	damage(show, (struct rectangle){ 0, 0, width, height });
	commit_and_see(show);
	const struct rectangle part = { sheet->width / 4, sheet->height / 8, sheet->width / 3,
		sheet->height / 2 };
	fill(show, sheet, part);
	attach(show, sheet);
	damage_buffer(show, part);
	commit_and_see(show);
}

static void scale(struct show *show)
{
	wl_surface_set_buffer_scale(show->window.surface, 2);
	start_over(show, 2 * WIDTH, 2 * HEIGHT);
	fill(show, &show->sheets[0], (struct rectangle){ 20, 30, 60, 40 });
	attach(show, &show->sheets[0]);
	damage(show, (struct rectangle){ 10, 15, 30, 20 });
	commit_and_see(show);
	change_parts(show, WIDTH, HEIGHT);
	wl_surface_set_buffer_scale(show->window.surface, 1);
}

/* A rectangle on a surface of WIDTH x HEIGHT, in its buffer, at scale 1. */
static struct rectangle turned(struct rectangle r, int32_t by)
{
	const int32_t right = WIDTH - r.x - r.width, below = HEIGHT - r.y - r.height;
	const struct rectangle in_buffer[] = {
		[WL_OUTPUT_TRANSFORM_NORMAL] = r,
		[WL_OUTPUT_TRANSFORM_90] = { r.y, right, r.height, r.width },
		[WL_OUTPUT_TRANSFORM_180] = { right, below, r.width, r.height },
		[WL_OUTPUT_TRANSFORM_270] = { below, r.x, r.height, r.width },
		[WL_OUTPUT_TRANSFORM_FLIPPED] = { right, r.y, r.width, r.height },
		[WL_OUTPUT_TRANSFORM_FLIPPED_90] = { r.y, r.x, r.height, r.width },
		[WL_OUTPUT_TRANSFORM_FLIPPED_180] = { r.x, below, r.width, r.height },
		[WL_OUTPUT_TRANSFORM_FLIPPED_270] = { below, right, r.height, r.width },
	};
	return in_buffer[by];
}

static struct rectangle scaled(struct rectangle r, int32_t by)
{
	return (struct rectangle){ r.x * by, r.y * by, r.width * by, r.height * by };
}

static void show_turned(struct show *show, int32_t turn, int32_t by)
{
	const struct rectangle parts[] = { { 5, 10, 40, 15 }, { 70, 50, 45, 12 } };
	const int32_t width = turn % 2 ? HEIGHT : WIDTH, height = turn % 2 ? WIDTH : HEIGHT;
	wl_surface_set_buffer_transform(show->window.surface, turn);
	wl_surface_set_buffer_scale(show->window.surface, by);
	start_over(show, by * width, by * height);
	for (unsigned i = 0; i < 2 && !show->err; i++) {
		fill(show, &show->sheets[0], scaled(turned(parts[i], turn), by));
		attach(show, &show->sheets[0]);
		damage(show, parts[i]);
		commit_and_see(show);
	}
}

static void transform(struct show *show)
{
	for (int32_t turn = 0; turn < 8 && !show->err; turn++)
		show_turned(show, turn, 1);
	for (int32_t turn = 1; turn < 8 && !show->err; turn += 2)
		show_turned(show, turn, 2);
	wl_surface_set_buffer_transform(show->window.surface, 0);
	wl_surface_set_buffer_scale(show->window.surface, 1);
}

static void viewport(struct show *show)
{
	if (!show->client.viewporter)
		return;
	struct wp_viewport *port =
		wp_viewporter_get_viewport(show->client.viewporter, show->window.surface);
	wp_viewport_set_destination(port, 2 * WIDTH, HEIGHT);
	start_over(show, WIDTH, HEIGHT);
	change_parts(show, 2 * WIDTH, HEIGHT);
	fill(show, &show->sheets[0], (struct rectangle){ 60, 0, 60, 80 });
	attach(show, &show->sheets[0]);
	damage(show, (struct rectangle){ WIDTH - 4, 0, WIDTH + 4, HEIGHT });
	commit_and_see(show);
	wp_viewport_set_source(port, wl_fixed_from_double(20.5), wl_fixed_from_double(10.25),
		wl_fixed_from_int(60), wl_fixed_from_int(40));
	/* Damage of all the buffer: sway 1.7 shows other parts of it than it should. */
	fill_with_fields(show, &show->sheets[0]);
	attach(show, &show->sheets[0]);
	damage_buffer(show, everything);
	commit_and_see(show);
	fill(show, &show->sheets[0], (struct rectangle){ 30, 15, 40, 20 });
	attach(show, &show->sheets[0]);
	damage_buffer(show, (struct rectangle){ 30, 15, 40, 20 });
	commit_and_see(show);
	wp_viewport_destroy(port);
}

static void attach_with_offset(struct show *show)
{
	start_over(show, WIDTH, HEIGHT);
	fill(show, &show->sheets[0], (struct rectangle){ 10, 10, 20, 20 });
	wl_surface_attach(show->window.surface, show->sheets[0].buffer, 4, 3);
	damage(show, (struct rectangle){ 10, 10, 20, 20 });
	commit_and_see(show);
}

static void other_size(struct show *show)
{
	start_over(show, WIDTH * 3 / 2, HEIGHT * 2);
	start_over(show, WIDTH / 2, HEIGHT / 2);
	start_over(show, WIDTH, HEIGHT);
}

/* ---- Buffers ---- */

static struct wl_buffer *buffer_at(
	struct sheet *sheet, int32_t offset, int32_t width, int32_t height, int32_t stride)
{
	return wl_shm_pool_create_buffer(
		sheet->pool, offset, width, height, stride, WL_SHM_FORMAT_XRGB8888);
}

/* A part of a sheet, with the sheet's stride, off the beginning of pages and rows. */
static void buffer_within(struct show *show)
{
	struct sheet sheet;
	make_sheet(show, &sheet, 2 * WIDTH, 2 * HEIGHT);
	struct wl_buffer *buffer =
		buffer_at(&sheet, 7 * sheet.stride + 12, WIDTH, HEIGHT, sheet.stride);
	wl_surface_attach(show->window.surface, buffer, 0, 0);
	damage(show, everything);
	commit_and_see(show);
	fill(show, &sheet, (struct rectangle){ 3 + 50, 7 + 20, 30, 30 });
	wl_surface_attach(show->window.surface, buffer, 0, 0);
	damage(show, (struct rectangle){ 50, 20, 30, 30 });
	commit_and_see(show);
	start_over(show, WIDTH, HEIGHT);
	wl_buffer_destroy(buffer);
	sheet_finish(&sheet);
}

static void buffer_destroyed_after_commit(struct show *show)
{
	struct sheet sheet;
	make_sheet(show, &sheet, WIDTH, HEIGHT);
	attach(show, &sheet);
	damage(show, everything);
	commit_and_see(show);
	sheet_finish(&sheet);
	damage(show, everything);
	commit_and_see(show);
	start_over(show, WIDTH, HEIGHT);
}

static void pool_destroyed_at_once(struct show *show)
{
	struct sheet *sheet = &show->sheets[0];
	wl_shm_pool_destroy(sheet->pool);
	same_buffer_in_parts(show);
	sheet->pool = wl_shm_create_pool(show->client.shm, sheet->fd, sheet->size);
}

static void holes_in_pool(struct show *show)
{
	struct sheet sheet = { .fd = file_make_sized(show->kind, 256 << 20), .stride = WIDTH * 4 };
	if (sheet.fd < 0)
		return;
	sheet.pool = wl_shm_create_pool(show->client.shm, sheet.fd, 256 << 20);
	for (int32_t i = 0; i < 3; i++) {
		const int32_t offset = (70 << 20) * i + 4096 * i + 64;
		for (int32_t y = 10; y < HEIGHT / 2; y++) /* the rest are holes: black */
			file_paint(sheet.fd, offset + y * sheet.stride, WIDTH, next_colour(show));
		sheet.buffer = buffer_at(&sheet, offset, WIDTH, HEIGHT, sheet.stride);
		attach(show, &sheet);
		damage(show, everything);
		commit_and_see(show);
		wl_buffer_destroy(sheet.buffer);
	}
	start_over(show, WIDTH, HEIGHT);
	wl_shm_pool_destroy(sheet.pool);
	close(sheet.fd);
}

/* ---- Formats: pixels of other sizes, and planes ---- */

struct format {
	uint32_t format;
	const char *name;
	int32_t pixel_size,
		rows; /* bytes, and thirds of the height that the planes have together */
	bool is_offered;
};

static struct format formats[] = {
	{ WL_SHM_FORMAT_ARGB8888, "ARGB8888", 4, 2, false },
	{ WL_SHM_FORMAT_RGB565, "RGB565", 2, 2, false },
	{ WL_SHM_FORMAT_XBGR8888, "XBGR8888", 4, 2, false },
	{ WL_SHM_FORMAT_RGBA8888, "RGBA8888", 4, 2, false },
	{ WL_SHM_FORMAT_BGR888, "BGR888", 3, 2, false },
	{ WL_SHM_FORMAT_XRGB2101010, "XRGB2101010", 4, 2, false },
	{ WL_SHM_FORMAT_ABGR16161616F, "ABGR16161616F", 8, 2, false },
	{ WL_SHM_FORMAT_YUYV, "YUYV", 2, 2, false },
	{ WL_SHM_FORMAT_NV12, "NV12", 1, 3, false },
	{ WL_SHM_FORMAT_YUV420, "YUV420", 1, 3, false },
};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static void on_format(void *data, struct wl_shm *shm, uint32_t format)
{
	(void)data, (void)shm;
	for (unsigned i = 0; i < N_FORMATS; i++)
		formats[i].is_offered |= formats[i].format == format;
}

static const struct wl_shm_listener shm_listener = { .format = on_format };

/* By binding once more: it is told once. */
static int learn_formats(struct show *show)
{
	struct client *client = &show->client;
	struct wl_shm *shm =
		wl_registry_bind(client->registry, client->shm_name, &wl_shm_interface, 1);
	wl_shm_add_listener(shm, &shm_listener, show);
	return client_roundtrip(client);
}

/* Any bytes are pixels of any format; but no NaN of half a float. */
static void scribble(struct show *show, int fd, off_t offset, size_t length)
{
	file_paint(fd, offset, length / 4, next_colour(show) & 0x3f3f3f3f);
}

static void one_format(struct show *show, const struct format *format)
{
	const int32_t stride = WIDTH * format->pixel_size;
	const int32_t length = stride * HEIGHT * format->rows / 2;
	const int fd = file_make_sized(show->kind, length);
	if (fd < 0)
		return;
	struct wl_shm_pool *pool = wl_shm_create_pool(show->client.shm, fd, length);
	struct wl_buffer *buffer =
		wl_shm_pool_create_buffer(pool, 0, WIDTH, HEIGHT, stride, format->format);
	for (int32_t at = 0; at < length; at += 600)
		scribble(show, fd, at, length - at < 600 ? (size_t)(length - at) : 600);
	wl_surface_attach(show->window.surface, buffer, 0, 0);
	damage(show, everything);
	commit_and_see(show);

	for (int32_t y = 20; y < 40; y++)
		scribble(show, fd, (off_t)y * stride + 16 * format->pixel_size,
			(size_t)(64 * format->pixel_size));
	wl_surface_attach(show->window.surface, buffer, 0, 0);
	damage(show, (struct rectangle){ 16, 20, 64, 20 });
	commit_and_see(show);

	if (format->rows > 2) { /* the colours alone */
		scribble(show, fd, stride * HEIGHT, (size_t)(length - stride * HEIGHT));
		wl_surface_attach(show->window.surface, buffer, 0, 0);
		damage(show, everything);
		commit_and_see(show);
	}
	start_over(show, WIDTH, HEIGHT);
	wl_buffer_destroy(buffer);
	wl_shm_pool_destroy(pool);
	close(fd);
}

static void each_format(struct show *show)
{
	char name[64];
	for (unsigned i = 0; i < N_FORMATS && !show->err; i++) {
		snprintf(name, sizeof(name), "format-%s", formats[i].name);
		show->step = name;
		if (formats[i].is_offered)
			one_format(show, &formats[i]);
	}
	show->step = "formats";
}

/* ---- Subsurfaces ---- */

struct child {
	struct wl_surface *surface;
	struct wl_subsurface *subsurface;
	struct sheet sheets[2];
};

static void add_child(struct show *show, struct child *child)
{
	child->surface = wl_compositor_create_surface(show->client.compositor);
	child->subsurface = wl_subcompositor_get_subsurface(
		show->client.subcompositor, child->surface, show->window.surface);
	wl_subsurface_set_position(child->subsurface, 30, 20);
	for (unsigned i = 0; i < 2; i++)
		make_sheet(show, &child->sheets[i], WIDTH / 2, HEIGHT / 2);
	wl_surface_attach(child->surface, child->sheets[0].buffer, 0, 0);
	wl_surface_damage(child->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(child->surface);
	commit_and_see(show);
}

static void remove_child(struct show *show, struct child *child)
{
	wl_subsurface_destroy(child->subsurface);
	wl_surface_destroy(child->surface);
	see_all(show);
	for (unsigned i = 0; i < 2; i++)
		sheet_finish(&child->sheets[i]);
}

static void change_child(struct show *show, struct child *child, unsigned i, struct rectangle r)
{
	fill(show, &child->sheets[i], r);
	wl_surface_attach(child->surface, child->sheets[i].buffer, 0, 0);
	wl_surface_damage(child->surface, r.x, r.y, r.width, r.height);
	wl_surface_commit(child->surface);
}

/* What the child commits is shown when the parent commits: not before, and then all of it. */
static void synchronized_subsurface(struct show *show)
{
	struct child child;
	add_child(show, &child);
	change_child(show, &child, 0, (struct rectangle){ 5, 5, 10, 10 });
	commit_and_see(show);
	change_child(show, &child, 0, (struct rectangle){ 20, 5, 10, 10 });
	change_child(show, &child, 0, (struct rectangle){ 40, 5, 10, 10 });
	commit_and_see(show);
	change_child(show, &child, 1, (struct rectangle){ 0, 0, WIDTH / 2, HEIGHT / 2 });
	commit_and_see(show);
	change_child(show, &child, 1, (struct rectangle){ 5, 25, 30, 3 });
	fill(show, &show->sheets[0], (struct rectangle){ 0, 0, 25, 15 });
	attach(show, &show->sheets[0]);
	damage(show, (struct rectangle){ 0, 0, 25, 15 });
	commit_and_see(show);
	remove_child(show, &child);
}

static void free_subsurface(struct show *show)
{
	struct child child;
	add_child(show, &child);
	wl_subsurface_set_desync(child.subsurface);
	for (int32_t i = 0; i < 3; i++) {
		change_child(show, &child, 0, (struct rectangle){ 10 * i, 5 * i, 12, 12 });
		see_all(show);
	}
	remove_child(show, &child);
}

static void one_buffer_on_two_surfaces(struct show *show)
{
	struct child child;
	add_child(show, &child);
	struct sheet *sheet = &show->sheets[0];
	for (int32_t i = 0; i < 3; i++) {
		const struct rectangle part = { 20 * i, 15 * i, 30, 20 };
		fill(show, sheet, part);
		wl_surface_attach(child.surface, sheet->buffer, 0, 0);
		/* The child sees the buffer for the first time. */
		wl_surface_damage(child.surface, i ? part.x : 0, i ? part.y : 0,
			i ? part.width : WIDTH, i ? part.height : HEIGHT);
		wl_surface_commit(child.surface);
		attach(show, sheet);
		damage(show, part);
		commit_and_see(show);
	}
	remove_child(show, &child);
}

/* ---- What a pointer carries: only where there can be one ---- */

struct hand {
	struct zwlr_virtual_pointer_v1 *device;
	struct wl_pointer *pointer;
	uint32_t enter_serial, button_serial;
	bool has_entered, has_pressed;
};

static void on_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct hand *hand = data;
	(void)pointer, (void)surface, (void)x, (void)y;
	hand->enter_serial = serial;
	hand->has_entered = true;
}

static void on_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	(void)data, (void)pointer, (void)serial, (void)surface;
}

static void on_motion(
	void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
	(void)data, (void)pointer, (void)time, (void)x, (void)y;
}

static void on_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state)
{
	struct hand *hand = data;
	(void)pointer, (void)time, (void)button, (void)state;
	hand->button_serial = serial;
	hand->has_pressed = true;
}

static void on_axis(
	void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis, wl_fixed_t value)
{
	(void)data, (void)pointer, (void)time, (void)axis, (void)value;
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = on_enter,
	.leave = on_leave,
	.motion = on_motion,
	.button = on_button,
	.axis = on_axis,
};

/* Over the middle of the window, which is somewhere on the screen: rows of places are tried. */
static bool put_hand_on_window(struct show *show, struct hand *hand)
{
	struct client *client = &show->client;
	*hand = (struct hand){ 0 };
	hand->device = zwlr_virtual_pointer_manager_v1_create_virtual_pointer(
		client->virtual_pointers, client->seat);
	show->err = client_roundtrip(client);
	hand->pointer = wl_seat_get_pointer(client->seat);
	wl_pointer_add_listener(hand->pointer, &pointer_listener, hand);
	for (uint32_t i = 1; i < 100 && !hand->has_entered && !show->err; i++) {
		zwlr_virtual_pointer_v1_motion_absolute(
			hand->device, i, i % 10 * 10, i / 10 * 10, 100, 100);
		zwlr_virtual_pointer_v1_frame(hand->device);
		show->err = client_roundtrip(client);
	}
	return hand->has_entered && !show->err;
}

static void show_carried(struct show *show, struct wl_surface *surface, struct sheet *sheet)
{
	wl_surface_attach(surface, sheet->buffer, 0, 0);
	wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	see_all(show);
	const struct rectangle part = { 4, 4, 10, 6 };
	fill(show, sheet, part);
	wl_surface_attach(surface, sheet->buffer, 0, 0);
	wl_surface_damage(surface, part.x, part.y, part.width, part.height);
	wl_surface_commit(surface);
	see_all(show);
}

static void drag(struct show *show, struct hand *hand, struct sheet *sheet)
{
	struct client *client = &show->client;
	struct wl_data_device *device =
		wl_data_device_manager_get_data_device(client->data_device_manager, client->seat);
	zwlr_virtual_pointer_v1_button(
		hand->device, 1000, BTN_LEFT, WL_POINTER_BUTTON_STATE_PRESSED);
	zwlr_virtual_pointer_v1_frame(hand->device);
	show->err = client_wait(client, &hand->has_pressed, CLIENT_PATIENCE_MS);
	struct wl_surface *icon = wl_compositor_create_surface(client->compositor);
	wl_data_device_start_drag(device, NULL, show->window.surface, icon, hand->button_serial);
	zwlr_virtual_pointer_v1_motion(
		hand->device, 1001, wl_fixed_from_int(3), wl_fixed_from_int(3));
	zwlr_virtual_pointer_v1_frame(hand->device);
	show_carried(show, icon, sheet);
	zwlr_virtual_pointer_v1_button(
		hand->device, 1002, BTN_LEFT, WL_POINTER_BUTTON_STATE_RELEASED);
	zwlr_virtual_pointer_v1_frame(hand->device);
	if (!show->err)
		show->err = client_roundtrip(client);
}

static void cursor_and_drag_icon(struct show *show)
{
	struct hand hand;
	struct sheet cursor, icon;
	if (!show->client.virtual_pointers || !show->client.seat)
		return;
	make_sheet(show, &cursor, 24, 24);
	make_sheet(show, &icon, 24, 24);
	if (show->err || !put_hand_on_window(show, &hand))
		return;
	struct wl_surface *surface = wl_compositor_create_surface(show->client.compositor);
	wl_pointer_set_cursor(hand.pointer, hand.enter_serial, surface, 0, 0);
	show_carried(show, surface, &cursor);
	drag(show, &hand, &icon);
}

/* ---- The program ---- */

struct step {
	const char *name;
	void (*run)(struct show *show);
};

static const struct step steps[] = {
	{ "same-buffer", same_buffer_in_parts },
	{ "buffer-damage", buffer_damage },
	{ "many-rectangles", many_rectangles },
	{ "damage-outside", damage_outside },
	{ "damage-before-attach", damage_before_attach },
	{ "attach-without-damage", attach_without_damage },
	{ "damage-without-attach", damage_without_attach },
	{ "two-buffers", two_buffers_in_turn },
	{ "two-commits", two_commits_at_once },
	{ "other-size", other_size },
	{ "attach-with-offset", attach_with_offset },
	{ "scale", scale },
	{ "transform", transform },
	{ "viewport", viewport },
	{ "buffer-within", buffer_within },
	{ "buffer-destroyed", buffer_destroyed_after_commit },
	{ "pool-destroyed", pool_destroyed_at_once },
	{ "holes", holes_in_pool },
	{ "formats", each_format },
	{ "synchronized", synchronized_subsurface },
	{ "free", free_subsurface },
	{ "two-surfaces", one_buffer_on_two_surfaces },
	{ "carried", cursor_and_drag_icon },
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static int print_help(void)
{
	printf("Usage: wayland-variations KIND DIRECTORY\n"
	       "Show a window in files of KIND in all ways there are, and write a picture of each\n"
	       "into DIRECTORY. KIND is one of");
	for (unsigned i = 0; i < N_FILE_KINDS; i++)
		printf(" %s", file_kind_names[i]);
	printf(".\n");
	return EXIT_SUCCESS;
}

static bool take_arguments(struct show *show, char **arguments)
{
	for (unsigned kind = 0; kind < N_FILE_KINDS; kind++) {
		if (strcmp(file_kind_names[kind], arguments[0]) != 0)
			continue;
		show->kind = (enum file_kind)kind;
		show->directory = arguments[1];
		file_set_directory(arguments[1]);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct show show = { .step = "first" };
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_help();
	if (argc != 3 || !take_arguments(&show, argv + 1)) {
		fprintf(stderr, "wayland-variations: see --help\n");
		return EXIT_USAGE;
	}
	show.err = client_connect(&show.client, NULL);
	if (!show.err)
		show.err = learn_formats(&show);
	if (!show.err)
		show.err = window_open(&show.window, &show.client, "variations");
	if (!show.err)
		start_over(&show, WIDTH, HEIGHT);
	for (unsigned i = 0; i < N_STEPS && !show.err; i++) {
		show.step = steps[i].name;
		steps[i].run(&show);
	}
	if (show.err) {
		fprintf(stderr, "wayland-variations: %s: %s\n", show.step, strerror(-show.err));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: MIT */
/*
 * The compositor stores into memory of ours: what is in the file afterwards is the picture. The
 * file is looked at through a mapping made before, as capture tools do.
 */
#include "picture.h"

#include "output_capture.h"

#include "screencopy-client-protocol.h"
#include "screenshooter-client-protocol.h"
#include "window.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GREY 0x5a5a5a5a

/* wl_shm's; beyond the first two they are those of DRM. */
#define FORMAT_XBGR 0x34324258
#define FORMAT_ABGR 0x34324241

struct shot {
	struct client *client;
	struct sheet sheet;
	enum file_kind kind;
	uint32_t format, flags;
	bool is_described, has_failed, is_done;
};

static int make_sheet(struct shot *shot, int32_t width, int32_t height, uint32_t format)
{
	int fd = file_make_sized(shot->kind, (off_t)width * height * 4);
	if (fd < 0)
		return fd;
	file_paint(fd, 0, (size_t)width * (size_t)height, GREY);
	sheet_init(&shot->sheet, shot->client, fd, width, height);
	if (format == WL_SHM_FORMAT_XRGB8888)
		return 0;
	wl_buffer_destroy(shot->sheet.buffer);
	shot->sheet.buffer =
		wl_shm_pool_create_buffer(shot->sheet.pool, 0, width, height, width * 4, format);
	return 0;
}

/* ---- Weston: the client knows the output's size ---- */

static void on_shot_done(void *data, struct weston_screenshooter *shooter)
{
	struct shot *shot = data;
	(void)shooter;
	shot->is_done = true;
}

static const struct weston_screenshooter_listener shooter_listener = { .done = on_shot_done };

static int shoot(struct shot *shot)
{
	struct client *client = shot->client;
	int err = make_sheet(
		shot, client->output_width, client->output_height, WL_SHM_FORMAT_XRGB8888);
	if (err)
		return err;
	shot->format = WL_SHM_FORMAT_XRGB8888;
	/* One object serves all shots: its listener is set once, its data each time. */
	if (!weston_screenshooter_get_user_data(client->screenshooter))
		weston_screenshooter_add_listener(client->screenshooter, &shooter_listener, shot);
	weston_screenshooter_set_user_data(client->screenshooter, shot);
	weston_screenshooter_take_shot(client->screenshooter, client->output, shot->sheet.buffer);
	return client_wait(client, &shot->is_done, CLIENT_PATIENCE_MS);
}

static int capture(struct shot *shot)
{
	struct output_capture capture;
	int err = output_capture_init(&capture, shot->client);
	if (!err)
		err = make_sheet(shot, capture.width, capture.height, capture.format);
	shot->format = capture.format;
	if (!err)
		err = output_capture_take(&capture, shot->sheet.buffer);
	output_capture_finish(&capture);
	return err;
}

/* ---- wlroots: the compositor says what it wants ---- */

static void on_buffer(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t format,
	uint32_t width, uint32_t height, uint32_t stride)
{
	struct shot *shot = data;
	shot->is_described = true;
	shot->format = format;
	if (stride != width * 4 || make_sheet(shot, (int32_t)width, (int32_t)height, format)) {
		shot->has_failed = true;
		return;
	}
	zwlr_screencopy_frame_v1_copy(frame, shot->sheet.buffer);
}

static void on_flags(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t flags)
{
	struct shot *shot = data;
	(void)frame;
	shot->flags = flags;
}

static void on_ready(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t tv_sec_hi,
	uint32_t tv_sec_lo, uint32_t tv_nsec)
{
	struct shot *shot = data;
	(void)frame, (void)tv_sec_hi, (void)tv_sec_lo, (void)tv_nsec;
	shot->is_done = true;
}

static void on_failed(void *data, struct zwlr_screencopy_frame_v1 *frame)
{
	struct shot *shot = data;
	(void)frame;
	shot->has_failed = shot->is_done = true;
}

static const struct zwlr_screencopy_frame_v1_listener frame_listener = {
	.buffer = on_buffer,
	.flags = on_flags,
	.ready = on_ready,
	.failed = on_failed,
};

static int copy_screen(struct shot *shot)
{
	struct zwlr_screencopy_frame_v1 *frame = zwlr_screencopy_manager_v1_capture_output(
		shot->client->screencopy, 0, shot->client->output);
	zwlr_screencopy_frame_v1_add_listener(frame, &frame_listener, shot);
	int err = client_wait(shot->client, &shot->is_done, CLIENT_PATIENCE_MS);
	zwlr_screencopy_frame_v1_destroy(frame);
	return err ? err : shot->has_failed ? -EIO : 0;
}

/* ---- Either ---- */

static uint32_t convert(uint32_t pixel, uint32_t format)
{
	if (format == FORMAT_XBGR || format == FORMAT_ABGR)
		pixel = (pixel & 0xff00) | (pixel & 0xff) << 16 | (pixel >> 16 & 0xff);
	return pixel | 0xff000000;
}

static bool is_blank(const uint32_t *pixels, size_t n_pixels)
{
	size_t i = 0;
	while (i < n_pixels && pixels[i] == GREY)
		i++;
	return i == n_pixels;
}

static int develop(struct picture *picture, const struct shot *shot)
{
	const struct sheet *sheet = &shot->sheet;
	const size_t length = (size_t)sheet->size;
	const uint32_t *pixels = mmap(NULL, length, PROT_READ, MAP_SHARED, sheet->fd, 0);
	if (pixels == MAP_FAILED)
		return -errno;
	if (is_blank(pixels, length / sizeof(*pixels))) {
		munmap((void *)pixels, length);
		return -ENODATA;
	}
	*picture = (struct picture){ sheet->width, sheet->height, malloc(length) };
	const bool is_flipped = shot->flags & ZWLR_SCREENCOPY_FRAME_V1_FLAGS_Y_INVERT;
	for (int32_t y = 0; picture->pixels && y < sheet->height; y++) {
		const int32_t from = is_flipped ? sheet->height - 1 - y : y;
		for (int32_t x = 0; x < sheet->width; x++)
			picture->pixels[y * sheet->width + x] =
				convert(pixels[from * sheet->width + x], shot->format);
	}
	munmap((void *)pixels, length);
	return picture->pixels ? 0 : -ENOMEM;
}

int picture_take(struct picture *picture, struct client *client, enum file_kind kind)
{
	if (client->camera)
		return picture_take(picture, client->camera, kind);
	struct shot shot = { .client = client, .kind = kind };
	*picture = (struct picture){ 0 };
	int err = client->screencopy	   ? copy_screen(&shot)
		  : client->screenshooter  ? shoot(&shot)
		  : client->output_capture ? capture(&shot)
					   : -ENOTSUP;
	if (!err)
		err = develop(picture, &shot);
	if (shot.sheet.pool)
		sheet_finish(&shot.sheet);
	return err;
}

void picture_finish(struct picture *picture)
{
	free(picture->pixels);
	*picture = (struct picture){ 0 };
}

/* ---- Files ---- */

int picture_write(const struct picture *picture, const char *path)
{
	png_image image = { .version = PNG_IMAGE_VERSION,
		.width = (png_uint_32)picture->width,
		.height = (png_uint_32)picture->height,
		.format = PNG_FORMAT_BGRA };
	image.flags = PNG_IMAGE_FLAG_FAST;
	return png_image_write_to_file(&image, path, 0, picture->pixels, 0, NULL) ? 0 : -EIO;
}

int picture_read(struct picture *picture, const char *path)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	*picture = (struct picture){ 0 };
	if (!png_image_begin_read_from_file(&image, path))
		return -EIO;
	image.format = PNG_FORMAT_BGRA;
	*picture = (struct picture){ (int32_t)image.width, (int32_t)image.height,
		malloc(PNG_IMAGE_SIZE(image)) };
	if (picture->pixels && png_image_finish_read(&image, NULL, picture->pixels, 0, NULL))
		return 0;
	png_image_free(&image);
	picture_finish(picture);
	return -EIO;
}

uint64_t picture_count_differences(const struct picture *a, const struct picture *b)
{
	uint64_t n = 0, n_pixels = (uint64_t)a->width * (uint64_t)a->height;
	if (a->width != b->width || a->height != b->height)
		return n_pixels;
	for (uint64_t i = 0; i < n_pixels; i++)
		n += a->pixels[i] != b->pixels[i];
	return n;
}

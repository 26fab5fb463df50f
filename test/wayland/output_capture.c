/* SPDX-License-Identifier: MIT */
#include "output_capture.h"

#include "output-capture-client-protocol.h"

#include <errno.h>

#define DRM_FORMAT_XRGB8888 0x34325258
#define DRM_FORMAT_ARGB8888 0x34325241

/* wl_shm has numbers of its own for these two. */
static uint32_t format_of(uint32_t drm_format)
{
	if (drm_format == DRM_FORMAT_XRGB8888)
		return WL_SHM_FORMAT_XRGB8888;
	return drm_format == DRM_FORMAT_ARGB8888 ? WL_SHM_FORMAT_ARGB8888 : drm_format;
}

static void on_format(void *data, struct weston_capture_source_v1 *source, uint32_t drm_format)
{
	struct output_capture *capture = data;
	(void)source;
	if (capture->format != WL_SHM_FORMAT_XRGB8888) /* of several, this one */
		capture->format = format_of(drm_format);
}

static void on_size(
	void *data, struct weston_capture_source_v1 *source, int32_t width, int32_t height)
{
	struct output_capture *capture = data;
	(void)source;
	capture->width = width;
	capture->height = height;
}

static void on_complete(void *data, struct weston_capture_source_v1 *source)
{
	struct output_capture *capture = data;
	(void)source;
	capture->is_over = true;
}

static void on_retry(void *data, struct weston_capture_source_v1 *source)
{
	struct output_capture *capture = data;
	(void)source;
	capture->is_over = capture->has_failed = true;
}

static void on_failed(void *data, struct weston_capture_source_v1 *source, const char *message)
{
	(void)message;
	on_retry(data, source);
}

static void on_formats_done(void *data, struct weston_capture_source_v1 *source)
{
	(void)data, (void)source;
}

static const struct weston_capture_source_v1_listener listener = {
	.format = on_format,
	.size = on_size,
	.complete = on_complete,
	.retry = on_retry,
	.failed = on_failed,
	.formats_done = on_formats_done,
};

int output_capture_init(struct output_capture *capture, struct client *client)
{
	*capture = (struct output_capture){ .client = client, .format = UINT32_MAX };
	capture->source = weston_capture_v1_create(
		client->output_capture, client->output, WESTON_CAPTURE_V1_SOURCE_FRAMEBUFFER);
	weston_capture_source_v1_add_listener(capture->source, &listener, capture);
	int err = client_roundtrip(client);
	return err ? err : capture->width ? 0 : -EIO;
}

int output_capture_take(struct output_capture *capture, struct wl_buffer *buffer)
{
	weston_capture_source_v1_capture(capture->source, buffer);
	int err = client_wait(capture->client, &capture->is_over, CLIENT_PATIENCE_MS);
	return err ? err : capture->has_failed ? -EIO : 0;
}

void output_capture_finish(struct output_capture *capture)
{
	weston_capture_source_v1_destroy(capture->source);
}

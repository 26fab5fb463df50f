/* SPDX-License-Identifier: MIT */
#include "window.h"

#include "xdg-shell-client-protocol.h"

#include <unistd.h>

/* ---- Sheets ---- */

static void on_release(void *data, struct wl_buffer *buffer)
{
	struct sheet *sheet = data;
	(void)buffer;
	sheet->is_busy = false;
}

static const struct wl_buffer_listener buffer_listener = { .release = on_release };

void sheet_init(struct sheet *sheet, struct client *client, int fd, int32_t width, int32_t height)
{
	*sheet = (struct sheet){ .fd = fd, .width = width, .height = height };
	sheet->stride = 4 * width;
	sheet->size = sheet->stride * height;
	sheet->pool = wl_shm_create_pool(client->shm, fd, sheet->size);
	sheet->buffer = wl_shm_pool_create_buffer(
		sheet->pool, 0, width, height, sheet->stride, WL_SHM_FORMAT_XRGB8888);
	wl_buffer_add_listener(sheet->buffer, &buffer_listener, sheet);
}

void sheet_finish(struct sheet *sheet)
{
	if (sheet->buffer)
		wl_buffer_destroy(sheet->buffer);
	if (sheet->pool)
		wl_shm_pool_destroy(sheet->pool);
	close(sheet->fd);
	*sheet = (struct sheet){ .fd = -1 };
}

/* ---- Windows ---- */

static void on_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct window *window = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	window->is_configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = { .configure = on_configure };

/* Our size is what we say it is. */
static void on_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	(void)data, (void)toplevel, (void)width, (void)height, (void)states;
}

static void on_close(void *data, struct xdg_toplevel *toplevel)
{
	(void)data, (void)toplevel;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = on_toplevel_configure,
	.close = on_close,
};

int window_open(struct window *window, struct client *client, const char *name)
{
	*window = (struct window){ .client = client, .is_frame_done = true };
	window->surface = wl_compositor_create_surface(client->compositor);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(client->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	xdg_toplevel_set_title(window->toplevel, name);
	xdg_toplevel_set_app_id(window->toplevel, name);
	wl_surface_commit(window->surface);
	return client_wait(client, &window->is_configured, CLIENT_PATIENCE_MS);
}

void window_close(struct window *window)
{
	if (window->frame)
		wl_callback_destroy(window->frame);
	if (window->toplevel)
		xdg_toplevel_destroy(window->toplevel);
	if (window->xdg_surface)
		xdg_surface_destroy(window->xdg_surface);
	if (window->surface)
		wl_surface_destroy(window->surface);
	*window = (struct window){ 0 };
}

/* ---- Frames ---- */

static void on_frame_done(void *data, struct wl_callback *callback, uint32_t time)
{
	struct window *window = data;
	(void)time;
	wl_callback_destroy(callback);
	window->frame = NULL;
	window->is_frame_done = true;
	window->n_frames++;
}

static const struct wl_callback_listener frame_listener = { .done = on_frame_done };

void window_ask_for_frame(struct window *window)
{
	if (window->frame)
		return;
	window->frame = wl_surface_frame(window->surface);
	wl_callback_add_listener(window->frame, &frame_listener, window);
	window->is_frame_done = false;
}

void window_commit(struct window *window, struct sheet *sheet)
{
	if (sheet) {
		wl_surface_attach(window->surface, sheet->buffer, 0, 0);
		sheet->is_busy = true;
	}
	wl_surface_damage(window->surface, 0, 0, INT32_MAX, INT32_MAX);
	window_ask_for_frame(window);
	wl_surface_commit(window->surface);
}

int window_wait_for_frame(struct window *window)
{
	return client_wait(window->client, &window->is_frame_done, CLIENT_PATIENCE_MS);
}

int window_show(struct window *window, struct sheet *sheet)
{
	window_commit(window, sheet);
	return window_wait_for_frame(window);
}

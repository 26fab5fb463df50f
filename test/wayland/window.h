/* SPDX-License-Identifier: MIT */
/* Pools, buffers and windows as the tests' clients make them: thin, so that an attack reads as a
 * list of requests. */
#pragma once

#include "client.h"

#include <stddef.h>

/* One file, one pool of its whole size, one buffer from its beginning. */
struct sheet {
	int fd;
	int32_t size, width, height, stride;
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer;
	bool is_busy; /* from attach to release */
};

/* Takes the descriptor. The file may be of any size, and is not touched. */
void sheet_init(struct sheet *sheet, struct client *client, int fd, int32_t width, int32_t height);
void sheet_finish(struct sheet *sheet);

struct window {
	struct client *client;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct wl_callback *frame;
	bool is_configured, is_frame_done;
	uint64_t n_frames;
};

/* A toplevel, configured, without content. */
int window_open(struct window *window, struct client *client, const char *name);
void window_close(struct window *window);

/* Attach (unless the buffer is NULL: then content stays), damage all of it, ask for a frame,
 * commit. */
void window_commit(struct window *window, struct sheet *sheet);
/* With the next commit, unless one is under way. */
void window_ask_for_frame(struct window *window);
/* Until the frame asked for was painted. */
int window_wait_for_frame(struct window *window);
/* Both. */
int window_show(struct window *window, struct sheet *sheet);

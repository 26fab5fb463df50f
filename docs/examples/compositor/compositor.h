/* SPDX-License-Identifier: MIT */
/*
 * A Wayland compositor without a screen, as small as one can be that shows real clients, to read
 * how uffd_guard is meant to be used by a server. shm.c is the part to read: client memory is
 * mapped, brought up to date, captured into and parsed there. surface.c is what clients draw on,
 * and main.c the rest.
 *
 * It leaves out what does not touch memory: input, scaling, transforms, subsurfaces, transparency.
 * test/wayland/CMakeLists.txt builds it; $XDG_RUNTIME_DIR must be set.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uffd_guard.h>
#include <wayland-server.h>

struct server {
	struct wl_display *display;
	struct uffd_guard *guard;
	struct wl_event_source *losses;
	struct wl_list surfaces; /* the lowest first */
	int32_t width, height;
	uint32_t *screen; /* 0xffRRGGBB */
	struct wl_event_source *frame_timer;
	bool is_frame_due;
};

/* Pixels of [x1, x2) x [y1, y2). */
struct box {
	int32_t x1, y1, x2, y2;
};

/* ---- shm.c ---- */

struct surface;

struct buffer {			      /* a wl_buffer */
	struct wl_list link;	      /* of its pool */
	struct wl_list known_link;    /* of the surface's known buffers */
	struct surface *known_to;     /* whose picture it holds, but for what is marked; or NULL */
	struct wl_resource *resource; /* NULL: destroyed, but a surface shows it still */
	struct pool *pool;
	int32_t offset, width, height, stride;
	int n_references;
};

int shm_init(struct server *server);
/* Before or after the last client has gone: what is mapped stays guarded until it is unmapped. */
void shm_finish(struct server *server);

struct buffer *buffer_reference(struct buffer *buffer);
void buffer_release(struct buffer *buffer); /* NULL is a no-op */

/* What the client has drawn there since the last time: it is read when somebody looks. */
void buffer_mark(const struct buffer *buffer, struct box damage);
/* Before a look at the first rows: all that was marked there has come over. */
void buffer_ensure(const struct buffer *buffer, int32_t n_rows);
/* May be read at any time, and never raises a signal. */
const uint32_t *buffer_row(const struct buffer *buffer, int32_t y);
/* Any picture may be in it from now on. */
void buffer_forget(struct buffer *buffer);
/* So may it be in those that lie in the same bytes of the pool. */
void buffer_forget_others(const struct buffer *buffer);
/* The screen's content. False: the client's file does not take it, and the client has been told. */
bool buffer_store_screen(struct buffer *buffer, const struct server *server);
/* The keys of an XKB keymap, or a negative errno. Consumes the descriptor. */
int shm_count_keys(struct server *server, int fd, uint32_t size);

/* ---- surface.c ---- */

void surfaces_init(struct server *server);
/* Paints the screen, and tells clients that it did. */
void surfaces_paint(struct server *server);

/* ---- main.c ---- */

/* A frame is painted soon. */
void server_damage(struct server *server);
/* An object of this type. NULL, and the client is told, without memory. */
struct wl_resource *object_create(struct wl_client *client, const struct wl_interface *interface,
	uint32_t version, uint32_t id, const void *requests, void *data);
/* One whose requests are obeyed and do nothing. */
struct wl_resource *inert_create(struct wl_client *client, const struct wl_interface *interface,
	uint32_t version, uint32_t id);

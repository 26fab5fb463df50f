/* SPDX-License-Identifier: MIT */
/* A compositor that shows nothing, and its clients, in one process and on one thread: each side
 * gets its turn when the test says so. wl_shm is that of libuffd_guard_wl_shm.so, linked in front.
 */
#pragma once

#include "../support/runner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-client.h>
#include <wayland-server.h>

/* With IS_STANDIN the compositor maps files by itself, and its accesses are nothing that
 * libuffd_guard_wayland.so could see. */
#ifdef IS_STANDIN
#define add_of_libwayland(tcase, test) ((void)(test))
#else
#define add_of_libwayland(tcase, test) tcase_add_test(tcase, test)
#endif

struct world;

/* The compositor's side of a surface. */
struct canvas {
	struct world *world;
	struct wl_resource *attached; /* its wl_buffer, or NULL */
	struct wl_listener attached_destroy;
};

#define N_GLOBALS 5 /* the world's own: names of others begin behind these */

struct world {
	struct wl_display *display;
	struct wl_global *compositor, *viewporter, *camera, *recorder;
	void (*on_commit)(struct canvas *canvas); /* what the compositor does; NULL: nothing */
	void *data;				  /* the test's */
	struct wl_resource *shot;		  /* the buffer that a camera was last given */
};

struct guest {
	struct world *world;
	struct wl_client *client; /* NULL once gone */
	struct wl_listener gone;
	struct wl_display *connection; /* the client's end of it */
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wl_proxy *viewporter, *camera, *recorder;
	unsigned n_formats;
	uint32_t formats[64];
};

void world_start(struct world *world);
void world_stop(struct world *world);

void guest_join(struct guest *guest, struct world *world);
/* The same, over a pair of sockets that process_connect() made. */
void guest_join_by(struct guest *guest, struct world *world, const int sockets[2]);
void guest_leave(struct guest *guest);

/* Pairs of sockets of one other process, by which it is known to the compositor. */
void process_connect(int sockets[][2], unsigned n);

/* What the client has asked for is served, and answered. */
void exchange(struct guest *guest);
/* The compositor's event loop turns once, for losses and farewells. */
void turn(struct world *world);

/* The protocol error that the client got; 0 is none. In *interface whom it is about. */
uint32_t guest_error(struct guest *guest, const char **interface);
void assert_no_error(struct guest *guest);
void assert_error(struct guest *guest, const char *interface, uint32_t code);
void assert_disconnected(struct guest *guest);

/* ---- A client's memory, and buffers in it ---- */

/* Addresses are short there: a pool may grow to 64 MiB, or to thrice what it was. */
#define IS_32_BIT	 (sizeof(void *) < sizeof(uint64_t))
#define NO_ROOM_FOR_GIBS "32 bits have no room for two gigabytes"

#define SIDE   64 /* pixels: a buffer of 64x64 in 4 bytes is four pages */
#define STRIDE (SIDE * 4)
#define BYTES  (SIDE * STRIDE)

struct memory {
	int fd;
	size_t length;
	uint32_t *pixels; /* the client's mapping */
	struct wl_shm_pool *pool;
};

struct picture {
	struct memory *memory;
	uint32_t *pixels; /* in the client's memory */
	struct wl_buffer *buffer;
	struct wl_shm_buffer *served; /* the compositor's */
};

/* @seals: of fcntl(2), or 0 */
void memory_create(struct memory *memory, struct guest *guest, size_t length, int seals);
void memory_destroy(struct memory *memory);
void memory_cut(const struct memory *memory, size_t length);

/* SIDE x SIDE pixels of XRGB8888 at @offset. */
void picture_create(
	struct picture *picture, struct guest *guest, struct memory *memory, size_t offset);
void picture_fill(struct picture *picture, uint32_t colour);
/* A memory that is one picture. */
void picture_create_alone(
	struct picture *picture, struct memory *memory, struct guest *guest, uint32_t colour);

struct wl_shm_buffer *served_buffer(struct guest *guest, struct wl_buffer *buffer);

/* What the compositor reads, within an access. */
uint32_t pixel_at(struct wl_shm_buffer *buffer, int x, int y);
void assert_all_pixels(struct wl_shm_buffer *buffer, uint32_t colour);

/* attach, damage_buffer of that rectangle, commit; served. */
void show(struct guest *guest, struct wl_surface *surface, const struct picture *picture, int x,
	int y, int width, int height);
void show_all(struct guest *guest, struct wl_surface *surface, const struct picture *picture);

/* ---- Extensions: just enough of them ---- */

struct wl_proxy *viewport_create(struct guest *guest, struct wl_surface *surface);
void viewport_set_source(struct wl_proxy *viewport, int x, int y, int width, int height);
void viewport_set_destination(struct wl_proxy *viewport, int width, int height);

/* Hands the buffer to a camera; the compositor finds it in world.shot. */
void camera_shoot(struct guest *guest, struct wl_buffer *buffer);
/* The same with one whose protocol has all of the buffer drawn. */
void recorder_shoot(struct guest *guest, struct wl_buffer *buffer);

/* The compositor tells the client that the picture is ready; the one before, if that was given to
 * another camera, when it is called again. */
void camera_answer(void);

/* SPDX-License-Identifier: MIT */
/* A client's end of the wire: a connection, the globals found there, and waiting that ends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wayland-client.h>

/* In the environment: a socket that pictures are taken at, where the compositor takes none. */
#define CLIENT_CAMERA "WAYLAND_TEST_CAMERA"

#define CLIENT_PATIENCE_MS 30000 /* a compositor that has not answered by then hangs */

struct client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_subcompositor *subcompositor;
	struct wl_data_device_manager *data_device_manager;
	struct wl_shm *shm;
	uint32_t shm_name; /* in the registry */
	struct wl_seat *seat;
	struct wl_output *output;
	int32_t output_width, output_height;
	struct xdg_wm_base *wm_base;

	/* NULL where the compositor has none. */
	struct wp_viewporter *viewporter;
	struct weston_screenshooter *screenshooter;
	struct weston_capture_v1 *output_capture;
	struct zwlr_screencopy_manager_v1 *screencopy;
	struct zwlr_virtual_pointer_manager_v1 *virtual_pointers;
	struct zwp_virtual_keyboard_manager_v1 *virtual_keyboards;

	struct client *camera; /* NULL, or a connection to the compositor that shows this one */
};

/* To $WAYLAND_DISPLAY, or to a socket of this name. 0, or a negative errno. */
int client_connect(struct client *client, const char *name);
void client_disconnect(struct client *client);

/* Until *is_done. 0; -EPROTO, -EPIPE or another error of the connection; -ETIMEDOUT. */
int client_wait(struct client *client, const bool *is_done, int patience_ms);
/* Until everything sent so far was looked at. */
int client_roundtrip(struct client *client);
/* Whatever is here now, without waiting; but until there is room for more requests. */
int client_serve(struct client *client);
/* For this time. */
int client_doze(struct client *client, int ms);

/* As the compositor said it; an empty interface if it said nothing (yet). */
struct protocol_error {
	char interface[64];
	uint32_t code;
};
struct protocol_error client_error(struct client *client);

uint64_t client_clock_ms(void);

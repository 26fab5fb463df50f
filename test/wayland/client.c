/* SPDX-License-Identifier: MIT */
/*
 * libwayland-client waits for ever; a test must not. All waiting here goes through
 * wait_for_events(), which flushes, polls with a limit, and reads.
 */
#include "client.h"

#include "output-capture-client-protocol.h"
#include "screencopy-client-protocol.h"
#include "screenshooter-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "virtual-keyboard-client-protocol.h"
#include "virtual-pointer-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t client_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Waiting ---- */

static int error_of(struct client *client)
{
	int err = wl_display_get_error(client->display);
	return err ? -err : 0;
}

/* The socket may be full: then wait, whatever @ms, until it can be written to: libwayland gives up
 * if more is sent then. */
static int wait_for_events(struct client *client, int ms)
{
	struct pollfd fd = { .fd = wl_display_get_fd(client->display), .events = POLLIN };
	while (wl_display_prepare_read(client->display) != 0)
		if (wl_display_dispatch_pending(client->display) < 0)
			return error_of(client);
	if (wl_display_flush(client->display) < 0) {
		if (errno == EAGAIN) {
			fd.events |= POLLOUT;
			ms = CLIENT_PATIENCE_MS;
		} else if (errno != EPIPE) { /* then there may be a last word to read */
			ms = 0;
		}
	}
	if (poll(&fd, 1, ms) > 0 && fd.revents & (POLLIN | POLLHUP | POLLERR))
		wl_display_read_events(client->display);
	else
		wl_display_cancel_read(client->display);
	wl_display_dispatch_pending(client->display);
	return error_of(client);
}

int client_wait(struct client *client, const bool *is_done, int patience_ms)
{
	uint64_t end = client_clock_ms() + (uint64_t)patience_ms;
	int err = error_of(client);
	while (!err && !*is_done) {
		uint64_t now = client_clock_ms();
		if (now >= end)
			return -ETIMEDOUT;
		err = wait_for_events(client, (int)(end - now));
	}
	return err;
}

int client_serve(struct client *client)
{
	int err = error_of(client);
	return err ? err : wait_for_events(client, 0);
}

int client_doze(struct client *client, int ms)
{
	const bool never = false;
	int err = client_wait(client, &never, ms);
	return err == -ETIMEDOUT ? 0 : err;
}

static void on_sync_done(void *data, struct wl_callback *callback, uint32_t serial)
{
	bool *is_done = data;
	(void)callback;
	(void)serial;
	*is_done = true;
}

static const struct wl_callback_listener sync_listener = { .done = on_sync_done };

int client_roundtrip(struct client *client)
{
	bool is_done = false;
	int err = error_of(client);
	if (err)
		return err;
	struct wl_callback *callback = wl_display_sync(client->display);
	wl_callback_add_listener(callback, &sync_listener, &is_done);
	err = client_wait(client, &is_done, CLIENT_PATIENCE_MS);
	wl_callback_destroy(callback);
	return err;
}

struct protocol_error client_error(struct client *client)
{
	struct protocol_error error = { 0 };
	if (error_of(client) != -EPROTO)
		return error;
	const struct wl_interface *interface = NULL;
	uint32_t id;
	error.code = wl_display_get_protocol_error(client->display, &interface, &id);
	snprintf(error.interface, sizeof(error.interface), "%s",
		interface ? interface->name : "destroyed");
	return error;
}

/* ---- Globals ---- */

static void on_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	(void)data;
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = { .ping = on_ping };

static void on_geometry(void *data, struct wl_output *output, int32_t x, int32_t y, int32_t width,
	int32_t height, int32_t subpixel, const char *make, const char *model, int32_t transform)
{
	(void)data, (void)output, (void)x, (void)y, (void)width, (void)height, (void)subpixel;
	(void)make, (void)model, (void)transform;
}

static void on_mode(void *data, struct wl_output *output, uint32_t flags, int32_t width,
	int32_t height, int32_t refresh)
{
	struct client *client = data;
	(void)output, (void)refresh;
	if (!(flags & WL_OUTPUT_MODE_CURRENT))
		return;
	client->output_width = width;
	client->output_height = height;
}

static const struct wl_output_listener output_listener = {
	.geometry = on_geometry,
	.mode = on_mode,
};

struct wanted {
	const struct wl_interface *interface;
	uint32_t version;
	void *place; /* of a pointer */
};

static bool is_bound(const struct wanted *wanted)
{
	void *proxy;
	memcpy(&proxy, wanted->place, sizeof(proxy));
	return proxy != NULL;
}

static void bind_global(
	struct client *client, const struct wanted *wanted, uint32_t name, uint32_t version)
{
	version = version < wanted->version ? version : wanted->version;
	void *proxy = wl_registry_bind(client->registry, name, wanted->interface, version);
	memcpy(wanted->place, &proxy, sizeof(proxy));
	if (wanted->interface == &wl_shm_interface)
		client->shm_name = name;
	else if (wanted->interface == &xdg_wm_base_interface)
		xdg_wm_base_add_listener(client->wm_base, &wm_base_listener, client);
	else if (wanted->interface == &wl_output_interface)
		wl_output_add_listener(client->output, &output_listener, client);
}

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *c = data;
	const struct wanted all[] = {
		{ &wl_compositor_interface, 4, &c->compositor },
		{ &wl_subcompositor_interface, 1, &c->subcompositor },
		{ &wl_data_device_manager_interface, 1, &c->data_device_manager },
		{ &wl_shm_interface, 1, &c->shm },
		{ &wl_seat_interface, 1, &c->seat },
		{ &wl_output_interface, 1, &c->output },
		{ &xdg_wm_base_interface, 1, &c->wm_base },
		{ &wp_viewporter_interface, 1, &c->viewporter },
		{ &weston_screenshooter_interface, 1, &c->screenshooter },
		{ &weston_capture_v1_interface, 2, &c->output_capture },
		{ &zwlr_screencopy_manager_v1_interface, 1, &c->screencopy },
		{ &zwlr_virtual_pointer_manager_v1_interface, 1, &c->virtual_pointers },
		{ &zwp_virtual_keyboard_manager_v1_interface, 1, &c->virtual_keyboards },
	};
	(void)registry;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!is_bound(&all[i]) && strcmp(interface, all[i].interface->name) == 0)
			bind_global(c, &all[i], name, version);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data, (void)registry, (void)name;
}

static const struct wl_registry_listener registry_listener = {
	.global = on_global,
	.global_remove = on_global_remove,
};

static int connect_camera(struct client *client)
{
	const char *name = getenv(CLIENT_CAMERA);
	if (!name || client->screencopy || client->screenshooter || client->output_capture)
		return 0;
	client->camera = malloc(sizeof(*client->camera));
	return client->camera ? client_connect(client->camera, name) : -ENOMEM;
}

int client_connect(struct client *client, const char *name)
{
	*client = (struct client){ .display = wl_display_connect(name) };
	if (!client->display)
		return -errno;
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	int err = client_roundtrip(client);
	if (!err)
		err = client_roundtrip(client); /* the output's modes */
	if (!err && (!client->compositor || !client->shm || !client->wm_base || !client->output))
		err = -ENOTSUP;
	if (!err)
		err = connect_camera(client);
	if (err)
		client_disconnect(client);
	return err;
}

/* The objects go with the process, or in the tests' case soon after: proxies are freed by hand only
 * where a program makes many. */
void client_disconnect(struct client *client)
{
	if (client->camera)
		client_disconnect(client->camera);
	free(client->camera);
	if (client->display)
		wl_display_disconnect(client->display);
	*client = (struct client){ 0 };
}

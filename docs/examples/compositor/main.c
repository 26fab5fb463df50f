/* SPDX-License-Identifier: MIT */
/* The frame clock, the globals that are not about memory, and those for which memory is handed over
 * that is no window's: pictures of the screen, and keymaps. */
#include "compositor.h"

#include "screenshooter-server-protocol.h"
#include "virtual-keyboard-server-protocol.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_MS 16

/* ---- Objects ---- */

struct wl_resource *object_create(struct wl_client *client, const struct wl_interface *interface,
	uint32_t version, uint32_t id, const void *requests, void *data)
{
	struct wl_resource *resource = wl_resource_create(client, interface, (int)version, id);
	if (resource)
		wl_resource_set_implementation(resource, requests, data, NULL);
	else
		wl_client_post_no_memory(client);
	return resource;
}

/* New objects are made, and do nothing either; descriptors are closed; destructors destroy. */
static int dispatch_inert(const void *data, void *target, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	struct wl_resource *resource = target;
	unsigned i = 0;
	(void)data, (void)opcode;
	for (const char *type = message->signature; *type; type++) {
		if (!strchr("iufsonah", *type))
			continue; /* a version, or a question mark */
		if (*type == 'n')
			inert_create(wl_resource_get_client(resource), message->types[i],
				(uint32_t)wl_resource_get_version(resource), arguments[i].n);
		if (*type == 'h')
			close(arguments[i].h);
		i++;
	}
	if (strcmp(message->name, "destroy") == 0 || strcmp(message->name, "release") == 0)
		wl_resource_destroy(resource);
	return 0;
}

struct wl_resource *inert_create(struct wl_client *client, const struct wl_interface *interface,
	uint32_t version, uint32_t id)
{
	const uint32_t most = (uint32_t)interface->version;
	struct wl_resource *resource =
		object_create(client, interface, version < most ? version : most, id, NULL, NULL);
	if (resource)
		wl_resource_set_dispatcher(resource, dispatch_inert, NULL, NULL, NULL);
	return resource;
}

static void bind_inert(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	inert_create(client, data, version, id);
}

static void bind_seat(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *seat = inert_create(client, data, version, id);
	if (seat)
		wl_seat_send_capabilities(seat, 0);
	if (seat && version >= WL_SEAT_NAME_SINCE_VERSION)
		wl_seat_send_name(seat, "seat0");
}

static void bind_output(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	const struct server *server = data;
	struct wl_resource *output = inert_create(client, &wl_output_interface, version, id);
	if (!output)
		return;
	wl_output_send_geometry(output, 0, 0, 0, 0, WL_OUTPUT_SUBPIXEL_UNKNOWN, "uffd_guard",
		"example", WL_OUTPUT_TRANSFORM_NORMAL);
	wl_output_send_mode(output, WL_OUTPUT_MODE_CURRENT | WL_OUTPUT_MODE_PREFERRED,
		server->width, server->height, 1000 * 1000 / FRAME_MS);
	if (version >= WL_OUTPUT_DONE_SINCE_VERSION)
		wl_output_send_done(output);
}

/* ---- Pictures of the screen, in Weston's protocol: weston-screenshooter works ---- */

static void take_shot(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *output, struct wl_resource *buffer_resource)
{
	struct server *server = wl_resource_get_user_data(resource);
	struct buffer *buffer = wl_resource_get_user_data(buffer_resource);
	(void)client, (void)output;
	if (buffer->width < server->width || buffer->height < server->height)
		return; /* as Weston does */
	surfaces_paint(server);
	if (buffer_store_screen(buffer, server))
		weston_screenshooter_send_done(resource);
}

static const struct weston_screenshooter_interface shooter_requests = { .take_shot = take_shot };

static void bind_shooter(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	object_create(
		client, &weston_screenshooter_interface, version, id, &shooter_requests, data);
}

/* ---- Keymaps from virtual keyboards ---- */

static void set_keymap(struct wl_client *client, struct wl_resource *resource, uint32_t format,
	int32_t fd, uint32_t size)
{
	int n_keys = shm_count_keys(wl_resource_get_user_data(resource), fd, size);
	(void)format;
	if (n_keys < 0)
		wl_client_post_implementation_error(client, "no keymap: %s", strerror(-n_keys));
	else
		printf("a keymap of %d keys\n", n_keys);
}

static const struct zwp_virtual_keyboard_v1_interface keyboard_requests = { .keymap = set_keymap };

static void create_keyboard(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t id)
{
	(void)seat;
	object_create(client, &zwp_virtual_keyboard_v1_interface, 1, id, &keyboard_requests,
		wl_resource_get_user_data(resource));
}

static const struct zwp_virtual_keyboard_manager_v1_interface keyboards_requests = {
	.create_virtual_keyboard = create_keyboard,
};

static void bind_keyboards(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	object_create(client, &zwp_virtual_keyboard_manager_v1_interface, version, id,
		&keyboards_requests, data);
}

/* ---- The clock ---- */

void server_damage(struct server *server)
{
	if (!server->is_frame_due)
		wl_event_source_timer_update(server->frame_timer, FRAME_MS);
	server->is_frame_due = true;
}

static int on_frame(void *data)
{
	struct server *server = data;
	server->is_frame_due = false;
	surfaces_paint(server);
	return 0;
}

/* ---- The program ---- */

static int on_end(int signal_number, void *data)
{
	(void)signal_number;
	wl_display_terminate(data);
	return 0;
}

static void create_globals(struct server *server)
{
	struct wl_display *display = server->display;
	surfaces_init(server);
	wl_global_create(display, &wl_output_interface, 2, server, bind_output);
	wl_global_create(display, &wl_seat_interface, 5, (void *)&wl_seat_interface, bind_seat);
	wl_global_create(display, &wl_subcompositor_interface, 1,
		(void *)&wl_subcompositor_interface, bind_inert);
	wl_global_create(display, &wl_data_device_manager_interface, 3,
		(void *)&wl_data_device_manager_interface, bind_inert);
	wl_global_create(display, &weston_screenshooter_interface, 1, server, bind_shooter);
	wl_global_create(
		display, &zwp_virtual_keyboard_manager_v1_interface, 1, server, bind_keyboards);
}

static int run(struct server *server)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(server->display);
	const char *socket = wl_display_add_socket_auto(server->display);
	if (!socket) {
		fprintf(stderr, "no socket in $XDG_RUNTIME_DIR: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	server->frame_timer = wl_event_loop_add_timer(loop, on_frame, server);
	wl_event_loop_add_signal(loop, SIGTERM, on_end, server->display);
	wl_event_loop_add_signal(loop, SIGINT, on_end, server->display);
	create_globals(server);
	printf("WAYLAND_DISPLAY=%s\n", socket);
	fflush(stdout);
	wl_display_run(server->display);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct server server = { .width = 640, .height = 480 };
	if (argc > 1 && sscanf(argv[1], "%dx%d", &server.width, &server.height) != 2) {
		fprintf(stderr, "Usage: compositor [WIDTHxHEIGHT]\n");
		return 2;
	}
	server.screen = calloc((size_t)server.width * (size_t)server.height, sizeof(uint32_t));
	server.display = wl_display_create();
	if (!server.screen || !server.display || shm_init(&server) < 0)
		return EXIT_FAILURE;
	int status = run(&server);
	shm_finish(&server);
	wl_display_destroy_clients(server.display); /* unmaps what they shared */
	wl_display_destroy(server.display);
	free(server.screen);
	return status;
}

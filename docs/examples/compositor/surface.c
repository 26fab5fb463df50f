/* SPDX-License-Identifier: MIT */
/*
 * Surfaces and windows. A surface refers to the buffer that it shows, and the painter reads it in
 * place.
 *
 * Damage is said of the surface: what differs from its last picture. The buffer that is attached
 * holds an older one, if any, and lacks all that was damaged since. So a surface knows the last few
 * buffers that it showed, and marks damage in each of them; a mark costs next to nothing, and what
 * is never shown again is never read. A buffer that it does not know is marked as a whole: it is
 * new, or another surface has shown it since, or another buffer in the same bytes of the pool.
 */
#include "compositor.h"

#include "xdg-shell-server-protocol.h"

#include <stdlib.h>
#include <string.h>

#define STEP	   24 /* pixels from one window to the next */
#define N_STEPS	   8
#define BACKGROUND 0xff203040
#define MOST_KNOWN 4 /* more than clients have that draw in turn */

struct surface {
	struct wl_list link; /* of server.surfaces */
	struct server *server;
	struct buffer *buffer, *pending; /* references */
	struct wl_list known;		 /* buffers, the last one shown first */
	bool has_pending, is_configured;
	struct box damage;
	struct wl_list callbacks[2];		    /* committed, and not yet */
	struct wl_resource *xdg_surface, *toplevel; /* both: it is a window */
	int32_t x, y;
};

static const struct box everything = { 0, 0, INT32_MAX, INT32_MAX };

/* ---- Requests of wl_surface ---- */

static void surface_destroy(struct wl_client *client, struct wl_resource *resource)
{
	(void)client;
	wl_resource_destroy(resource);
}

static void surface_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	(void)client, (void)x, (void)y;
	buffer_release(surface->pending);
	surface->pending = buffer ? buffer_reference(wl_resource_get_user_data(buffer)) : NULL;
	surface->has_pending = true;
}

static int32_t end_of(int32_t start, int32_t length)
{
	const int64_t end = (int64_t)start + length;
	return end < INT32_MAX ? (int32_t)end : INT32_MAX;
}

static int32_t least(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static int32_t most(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

static void surface_damage(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	struct box *box = &((struct surface *)wl_resource_get_user_data(resource))->damage;
	const struct box new = { x, y, end_of(x, width), end_of(y, height) };
	(void)client;
	if (box->x1 >= box->x2)
		*box = new;
	else
		*box = (struct box){ least(box->x1, new.x1), least(box->y1, new.y1),
			most(box->x2, new.x2), most(box->y2, new.y2) };
}

static void on_callback_destroyed(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

static void surface_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct wl_resource *callback =
		object_create(client, &wl_callback_interface, 1, id, NULL, NULL);
	if (!callback)
		return;
	wl_resource_set_destructor(callback, on_callback_destroyed);
	wl_list_insert(surface->callbacks[1].prev, wl_resource_get_link(callback));
}

static void surface_set_region(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *region)
{
	(void)client, (void)resource, (void)region;
}

static void surface_set_number(
	struct wl_client *client, struct wl_resource *resource, int32_t number)
{
	(void)client, (void)resource, (void)number;
}

static void forget_known(struct surface *surface)
{
	struct buffer *buffer, *next;
	wl_list_for_each_safe (buffer, next, &surface->known, known_link)
		buffer_forget(buffer);
}

static bool have_same_size(const struct buffer *a, const struct buffer *b)
{
	return a->width == b->width && a->height == b->height;
}

static void know(struct surface *surface, struct buffer *buffer)
{
	const bool is_new = buffer->known_to != surface;
	struct buffer *any = wl_container_of(surface->known.next, any, known_link);
	if (!wl_list_empty(&surface->known) && !have_same_size(any, buffer))
		forget_known(surface); /* positions mean something else now */
	buffer_forget(buffer);
	if (is_new) {
		buffer_mark(buffer, everything);
		buffer_forget_others(buffer);
	}
	wl_list_insert(&surface->known, &buffer->known_link);
	buffer->known_to = surface;
	if (wl_list_length(&surface->known) > MOST_KNOWN)
		buffer_forget(wl_container_of(surface->known.prev, any, known_link));
}

static void mark_damage(struct surface *surface)
{
	struct buffer *buffer;
	know(surface, surface->buffer);
	wl_list_for_each (buffer, &surface->known, known_link)
		buffer_mark(buffer, surface->damage);
	surface->damage = (struct box){ 0 };
}

/* The buffer that was shown is the client's again. */
static void take_pending_buffer(struct surface *surface)
{
	struct buffer *old = surface->buffer;
	surface->buffer = surface->pending;
	surface->pending = NULL;
	surface->has_pending = false;
	if (old && old != surface->buffer && old->resource)
		wl_buffer_send_release(old->resource);
	buffer_release(old);
}

static void configure(struct surface *surface)
{
	struct wl_array states;
	wl_array_init(&states);
	xdg_toplevel_send_configure(surface->toplevel, 0, 0, &states);
	xdg_surface_send_configure(
		surface->xdg_surface, wl_display_next_serial(surface->server->display));
	surface->is_configured = true;
}

static void surface_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	(void)client;
	if (surface->has_pending)
		take_pending_buffer(surface);
	if (surface->buffer)
		mark_damage(surface);
	else
		forget_known(surface);
	wl_list_insert_list(surface->callbacks[0].prev, &surface->callbacks[1]);
	wl_list_init(&surface->callbacks[1]);
	if (surface->toplevel && surface->xdg_surface && !surface->is_configured)
		configure(surface);
	server_damage(surface->server);
}

static const struct wl_surface_interface surface_requests = {
	.destroy = surface_destroy,
	.attach = surface_attach,
	.damage = surface_damage,
	.frame = surface_frame,
	.set_opaque_region = surface_set_region,
	.set_input_region = surface_set_region,
	.commit = surface_commit,
	.set_buffer_transform = surface_set_number,
	.set_buffer_scale = surface_set_number,
	.damage_buffer = surface_damage, /* the same: nothing is scaled */
};

/* ---- Life of a surface ---- */

static void on_surface_destroyed(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct wl_resource *callback, *next;
	for (int i = 0; i < 2; i++)
		wl_resource_for_each_safe (callback, next, &surface->callbacks[i])
			wl_resource_destroy(callback);
	if (surface->xdg_surface)
		wl_resource_set_user_data(surface->xdg_surface, NULL);
	if (surface->toplevel)
		wl_resource_set_user_data(surface->toplevel, NULL);
	forget_known(surface);
	buffer_release(surface->buffer);
	buffer_release(surface->pending);
	wl_list_remove(&surface->link);
	server_damage(surface->server);
	free(surface);
}

static void create_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct server *server = wl_resource_get_user_data(resource);
	struct surface *surface = calloc(1, sizeof(*surface));
	struct wl_resource *created = object_create(client, &wl_surface_interface,
		(uint32_t)wl_resource_get_version(resource), id, &surface_requests, surface);
	if (!surface || !created) {
		free(surface);
		wl_client_post_no_memory(client);
		return;
	}
	surface->server = server;
	surface->x = surface->y = wl_list_length(&server->surfaces) % N_STEPS * STEP;
	wl_list_insert(server->surfaces.prev, &surface->link);
	wl_list_init(&surface->known);
	wl_list_init(&surface->callbacks[0]);
	wl_list_init(&surface->callbacks[1]);
	wl_resource_set_destructor(created, on_surface_destroyed);
}

static void create_region(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	(void)resource;
	inert_create(client, &wl_region_interface, 1, id);
}

static const struct wl_compositor_interface compositor_requests = {
	.create_surface = create_surface,
	.create_region = create_region,
};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	object_create(client, &wl_compositor_interface, version, id, &compositor_requests, data);
}

/* ---- Windows: of xdg-shell only what it takes to show one ---- */

static void on_role_destroyed(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (!surface)
		return;
	if (surface->toplevel == resource)
		surface->toplevel = NULL;
	if (surface->xdg_surface == resource)
		surface->xdg_surface = NULL;
	surface->is_configured = false;
	server_damage(surface->server);
}

static int dispatch_shell(const void *data, void *target, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments);

/* *@role, if the surface has none yet: else the object goes without. */
static void create_role(struct wl_resource *parent, const struct wl_interface *interface,
	uint32_t id, struct surface *surface, struct wl_resource **role)
{
	struct wl_resource *created = inert_create(wl_resource_get_client(parent), interface,
		(uint32_t)wl_resource_get_version(parent), id);
	if (!created || !surface || *role)
		return;
	*role = created;
	wl_resource_set_dispatcher(created, dispatch_shell, NULL, surface, on_role_destroyed);
}

static int dispatch_shell(const void *data, void *target, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	struct wl_resource *resource = target;
	struct wl_client *client = wl_resource_get_client(resource);
	struct surface *surface = wl_resource_get_user_data(resource);
	(void)data, (void)opcode;
	if (strcmp(message->name, "destroy") == 0) {
		wl_resource_destroy(resource);
	} else if (strcmp(message->name, "get_xdg_surface") == 0) {
		surface = wl_resource_get_user_data((struct wl_resource *)arguments[1].o);
		create_role(resource, &xdg_surface_interface, arguments[0].n, surface,
			&surface->xdg_surface);
	} else if (strcmp(message->name, "get_toplevel") == 0) {
		create_role(resource, &xdg_toplevel_interface, arguments[0].n, surface,
			surface ? &surface->toplevel : NULL);
	} else if (message->types[0] && message->signature[0] == 'n') {
		inert_create(client, message->types[0], 1, arguments[0].n);
	}
	return 0;
}

static void bind_wm_base(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		object_create(client, &xdg_wm_base_interface, version, id, NULL, NULL);
	(void)data;
	if (resource)
		wl_resource_set_dispatcher(resource, dispatch_shell, NULL, NULL, NULL);
}

/* ---- Painting ---- */

static void paint_surface(struct server *server, const struct surface *surface)
{
	const struct buffer *buffer = surface->buffer;
	const int32_t width = least(buffer->width, server->width - surface->x);
	const int32_t height = least(buffer->height, server->height - surface->y);
	if (width <= 0 || height <= 0)
		return;
	buffer_ensure(buffer, height);
	for (int32_t y = 0; y < height; y++) {
		const uint32_t *from = buffer_row(buffer, y);
		uint32_t *to = server->screen + (surface->y + y) * server->width + surface->x;
		for (int32_t x = 0; x < width; x++)
			to[x] = from[x] | 0xff000000;
	}
}

static void send_callbacks(struct surface *surface, uint32_t time)
{
	struct wl_resource *callback, *next;
	wl_resource_for_each_safe (callback, next, &surface->callbacks[0]) {
		wl_callback_send_done(callback, time);
		wl_resource_destroy(callback);
	}
}

void surfaces_paint(struct server *server)
{
	static uint32_t time;
	struct surface *surface;
	for (int32_t i = 0; i < server->width * server->height; i++)
		server->screen[i] = BACKGROUND;
	time += 16;
	wl_list_for_each (surface, &server->surfaces, link) {
		if (surface->buffer && surface->toplevel)
			paint_surface(server, surface);
		send_callbacks(surface, time);
	}
}

void surfaces_init(struct server *server)
{
	wl_list_init(&server->surfaces);
	wl_global_create(server->display, &wl_compositor_interface, 4, server, bind_compositor);
	wl_global_create(server->display, &xdg_wm_base_interface, 1, server, bind_wm_base);
}

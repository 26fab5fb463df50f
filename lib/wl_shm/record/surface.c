/* SPDX-License-Identifier: MIT */
/*
 * The record of a wl_surface, and the list of the buffers that it has shown last. A buffer is in
 * the list of one surface at most, its home: only against that surface's pictures is it known what
 * has changed since the buffer was shown.
 */
#include "record/surface.h"

#include <stdlib.h>

static void surface_drop_known(struct surface *surface, unsigned i)
{
	if (surface->known[i])
		surface->known[i]->home = NULL;
	surface->known[i] = NULL;
}

static void surface_on_destroy(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, destroy);
	(void)data;
	for (unsigned i = 0; i < SURFACE_BUFFERS; i++)
		surface_drop_known(surface, i);
	buffer_use_set(&surface->pending.buffer, NULL);
	buffer_use_set(&surface->shown, NULL);
	wl_list_remove(&surface->viewport.link);
	if (surface->client->viewport_awaited_by == surface)
		surface->client->viewport_awaited_by = NULL;
	client_unref(surface->client);
	free(surface);
}

struct surface *surface_of(struct wl_resource *resource)
{
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(resource, surface_on_destroy);
	struct surface *surface;
	if (listener)
		return wl_container_of(listener, surface, destroy);

	struct shm_client *client = client_of(wl_resource_get_client(resource));
	surface = client ? calloc(1, sizeof(*surface)) : NULL;
	if (!surface)
		return NULL;
	*surface = (struct surface){
		.destroy = { .notify = surface_on_destroy },
		.client = client_ref(client),
		.pending.view = SURFACE_VIEW_INIT,
		.view = SURFACE_VIEW_INIT,
	};
	wl_list_init(&surface->viewport.link);
	wl_resource_add_destroy_listener(resource, &surface->destroy);
	return surface;
}

/* ---- surface.known ---- */

static unsigned find_known(const struct surface *surface, const struct wl_shm_buffer *buffer)
{
	unsigned i = 0;
	while (i < SURFACE_BUFFERS && surface->known[i] != buffer)
		i++;
	return i;
}

void surface_forget_buffer(struct surface *surface, struct wl_shm_buffer *buffer)
{
	unsigned i = find_known(surface, buffer);
	if (i < SURFACE_BUFFERS)
		surface_drop_known(surface, i);
}

void surface_forget_all_but(struct surface *surface, const struct wl_shm_buffer *buffer)
{
	for (unsigned i = 0; i < SURFACE_BUFFERS; i++) {
		if (surface->known[i] != buffer)
			surface_drop_known(surface, i);
	}
}

bool surface_take_home(struct surface *surface, struct wl_shm_buffer *buffer)
{
	const bool was_here = buffer->home == surface;
	if (buffer->home && !was_here)
		surface_forget_buffer(buffer->home, buffer);

	unsigned i = was_here ? find_known(surface, buffer) : SURFACE_BUFFERS - 1;
	if (!was_here)
		surface_drop_known(surface, i);
	for (; i > 0; i--)
		surface->known[i] = surface->known[i - 1];
	surface->known[0] = buffer;
	buffer->home = surface;
	return was_here;
}

void surfaces_let_go(struct wl_shm_buffer *buffer)
{
	struct buffer_use *use, *next;
	wl_list_for_each_safe (use, next, &buffer->uses, link)
		buffer_use_set(use, NULL);
	if (buffer->home)
		surface_forget_buffer(buffer->home, buffer);
}

void surface_attach(struct surface *surface, struct wl_shm_buffer *buffer)
{
	surface->pending.is_attached = true;
	buffer_use_set(&surface->pending.buffer, buffer);
}

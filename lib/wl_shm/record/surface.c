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
	struct known_picture *known = &surface->known[i];
	if (known->buffer)
		known->buffer->home = NULL;
	leftover_destroy(known->leftover);
	*known = (struct known_picture){ 0 };
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
	while (i < SURFACE_BUFFERS && surface->known[i].buffer != buffer)
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
		if (!buffer || surface->known[i].buffer != buffer)
			surface_drop_known(surface, i);
	}
}

/* The place of the picture that @buffer shows again, or SURFACE_BUFFERS. */
static unsigned find_picture(struct surface *surface, struct wl_shm_buffer *buffer)
{
	if (buffer->home == surface)
		return find_known(surface, buffer);
	unsigned i = 0;
	while (i < SURFACE_BUFFERS && !leftover_give(surface->known[i].leftover, buffer))
		i++;
	return i;
}

bool surface_take_home(struct surface *surface, struct wl_shm_buffer *buffer)
{
	if (buffer->home && buffer->home != surface)
		surface_forget_buffer(buffer->home, buffer);

	unsigned i = find_picture(surface, buffer);
	const bool was_here = i < SURFACE_BUFFERS;
	if (!was_here)
		i--;
	if (surface->known[i].buffer != buffer)
		surface_drop_known(surface, i);
	for (; i > 0; i--)
		surface->known[i] = surface->known[i - 1];
	surface->known[0] = (struct known_picture){ .buffer = buffer };
	buffer->home = surface;
	return was_here;
}

static void owe(struct known_picture *known, const struct damage *changed)
{
	if (known->buffer)
		damage_join(&known->buffer->owed, changed);
	else if (known->leftover)
		damage_join(&known->leftover->owed, changed);
}

void surface_owe(struct surface *surface, const struct damage *changed)
{
	for (unsigned i = 1; i < SURFACE_BUFFERS; i++)
		owe(&surface->known[i], changed);
}

static void leave_home(struct wl_shm_buffer *buffer)
{
	const unsigned i = find_known(buffer->home, buffer);
	if (i < SURFACE_BUFFERS) {
		buffer->home->known[i].leftover = leftover_of(buffer);
		buffer->home->known[i].buffer = NULL;
	}
	buffer->home = NULL;
}

void surfaces_let_go(struct wl_shm_buffer *buffer)
{
	struct buffer_use *use, *next;
	wl_list_for_each_safe (use, next, &buffer->uses, link)
		buffer_use_set(use, NULL);
	if (buffer->home)
		leave_home(buffer);
}

void surface_attach(struct surface *surface, struct wl_shm_buffer *buffer)
{
	surface->pending.is_attached = true;
	buffer_use_set(&surface->pending.buffer, buffer);
}

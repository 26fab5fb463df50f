/* SPDX-License-Identifier: MIT */
/*
 * From a wp_viewport to its surface.
 *
 * The request that makes a viewport is seen before there is one: all that is known is the number it
 * will have. So the surface waits, one of each client, until the next request that has to do with
 * viewports; by then the object is there, and from then on a listener on it leads to the surface,
 * however many surfaces there are.
 */
#include "protocol/viewport.h"

#include <string.h>

static void detach(struct surface *surface)
{
	wl_list_remove(&surface->viewport.link);
	wl_list_init(&surface->viewport.link);
}

static void on_destroy(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, viewport);
	(void)data;
	detach(surface);
}

static void attach(struct surface *surface, uint32_t id)
{
	struct wl_resource *viewport = wl_client_get_object(surface->client->wl_client, id);
	if (!viewport || strcmp(wl_resource_get_class(viewport), "wp_viewport") != 0)
		return; /* it was refused */
	detach(surface);
	surface->viewport.notify = on_destroy;
	wl_resource_add_destroy_listener(viewport, &surface->viewport);
}

static void attach_who_waits(struct shm_client *client)
{
	if (client->awaits_viewport)
		attach(client->awaits_viewport, client->awaited_viewport);
	client->awaits_viewport = NULL;
}

void viewport_expect(struct surface *surface, uint32_t id)
{
	struct shm_client *client = surface->client;
	attach_who_waits(client);
	client->awaits_viewport = surface;
	client->awaited_viewport = id;
}

struct surface *viewport_surface(struct wl_resource *viewport)
{
	struct shm_client *client = client_of(wl_resource_get_client(viewport));
	if (client)
		attach_who_waits(client);
	struct wl_listener *listener = wl_resource_get_destroy_listener(viewport, on_destroy);
	struct surface *surface = NULL;
	return listener ? wl_container_of(listener, surface, viewport) : NULL;
}

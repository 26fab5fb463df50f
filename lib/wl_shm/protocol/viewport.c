/* SPDX-License-Identifier: MIT */
/*
 * From a wp_viewport to its surface.
 *
 * The logger sees get_viewport before the viewport exists: only its id is known. So the surface is
 * noted in client->viewport_awaited_by until the client's next request about viewports. By then the
 * object exists, and gets a destroy listener that is a member of the surface. From then on that
 * listener leads from the viewport to the surface, however many surfaces there are.
 */
#include "protocol/viewport.h"

#include <string.h>

static void viewport_detach(struct surface *surface)
{
	wl_list_remove(&surface->viewport.link);
	wl_list_init(&surface->viewport.link);
}

static void viewport_on_destroy(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, viewport);
	(void)data;
	viewport_detach(surface);
}

static void viewport_attach(struct surface *surface, uint32_t id)
{
	struct wl_resource *viewport = wl_client_get_object(surface->client->wl_client, id);
	if (!viewport || strcmp(wl_resource_get_class(viewport), "wp_viewport") != 0)
		return; /* the compositor refused it */
	viewport_detach(surface);
	surface->viewport.notify = viewport_on_destroy;
	wl_resource_add_destroy_listener(viewport, &surface->viewport);
}

static void attach_awaited_viewport(struct shm_client *client)
{
	if (client->viewport_awaited_by)
		viewport_attach(client->viewport_awaited_by, client->awaited_viewport_id);
	client->viewport_awaited_by = NULL;
}

void viewport_expect(struct surface *surface, uint32_t id)
{
	struct shm_client *client = surface->client;
	attach_awaited_viewport(client);
	client->viewport_awaited_by = surface;
	client->awaited_viewport_id = id;
}

struct surface *viewport_surface(struct wl_resource *viewport)
{
	struct shm_client *client = client_of(wl_resource_get_client(viewport));
	if (client)
		attach_awaited_viewport(client);
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(viewport, viewport_on_destroy);
	struct surface *surface = NULL;
	return listener ? wl_container_of(listener, surface, viewport) : NULL;
}

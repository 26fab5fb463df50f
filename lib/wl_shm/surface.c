/* SPDX-License-Identifier: MIT */
/*
 * One surface: which pixels of which buffer a commit has changed.
 *
 * Damage is told against the surface's last picture, and a buffer's memory holds an older one: that
 * of when it was last shown. So the damage of each commit is owed to all buffers that the surface
 * has shown lately, and falls due when one of them is shown again. Everything is due for a buffer
 * that is new here, or has been elsewhere; when scale, transform, viewport or size change; and when
 * a buffer is attached without any damage, since what a client means by that nobody knows.
 *
 * The commit of a synchronized subsurface takes effect later, with its parent's. Its buffer is
 * brought up to date early nevertheless: until a compositor releases it, a client may not write to
 * it, so its content is that of the commit from the commit on. The buffer that is shown meanwhile
 * is another one, and stays as it is.
 */
#include "surface.h"

#include "access.h"
#include "postponed.h"
#include "viewport.h"

#include <stdlib.h>

/* ---- Life ---- */

static void drop(struct surface *surface, unsigned i)
{
	if (surface->known[i])
		surface->known[i]->home = NULL;
	surface->known[i] = NULL;
}

static void on_destroy(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, destroy);
	(void)data;
	for (unsigned i = 0; i < SURFACE_BUFFERS; i++)
		drop(surface, i);
	buffer_use_set(&surface->pending.buffer, NULL);
	buffer_use_set(&surface->shown, NULL);
	viewport_leave(surface);
	client_unref(surface->client);
	free(surface);
}

struct surface *surface_of(struct wl_resource *resource)
{
	struct wl_listener *listener = wl_resource_get_destroy_listener(resource, on_destroy);
	struct surface *surface;
	if (listener)
		return wl_container_of(listener, surface, destroy);

	struct shm_client *client = client_of(wl_resource_get_client(resource));
	surface = client ? calloc(1, sizeof(*surface)) : NULL;
	if (!surface)
		return NULL;
	*surface = (struct surface){
		.destroy = { .notify = on_destroy },
		.client = client_ref(client),
		.pending.mapping = MAPPING_INIT,
		.mapping = MAPPING_INIT,
	};
	wl_list_init(&surface->viewport.link);
	wl_resource_add_destroy_listener(resource, &surface->destroy);
	return surface;
}

/* ---- Buffers whose home is here ---- */

static unsigned find(const struct surface *surface, const struct wl_shm_buffer *buffer)
{
	unsigned i = 0;
	while (i < SURFACE_BUFFERS && surface->known[i] != buffer)
		i++;
	return i;
}

void surface_forget_buffer(struct surface *surface, struct wl_shm_buffer *buffer)
{
	unsigned i = find(surface, buffer);
	if (i < SURFACE_BUFFERS)
		drop(surface, i);
}

static void forget_all_but(struct surface *surface, const struct wl_shm_buffer *buffer)
{
	for (unsigned i = 0; i < SURFACE_BUFFERS; i++) {
		if (surface->known[i] != buffer)
			drop(surface, i);
	}
}

/* To the front; false if its home was elsewhere, or nowhere. */
static bool take_home(struct surface *surface, struct wl_shm_buffer *buffer)
{
	const bool was_here = buffer->home == surface;
	if (buffer->home && !was_here)
		surface_forget_buffer(buffer->home, buffer);

	unsigned i = was_here ? find(surface, buffer) : SURFACE_BUFFERS - 1;
	if (!was_here)
		drop(surface, i);
	for (; i > 0; i--)
		surface->known[i] = surface->known[i - 1];
	surface->known[0] = buffer;
	buffer->home = surface;
	return was_here;
}

/* ---- Commit ---- */

void surface_attach(struct surface *surface, struct wl_shm_buffer *buffer)
{
	surface->pending.is_attached = true;
	buffer_use_set(&surface->pending.buffer, buffer);
}

static void make_mapping_current(struct surface *surface, const struct wl_shm_buffer *buffer)
{
	surface->mapping = surface->pending.mapping;
	surface->mapping.width = buffer->layout.width;
	surface->mapping.height = buffer->layout.height;
}

/* In pixels of the buffer. */
static void collect_damage(const struct surface *surface, struct damage *changed)
{
	const struct surface_pending *pending = &surface->pending;
	const struct mapping *mapping = &surface->mapping;
	damage_clear(changed);
	for (unsigned i = 0; i < pending->in_buffer.n_rects; i++)
		damage_add(changed,
			rect_clip(pending->in_buffer.rects[i], mapping->width, mapping->height));
	for (unsigned i = 0; i < pending->on_surface.n_rects; i++)
		damage_add(changed, mapping_to_buffer(mapping, pending->on_surface.rects[i]));
}

/* What has changed in @buffer since its memory was last read for a commit. */
static void settle(struct surface *surface, struct wl_shm_buffer *buffer)
{
	struct damage changed, due;
	const struct mapping before = surface->mapping;
	make_mapping_current(surface, buffer);
	collect_damage(surface, &changed);
	if (!mapping_is_same(&before, &surface->mapping)) {
		forget_all_but(surface, buffer);
		damage_add_all(&changed);
	}

	const bool is_silent = surface->pending.is_attached && damage_is_empty(&changed);
	const bool was_here = take_home(surface, buffer);
	for (unsigned i = 1; i < SURFACE_BUFFERS; i++) {
		if (surface->known[i])
			damage_join(&surface->known[i]->owed, &changed);
	}
	due = buffer->owed;
	damage_join(&due, &changed);
	damage_clear(&buffer->owed);
	if (is_silent || !was_here)
		damage_add_all(&due);
	if (!damage_is_empty(&due) && !access_take_commit(buffer, &due))
		postponed_add(buffer);
}

void surface_commit(struct surface *surface)
{
	struct surface_pending *pending = &surface->pending;
	stats_add(&stats()->commits, 1);
	if (pending->is_attached)
		buffer_use_set(&surface->shown, pending->buffer.buffer);
	if (surface->shown.buffer)
		settle(surface, surface->shown.buffer);
	else
		forget_all_but(surface, NULL); /* of what it damages, nobody knows the pixels */
	buffer_use_set(&pending->buffer, NULL);
	pending->is_attached = false;
	damage_clear(&pending->on_surface);
	damage_clear(&pending->in_buffer);
}

/* SPDX-License-Identifier: MIT */
/*
 * A commit: which pixels of which buffer it has changed.
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
#include "protocol/commit.h"

#include "content/access.h"
#include "content/postponed.h"

static void make_view_current(struct surface *surface, const struct wl_shm_buffer *buffer)
{
	surface->view = surface->pending.view;
	surface->view.width = buffer->layout.width;
	surface->view.height = buffer->layout.height;
}

/* In pixels of the buffer. */
static void collect_damage(const struct surface *surface, struct damage *changed)
{
	const struct surface_pending *pending = &surface->pending;
	const struct surface_view *view = &surface->view;
	damage_clear(changed);
	for (unsigned i = 0; i < pending->in_buffer.n_rects; i++)
		damage_add(
			changed, rect_clip(pending->in_buffer.rects[i], view->width, view->height));
	for (unsigned i = 0; i < pending->on_surface.n_rects; i++)
		damage_add(changed, surface_view_to_buffer(view, pending->on_surface.rects[i]));
}

/* What has changed in @buffer since its memory was last read for a commit. */
static void apply_commit(struct surface *surface, struct wl_shm_buffer *buffer)
{
	struct damage changed, due;
	const struct surface_view before = surface->view;
	make_view_current(surface, buffer);
	collect_damage(surface, &changed);
	if (!surface_view_is_same(&before, &surface->view)) {
		surface_forget_all_but(surface, buffer);
		damage_add_all(&changed);
	}

	const bool is_silent = surface->pending.is_attached && damage_is_empty(&changed);
	const bool was_here = surface_take_home(surface, buffer);
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

void commit_surface(struct surface *surface)
{
	struct surface_pending *pending = &surface->pending;
	shm_stats_add(&shm_stats()->commits, 1);
	if (pending->is_attached)
		buffer_use_set(&surface->shown, pending->buffer.buffer);
	if (surface->shown.buffer)
		apply_commit(surface, surface->shown.buffer);
	else
		surface_forget_all_but(
			surface, NULL); /* of what it damages, nobody knows the pixels */
	buffer_use_set(&pending->buffer, NULL);
	pending->is_attached = false;
	damage_clear(&pending->on_surface);
	damage_clear(&pending->in_buffer);
}

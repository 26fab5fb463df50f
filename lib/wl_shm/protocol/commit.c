/* SPDX-License-Identifier: MIT */
/*
 * A commit: which pixels of which buffer it has changed.
 *
 * A client reports damage against the surface's last picture, but the copy of a buffer holds an
 * older one: the picture of the last time it was shown. So the damage of each commit is added to
 * buffer->owed of all buffers in surface->known, and refreshed when one of them is shown again. All
 * of a buffer is refreshed if it was not in surface->known; if scale, transform, viewport or size
 * have changed; and if it was attached without damage, which may mean anything.
 *
 * The commit of a synchronized subsurface takes effect later, with its parent's. Its buffer is
 * refreshed at once nevertheless: the client may not write to it until the compositor releases it,
 * so its content cannot change from the commit on. The surface shows another buffer until then,
 * which is not touched.
 */
#include "protocol/commit.h"

#include "base/shm_stats.h"
#include "content/postponed.h"
#include "record/back.h"

static void make_view_current(struct surface *surface, const struct wl_shm_buffer *buffer)
{
	surface->view = surface->pending.view;
	surface->view.width = buffer->layout.width;
	surface->view.height = buffer->layout.height;
}

/* Collect the pending damage in pixels of the buffer. */
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

static uint64_t bytes_of_damage(const struct wl_shm_buffer *buffer, const struct damage *damage)
{
	if (damage->is_whole || !format_has_rows_of_pixels(buffer->format))
		return buffer->length;
	const uint64_t bytes = damage_area(damage) * buffer->format->pixel_bytes;
	return bytes < buffer->length ? bytes : buffer->length;
}

static void count_damage(const struct wl_shm_buffer *buffer, const struct damage *damage)
{
	shm_stats_add(&shm_stats()->bytes_damaged, bytes_of_damage(buffer, damage));
}

/* Refresh what has changed in @buffer since its last commit, and note what the others now lack. */
static void apply_commit(struct surface *surface, struct wl_shm_buffer *buffer)
{
	struct damage changed, due;
	/* Whoever shows a buffer has what it wanted in there. To look for stores costs much. */
	buffer_expect_stores(buffer, NO_STORES);
	const struct surface_view before = surface->view;
	make_view_current(surface, buffer);
	collect_damage(surface, &changed);
	count_damage(buffer, &changed);
	if (!surface_view_is_same(&before, &surface->view)) {
		surface_forget_all_but(surface, buffer);
		damage_add_all(&changed);
	}

	const bool is_silent = surface->pending.is_attached && damage_is_empty(&changed);
	const bool was_here = surface_take_home(surface, buffer);
	surface_owe(surface, &changed);
	due = buffer->owed;
	damage_join(&due, &changed);
	damage_clear(&buffer->owed);
	if (is_silent || !was_here)
		damage_add_all(&due);
	buffer->changed = changed;
	if (is_silent)
		damage_add_all(&buffer->changed);
	if (!damage_is_empty(&due) && !surface->client->display->back->show(buffer, &due))
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
			surface, NULL); /* damage without a buffer has no known pixels */
	buffer_use_set(&pending->buffer, NULL);
	pending->is_attached = false;
	damage_clear(&pending->on_surface);
	damage_clear(&pending->in_buffer);
}

/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/to_buffer.h"
#include "record/buffer.h"

/* Buffers of which it is known what has changed since they were shown. Clients take turns with two
 * or three. */
#define SURFACE_BUFFERS 4

/* What the next commit will make current. */
struct surface_pending {
	bool is_attached;
	struct buffer_use buffer;
	struct damage on_surface, in_buffer;
	struct surface_view view; /* but for the buffer's size; kept from commit to commit */
};

/* A wl_surface, as far as its buffers are concerned. */
struct surface {
	struct wl_listener destroy;
	struct shm_client *client;
	struct wl_listener viewport; /* its wp_viewport's end, if it has one */
	struct surface_pending pending;
	struct surface_view view;
	struct buffer_use shown;
	/* The last one first. Their home is here, and all are of the size that view has. */
	struct wl_shm_buffer *known[SURFACE_BUFFERS];
};

/* The record of a wl_surface, made when first asked for; NULL without memory. */
struct surface *surface_of(struct wl_resource *resource);

void surface_attach(struct surface *surface, struct wl_shm_buffer *buffer);

/* Make @buffer the first of those that are known here; false if its home was elsewhere, or nowhere.
 */
bool surface_take_home(struct surface *surface, struct wl_shm_buffer *buffer);

void surface_forget_buffer(struct surface *surface, struct wl_shm_buffer *buffer);
void surface_forget_all_but(struct surface *surface, const struct wl_shm_buffer *buffer);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/to_buffer.h"
#include "record/buffer.h"
#include "record/leftover.h"

/* The number of buffers for which a surface tracks what has changed since they were shown. Clients
 * use two or three in turn. */
#define SURFACE_BUFFERS 4

/* The state that the next wl_surface.commit makes current. */
struct surface_pending {
	bool is_attached;		     /* wl_surface.attach came since the last commit */
	struct buffer_use buffer;	     /* .buffer may be NULL: the surface is unmapped */
	struct damage on_surface, in_buffer; /* of wl_surface.damage, and damage_buffer */
	struct surface_view view;	     /* without width and height; commits do not reset it */
};

/* A picture that the surface has shown: of a buffer, or what that has left. */
struct known_picture {
	struct wl_shm_buffer *buffer; /* may be NULL */
	struct leftover *leftover;    /* may be NULL */
};

/* The part of a wl_surface that concerns its buffers. */
struct surface {
	struct wl_listener destroy; /* of the wl_surface */
	struct shm_client *client;
	struct wl_listener viewport; /* of its wp_viewport; an empty link if it has none */
	struct surface_pending pending;
	struct surface_view view; /* of the last commit */
	struct buffer_use shown;  /* of the last commit; .buffer may be NULL */
	/* The most recently shown first. Each buffer has its home here and the size of view.
	 */
	struct known_picture known[SURFACE_BUFFERS];
};

/* The record of a wl_surface, created at the first call; NULL without memory. */
struct surface *surface_of(struct wl_resource *resource);

/* wl_surface.attach; @buffer may be NULL. */
void surface_attach(struct surface *surface, struct wl_shm_buffer *buffer);

/* Make @buffer the first of surface->known; false if neither it was in there, nor a buffer that is
 * destroyed and of which it takes over the bytes. */
bool surface_take_home(struct surface *surface, struct wl_shm_buffer *buffer);

/* Remove @buffer, or all others, from surface->known. */
void surface_forget_buffer(struct surface *surface, struct wl_shm_buffer *buffer);
void surface_forget_all_but(struct surface *surface, const struct wl_shm_buffer *buffer);

/* Add what has changed on the surface to what its pictures lack, but for the first of them. */
void surface_owe(struct surface *surface, const struct damage *changed);

/* Take @buffer, whose resource is destroyed, from all surfaces. */
void surfaces_let_go(struct wl_shm_buffer *buffer);

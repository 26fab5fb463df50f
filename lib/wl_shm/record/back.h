/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/damage.h"

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server.h>

struct shm_client;
struct wl_shm_buffer;
struct wl_shm_pool;

/* Where the bytes of clients are brought to, and how: what those below ask of regions/, for the
 * wl_shm of libwayland, and of shadows/, for all others. All of it is called on the display's
 * thread, with no lock held, unless it says otherwise. */
struct back {
	/* The record of a wl_buffer; NULL if it is not of shared memory, or needs no guarding.
	 * @resource may be NULL. */
	struct wl_shm_buffer *(*buffer_of)(struct wl_resource *resource);

	/* A commit shows @buffer, of which @changed has changed since it was shown last. False if
	 * the client's allowance is spent: call catch_up() later. */
	bool (*show)(struct wl_shm_buffer *buffer, const struct damage *changed);

	/* Do what show() could not. False if the allowance is spent again. */
	bool (*catch_up)(struct wl_shm_buffer *buffer);

	/* @borrower, which is not a surface, was given @buffer: it may be read and stored to. With
	 * @is_drawn_whole all of it is stored to, or nothing. */
	void (*lend)(
		struct wl_shm_buffer *buffer, struct wl_resource *borrower, bool is_drawn_whole);

	/* The last borrower of @buffer has it no more. May be NULL. */
	void (*returned)(struct wl_shm_buffer *buffer);

	/* Give the memory of these bytes back. Under pool->lock. */
	void (*discard)(struct wl_shm_pool *pool, uint64_t offset, uint64_t length);

	/* Both may be NULL. The first may be called when the wl_display is gone. */
	void (*pool_destroyed)(struct wl_shm_pool *pool);
	void (*client_destroyed)(struct shm_client *client);
};

/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/damage.h"

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server.h>

struct wl_shm_buffer;
struct wl_shm_pool;

/* Where the bytes of clients are brought to, and how: what protocol/ and content/ ask of regions/,
 * for the wl_shm of libwayland. All of it is called on the display's thread, with no lock held,
 * unless it says otherwise. */
struct back {
	/* The record of a wl_buffer; NULL if it is not of shared memory. @resource may be NULL. */
	struct wl_shm_buffer *(*buffer_of)(struct wl_resource *resource);

	/* A commit shows @buffer, of which @changed has changed since it was shown last. */
	void (*show)(struct wl_shm_buffer *buffer, const struct damage *changed);

	/* Something other than a surface was given @buffer: it may be read and stored to. */
	void (*lend)(struct wl_shm_buffer *buffer);

	/* Give the memory of these bytes back. Under pool->lock. */
	void (*discard)(struct wl_shm_pool *pool, uint64_t offset, uint64_t length);
};

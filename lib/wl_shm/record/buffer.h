/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/capture.h"
#include "base/damage.h"
#include "base/formats.h"
#include "record/pool.h"

struct surface;

/* As the client has asked for it. */
struct buffer_layout {
	int32_t offset, width, height, stride;
	uint32_t format;
};

struct wl_shm_buffer {
	struct wl_resource *resource; /* NULL once destroyed */
	struct wl_shm_pool *pool;
	struct wl_list link;	     /* in pool->buffers */
	struct buffer_layout layout; /* checked: all of it lies in the pool */
	const struct format *format; /* NULL: unknown */
	uint64_t length;	     /* bytes from the offset that its planes take */
	unsigned references;	     /* the resource's, and wl_shm_buffer_ref() */

	/* Written on the display's thread only. Damage lies inside the buffer. */
	struct wl_list uses;	  /* struct buffer_use.link: surfaces it is attached to */
	struct surface *home;	  /* the surface that last showed it, if that knows its damage */
	struct wl_list postponed; /* in client->postponed, or empty */
	struct damage owed;	  /* has changed on that surface since it showed this buffer */

	/* Under pool->lock. */
	bool was_shown;	       /* committed to a surface: content changes with commits only */
	bool may_be_stored_to; /* was handed to something that is no surface */
	bool is_pointer_out;   /* get_data() was called: it may be read at any time */
	bool is_filled;	       /* no page of it is absent, so that none is filled at odd times */
	struct damage stale;   /* to be brought up to date before the next access */
	unsigned n_accesses;   /* begun and not ended */
	struct capture stores;
};

/* A place that points to a buffer until that is destroyed. */
struct buffer_use {
	struct wl_shm_buffer *buffer; /* or NULL */
	struct wl_list link;
};

void buffer_expect_stores(struct wl_shm_buffer *buffer);
void buffer_use_set(struct buffer_use *use, struct wl_shm_buffer *buffer);

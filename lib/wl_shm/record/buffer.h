/* SPDX-License-Identifier: MIT */
/*
 * record/: what is kept of each display, client, pool, buffer and surface, and how long. Only the
 * display's thread comes here, with no lock held, unless a function or member says otherwise.
 */
#pragma once

#include "base/capture.h"
#include "base/damage.h"
#include "base/formats.h"
#include "record/pool.h"

struct surface;

struct wl_shm_buffer {
	struct wl_resource *resource; /* NULL after wl_buffer.destroy */
	struct wl_shm_pool *pool;
	struct wl_list link;	     /* wl_shm_pool.buffers */
	struct buffer_layout layout; /* checked: all of it lies in the pool */
	const struct format
		*format;	/* NULL: not in the table of formats.c, or too wide for its rows */
	uint64_t length;	/* bytes of its planes, from layout.offset */
	atomic_uint references; /* buffer_references.c; any thread */
	struct wl_shm_buffer *next_dead; /* shm_display.dead */

	/* Display's thread only. */
	struct wl_list uses;	    /* struct buffer_use.link: surfaces that show it, or will */
	struct surface *home;	    /* the surface with this buffer in surface.known, or NULL */
	struct wl_list postponed;   /* shm_client.postponed; an empty list if not in there */
	struct damage owed;	    /* what changed on home since that showed this buffer */
	struct damage changed;	    /* what the last commit that showed it said to have changed */
	bool was_released;	    /* to the client, since that commit */
	struct wl_list loans;	    /* struct loan.link */
	struct wl_listener destroy; /* of shadows/ */

	/* Under pool->lock. */
	bool was_shown;	       /* a commit showed it: its content changes with commits only */
	bool may_be_stored_to; /* it was an argument of a request that is not wl_surface's */
	bool is_drawn_whole;   /* and whoever stores to it stores all of it */
	bool is_pointer_out;   /* wl_shm_buffer_get_data() was called: it may be read any time */
	unsigned n_uses;    /* of surfaces, accesses and wl_shm_buffer_ref(): its copy must stay */
	bool is_filled;	    /* all pages are present: none will be filled by a fault */
	bool is_partial;    /* of its first commit, damage is brought over; faults bring the rest */
	uint32_t filled_at; /* blocks.n_clears, when is_filled was known to be true */
	uint64_t brought_at; /* of wl_shm_pool.brought; 0: never */
	int64_t read_at; /* milliseconds_now() when it was last brought up to date for an access */
	unsigned n_distrusts; /* pool's, when this buffer was last made stale for it */
	struct damage stale;  /* must be refreshed before the next access */
	uint64_t n_copied;    /* of shadows/: bytes of a large picture, of which the rest is due */
	bool has_missed_stores; /* an access was not watched, since it may have been stored to */
	unsigned n_accesses;	/* wl_shm_buffer_begin_access() without end_access() */
	struct capture stores;
};

/* Somebody besides surfaces whom a request has given a buffer: content/loans.h. */
struct loan {
	struct wl_shm_buffer *buffer;
	struct wl_list link;		     /* wl_shm_buffer.loans */
	struct wl_listener borrower_destroy; /* of its resource */
};

/* A pointer to a buffer that becomes NULL when the buffer's resource is destroyed. */
struct buffer_use {
	struct wl_shm_buffer *buffer; /* may be NULL */
	struct wl_list link;	      /* wl_shm_buffer.uses; only while buffer is set */
};

/* Create a buffer without resource; the checks of @layout are the caller's. NULL without memory. */
struct wl_shm_buffer *buffer_create(struct wl_shm_pool *pool, const struct buffer_layout *layout);
void buffer_destroy(struct wl_shm_buffer *buffer);

/* Bytes of the pool's region. */
struct byte_range buffer_range(const struct wl_shm_buffer *buffer);

/* Bytes of the buffer are going to be brought over. Under pool->lock. Any thread. */
void buffer_note_brought(struct wl_shm_buffer *buffer);

/* True if some were brought over since then for a buffer that lies elsewhere on them: of another
 * picture. Under pool->lock. Any thread. */
bool buffer_is_overwritten(const struct wl_shm_buffer *buffer);

/* Keep the buffer's copy until buffer_end_use(). Under pool->lock. Any thread. */
void buffer_begin_use(struct wl_shm_buffer *buffer);
void buffer_end_use(struct wl_shm_buffer *buffer);

enum stores { NO_STORES, SOME_STORES, STORES_OF_ALL };

/* Set may_be_stored_to and is_drawn_whole, or clear both. Takes wl_shm_pool.lock. */
void buffer_expect_stores(struct wl_shm_buffer *buffer, enum stores stores);

/* Point @use to @buffer, or to nothing if that is NULL. */
void buffer_use_set(struct buffer_use *use, struct wl_shm_buffer *buffer);

/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/blocks.h"
#include "record/brought.h"
#include "record/client.h"

struct shadow;

struct file_identity {
	dev_t device;
	ino_t inode;
};

/* What a client's wl_shm_pool objects of one file have in common; with one that has a file to
 * itself, the object. */
struct wl_shm_pool {
	unsigned n_resources; /* wl_shm_pool objects that the client has of it */
	struct shm_client *client;
	struct uffd_guard_region *region; /* NULL if the file is left to the compositor as it is */
	struct file_identity file;	  /* of shm_client.pools_by_file; 0, 0: not in there */
	int32_t size;			  /* of the largest object */
	size_t reserve;			  /* bytes of address space; zeros behind size */
	bool awaits_seal;	    /* it was not there in time, and may make the region direct */
	bool is_direct;		    /* the region is the client's memory itself, not a copy */
	struct wl_list unsealed;    /* shm_program.unsealed; an empty list if not in there */
	struct wl_list reclaimable; /* memory_account.reclaimable; an empty list if nothing is */
	struct wl_list buffers;	    /* struct wl_shm_buffer.link */
	struct wl_list leftovers;   /* struct leftover.link: what destroyed buffers have left */
	unsigned n_descriptors;
	unsigned references; /* n_resources, one of each buffer, and compositor_references */
	unsigned compositor_references; /* of wl_shm_buffer_ref_pool() */
	pthread_mutex_t lock; /* the content of its buffers; the library is called with it */

	/* Of shadows/. */
	struct wl_listener destroy; /* of the resource */
	struct shadow
		*shadow; /* what the compositor maps; NULL in regions/, and if it is the file */
	int fd;		 /* the file, if the compositor maps it; -1 */
	bool is_memory;	 /* the file cannot block */

	/* Under the lock. */
	struct blocks blocks;			 /* empty before the first copy */
	uint64_t counted_in_use, counted_unused; /* in memory_account */
	unsigned n_distrusts; /* reads that timed out: what buffers show since may be zeros */
	struct brought brought;
	int store_error;	      /* of a screenshot; the client has not been told yet */
	struct byte_range not_stored; /* with store_error */
	struct byte_range kept;	      /* what the compositor has a reference for; or 0, 0 */
};

/* Create a pool with one reference, for one object, and without region. NULL without memory. */
struct wl_shm_pool *pool_create(struct shm_client *client, int32_t size);
void pool_unref(struct wl_shm_pool *pool);

/* The pool of @client that was added for the file of @fd; NULL if there is none. */
struct wl_shm_pool *pool_of_file(const struct shm_client *client, int fd);

/* Let pool_of_file() find @pool, whose file is that of @fd, unless there is one already, or the
 * file is not memory. The pool must keep the file open. */
void pool_add_file(struct wl_shm_pool *pool, int fd);

/* True if the file is sealed against shrinking. */
bool pool_is_sealed(const struct wl_shm_pool *pool);

/* Count a second descriptor. */
void pool_add_descriptor(struct wl_shm_pool *pool);

/* Bring what the program is charged up to date with pool->blocks. Under pool->lock. Any thread. */
void pool_count_blocks(struct wl_shm_pool *pool);

/* The pool has no copies any more: its memory is the client's. Under pool->lock. */
void pool_forget_blocks(struct wl_shm_pool *pool);

/* Note that the pool was used just now: others are discarded before. */
void pool_touch(struct wl_shm_pool *pool);

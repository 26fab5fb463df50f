/* SPDX-License-Identifier: MIT */
/* Where bytes of a file wait for the ioctl that makes pages of them. Never shared by two fills. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/descriptor.h"
#include "kernel/huge_memory.h"

struct spares;

struct staging {
	char *memory; /* of STAGING_SIZE; what it holds is garbage */
	/* That it has. GONE: they were moved away, and a page table may be left. */
	enum staging_pages { STAGING_NONE, STAGING_GONE, STAGING_SMALL, STAGING_HUGE } pages;
	/* A spare one: bytes of no other file may be read into it. */
	bool is_spare;
	struct descriptor_file file; /* with is_spare */
	unsigned n_pieces;	     /* since the kernel had no huge page to give */
};

struct staging_pool {
	pthread_mutex_t lock; /* innermost; never held while a file is read */
	struct staging *spare[4];
	size_t n_spare;
};

/* NULL: no memory. Whoever gets one owns it. */
struct staging *staging_create(void);
void staging_destroy(struct staging *staging);

/* Before bytes of a file are read into it. @spares NULL: of those none is to be used. Answers
 * whether the memory is one huge page, which can be moved away; if one is wanted, it gets one if
 * there is any to be had. */
bool staging_prepare(struct staging *staging, const struct descriptor_file *file,
	struct spares *spares, bool wants_huge);
/* Give it its first pages now. */
void staging_touch(struct staging *staging);
/* Let its memory go; it comes back by itself when it is read into. 0, or a negative errno. */
int staging_give_back(struct staging *staging);

/* Some or all of it was moved away. */
void staging_note_moved(struct staging *staging);

void staging_pool_init(struct staging_pool *pool);
void staging_pool_finish(struct staging_pool *pool);
struct staging *staging_borrow(struct staging_pool *pool);
void staging_return(struct staging_pool *pool, struct staging *staging);

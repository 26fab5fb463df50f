/* SPDX-License-Identifier: MIT */
/* Where bytes of a file wait for the ioctl that makes pages of them. Never shared by two fills. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define STAGING_SIZE ((size_t)2 << 20) /* a huge page, and aligned like one */

struct staging {
	char *memory; /* of STAGING_SIZE; what it holds is garbage */
	enum staging_pages { STAGING_NONE, STAGING_SMALL, STAGING_HUGE } pages; /* that it has */
	unsigned n_pieces; /* since the kernel had no huge page to give */
};

struct staging_pool {
	pthread_mutex_t lock; /* innermost; never held while a file is read */
	struct staging *spare[4];
	size_t n_spare;
};

/* NULL: no memory. Whoever gets one owns it. */
struct staging *staging_create(void);
void staging_destroy(struct staging *staging);

/* Whether the memory is one huge page, which can be moved away. Gives it pages if it has none. */
bool staging_is_huge(struct staging *staging);
/* Let its memory go; it comes back by itself when it is read into. 0, or a negative errno. */
int staging_give_back(struct staging *staging);

/* Some or all of it was moved away. */
void staging_renew(struct staging *staging);

void staging_pool_init(struct staging_pool *pool);
void staging_pool_finish(struct staging_pool *pool);
struct staging *staging_borrow(struct staging_pool *pool);
void staging_return(struct staging_pool *pool, struct staging *staging);

/* SPDX-License-Identifier: MIT */
/* Where bytes of a file wait for the ioctl that makes pages of them. Never shared by two fills. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#define STAGING_SIZE ((size_t)2 << 20) /* a huge page, and aligned like one */

struct staging_pool {
	pthread_mutex_t lock; /* innermost; never held while a file is read */
	void *spare[4];
	size_t n_spare;
};

/* NULL: no memory. Whoever gets one owns it; what it holds is garbage. */
void *staging_create(void);
void staging_destroy(void *staging);

void staging_pool_init(struct staging_pool *pool);
void staging_pool_finish(struct staging_pool *pool);
void *staging_borrow(struct staging_pool *pool);
void staging_return(struct staging_pool *pool, void *staging);

/* SPDX-License-Identifier: MIT */
/*
 * Buffers between a file and pages. The handler has one for life; callers borrow theirs, and a few
 * are kept warm.
 *
 * A buffer is one huge page where the kernel has one to give. What is copied from it stays; what is
 * moved leaves a gap, which the next read fills with a fresh page. fork() must not share it: a
 * shared page cannot be moved, and the child has no business with clients' bytes.
 */
#include "staging.h"

#include "page.h"

#include <stdbool.h>
#include <sys/mman.h>

void *staging_create(void)
{
	void *memory = map_aligned(STAGING_SIZE, STAGING_SIZE, PROT_READ | PROT_WRITE);
	if (!memory)
		return NULL;
	madvise(memory, STAGING_SIZE, MADV_HUGEPAGE);
	madvise(memory, STAGING_SIZE, MADV_DONTFORK);
	munlock(memory, STAGING_SIZE); /* as regions are: locked and unlocked memory cannot be moved
					  between */
	return memory;
}

void staging_destroy(void *staging)
{
	if (staging)
		munmap(staging, STAGING_SIZE);
}

void staging_pool_init(struct staging_pool *pool)
{
	*pool = (struct staging_pool){ .n_spare = 0 };
	pthread_mutex_init(&pool->lock, NULL);
}

void staging_pool_finish(struct staging_pool *pool)
{
	while (pool->n_spare > 0)
		staging_destroy(pool->spare[--pool->n_spare]);
	pthread_mutex_destroy(&pool->lock);
}

void *staging_borrow(struct staging_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	void *staging = pool->n_spare > 0 ? pool->spare[--pool->n_spare] : NULL;
	pthread_mutex_unlock(&pool->lock);
	return staging ? staging : staging_create();
}

void staging_return(struct staging_pool *pool, void *staging)
{
	pthread_mutex_lock(&pool->lock);
	bool is_kept = pool->n_spare < sizeof(pool->spare) / sizeof(pool->spare[0]);
	if (is_kept)
		pool->spare[pool->n_spare++] = staging;
	pthread_mutex_unlock(&pool->lock);
	if (!is_kept)
		staging_destroy(staging);
}

/* SPDX-License-Identifier: MIT */
/*
 * Buffers between a file and pages. The handler has one for life; callers borrow theirs, and a few
 * are kept warm.
 *
 * A buffer is one huge page where the kernel has one to give. Copying leaves the buffer as it is;
 * moving leaves a gap, and the buffer is exchanged for a spare one (spares.c) or mapped anew. Only
 * a huge page is worth moving: small ones have to be faulted in one by one, which costs more than
 * copying from pages that stay. Whether it is one shows in how many faults it takes to touch it.
 *
 * fork() must not share a buffer: a shared page cannot be moved, and the child has no business with
 * clients' bytes.
 */
#include "kernel/staging.h"
#include "base/lock.h"

#include "base/page.h"
#include "kernel/spares.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* With small pages, how many pieces to copy before the kernel is asked for a huge page again. */
#define PIECES_BETWEEN_TRIES 256

struct staging *staging_create(void)
{
	struct staging *staging = malloc(sizeof(*staging));
	if (!staging)
		return NULL;
	*staging = (struct staging){ .memory = huge_memory_map() };
	if (!staging->memory) {
		free(staging);
		return NULL;
	}
	return staging;
}

void staging_destroy(struct staging *staging)
{
	if (!staging)
		return;
	munmap(staging->memory, STAGING_SIZE);
	free(staging);
}

static void renew(struct staging *staging)
{
	/* If there is no mapping to be had, the old one serves, a page at a time. But not what it
	 * has. */
	if (!huge_memory_map_again(staging->memory))
		madvise(staging->memory, STAGING_SIZE, MADV_DONTNEED);
	*staging = (struct staging){ .memory = staging->memory };
}

void staging_note_moved(struct staging *staging)
{
	staging->pages = STAGING_GONE;
	staging->is_spare = false;
}

int staging_give_back(struct staging *staging)
{
	staging->pages = STAGING_NONE;
	staging->is_spare = false;
	return madvise(staging->memory, STAGING_SIZE, MADV_DONTNEED) < 0 ? -errno : 0;
}

/* By the kernel: where memory is short it says so, while a store of ours might wait for memory, in
 * a cgroup that does not kill. */
static bool touch(char *page)
{
	if (madvise(page, page_size(), MADV_POPULATE_WRITE) == 0)
		return true;
	if (errno != EINVAL) /* before 5.14 */
		return false;
	*(volatile char *)page = 0;
	return true;
}

static long count_minor_faults(void)
{
	struct rusage usage = { .ru_minflt = 0 };
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

static bool is_huge(struct staging *staging)
{
	if (staging->pages != STAGING_NONE)
		return staging->pages == STAGING_HUGE;

	if (!touch(staging->memory))
		return false;
	long before = count_minor_faults();
	if (!touch(staging->memory + STAGING_SIZE - page_size()))
		return false;
	staging->pages = count_minor_faults() == before ? STAGING_HUGE : STAGING_SMALL;
	return staging->pages == STAGING_HUGE;
}

void staging_touch(struct staging *staging)
{
	is_huge(staging);
}

static bool take_spare(
	struct staging *staging, const struct descriptor_file *file, struct spares *spares)
{
	if (!spares || staging->pages == STAGING_HUGE ||
		!spares_take(spares, file, &staging->memory))
		return false;
	*staging = (struct staging){
		.memory = staging->memory, .pages = STAGING_HUGE, .is_spare = true, .file = *file
	};
	return true;
}

bool staging_prepare(struct staging *staging, const struct descriptor_file *file,
	struct spares *spares, bool wants_huge)
{
	if (staging->is_spare && !descriptor_same_file(&staging->file, file))
		renew(staging);
	if (wants_huge && take_spare(staging, file, spares))
		return true;
	if (staging->pages == STAGING_GONE || (wants_huge && staging->pages == STAGING_SMALL &&
						      ++staging->n_pieces >= PIECES_BETWEEN_TRIES))
		renew(staging);
	return wants_huge && is_huge(staging);
}

void staging_pool_init(struct staging_pool *pool)
{
	*pool = (struct staging_pool){ .n_spare = 0 };
	lock_init(&pool->lock);
}

void staging_pool_finish(struct staging_pool *pool)
{
	while (pool->n_spare > 0)
		staging_destroy(pool->spare[--pool->n_spare]);
	pthread_mutex_destroy(&pool->lock);
}

struct staging *staging_borrow(struct staging_pool *pool)
{
	lock_take(&pool->lock);
	struct staging *staging = pool->n_spare > 0 ? pool->spare[--pool->n_spare] : NULL;
	lock_give(&pool->lock);
	return staging ? staging : staging_create();
}

void staging_return(struct staging_pool *pool, struct staging *staging)
{
	if (staging->is_spare || staging->pages == STAGING_GONE)
		renew(staging); /* whoever borrows it next may read another file */
	lock_take(&pool->lock);
	bool is_kept = pool->n_spare < sizeof(pool->spare) / sizeof(pool->spare[0]);
	if (is_kept)
		pool->spare[pool->n_spare++] = staging;
	lock_give(&pool->lock);
	if (!is_kept)
		staging_destroy(staging);
}

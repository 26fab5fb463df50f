/* SPDX-License-Identifier: MIT */
/*
 * What copies cost, and how much of that a client may cause.
 *
 * A copy is the compositor's memory, not the client's: a client can make a hundred pools of one
 * file, or punch holes into its file after each picture. So copied bytes are counted for each pool.
 * The count is an upper bound: two buffers that overlap are counted twice. If a client has more
 * than settings()->bytes_a_client, its unused copies are discarded, starting with the pools that it
 * used longest ago. No picture is lost: a buffer that is shown again is copied again, all of it.
 *
 * is_in_use() is true for a buffer that a surface shows, or will with its next commit; during an
 * access; and while the compositor has a reference. Copies of these stay, and those from
 * pool->kept_start to kept_end.
 */
#include "content/memory.h"

#include "base/pages.h"
#include "base/settings.h"

#include <stdlib.h>

/* Bytes of a region; whole pages. */
struct range {
	uint64_t start, end;
};

static struct range pages_of(const struct wl_shm_buffer *buffer)
{
	const uint64_t offset = (uint64_t)buffer->layout.offset;
	return (struct range){ page_floor(offset), page_ceil(offset + buffer->length) };
}

/* ---- Counting ---- */

void memory_count_buffer(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	const struct range pages = pages_of(buffer);
	const uint64_t filled = pool->filled + pages.end - pages.start,
		       most = page_ceil((uint64_t)pool->size);
	pool_count_filled(pool, filled < most ? filled : most);
}

/* ---- Giving back; pool->lock is held ---- */

static bool is_in_use(const struct wl_shm_buffer *buffer)
{
	const bool is_referenced = atomic_load(&buffer->references) > (buffer->resource ? 1 : 0);
	return is_referenced || buffer->n_accesses > 0 || !wl_list_empty(&buffer->uses);
}

/* Answers the number of ranges, which are not sorted. @ranges may be NULL. */
static size_t list_used_ranges(const struct wl_shm_pool *pool, struct range *ranges)
{
	const struct wl_shm_buffer *buffer;
	size_t n = 0;
	wl_list_for_each (buffer, &pool->buffers, link) {
		if (!is_in_use(buffer))
			continue;
		if (ranges)
			ranges[n] = pages_of(buffer);
		n++;
	}
	return n;
}

static int compare_starts(const void *a, const void *b)
{
	const struct range *one = a, *other = b;
	return (one->start > other->start) - (one->start < other->start);
}

/* Discard what lies in none of @ranges, which are sorted by start. Answers the bytes that stay. */
static uint64_t discard_between(
	const struct wl_shm_pool *pool, const struct range *ranges, size_t n_ranges)
{
	uint64_t at = 0, stays = 0;
	const uint64_t end = (uint64_t)pool->size;
	for (size_t i = 0; i < n_ranges; i++) {
		if (ranges[i].start > at)
			uffd_guard_discard(pool->region, at, ranges[i].start - at);
		if (ranges[i].start > at)
			at = ranges[i].start;
		if (ranges[i].end > at) {
			stays += ranges[i].end - at;
			at = ranges[i].end;
		}
	}
	if (at < end)
		uffd_guard_discard(pool->region, at, end - at);
	return stays;
}

static void mark_unused_absent(struct wl_shm_pool *pool)
{
	struct wl_shm_buffer *buffer;
	wl_list_for_each (buffer, &pool->buffers, link) {
		if (is_in_use(buffer) || !buffer->is_filled)
			continue;
		buffer->is_filled = false;
		damage_add_all(&buffer->stale);
	}
}

static void discard_all_but_used(struct wl_shm_pool *pool)
{
	size_t n = list_used_ranges(pool, NULL);
	struct range *ranges = malloc((n + 1) * sizeof(*ranges));
	if (!ranges)
		return;
	list_used_ranges(pool, ranges);
	if (pool->kept_end > 0)
		ranges[n++] =
			(struct range){ page_floor(pool->kept_start), page_ceil(pool->kept_end) };
	qsort(ranges, n, sizeof(*ranges), compare_starts);
	pool_count_filled(pool, discard_between(pool, ranges, n));
	mark_unused_absent(pool);
	free(ranges);
}

void memory_discard_unused(struct wl_shm_pool *pool)
{
	/* A region in mode EAGER has its memory from map to unmap. */
	if (uffd_guard_region_mode(pool->region) == UFFD_GUARD_MODE_EAGER)
		return;
	pthread_mutex_lock(&pool->lock);
	if (pool->filled > 0)
		discard_all_but_used(pool);
	pthread_mutex_unlock(&pool->lock);
}

/* False for a pool without resource or client: it will be unmapped soon, as a whole. */
static bool may_be_read_again(const struct wl_shm_pool *pool)
{
	return pool->resource && pool->client->wl_client;
}

/* Only the last buffer of a pool gives memory back. For another one, all buffers would have to be
 * asked whether they lie on its pages, and a client may have a hundred thousand. A compositor with
 * a reference may still read what it has read before. */
void memory_drop_if_idle(struct wl_shm_pool *pool)
{
	if (wl_list_empty(&pool->buffers) && pool->compositor_references == 0 &&
		may_be_read_again(pool))
		memory_discard_unused(pool);
}

/* ---- The bound ---- */

static bool is_too_much(struct shm_client *client, uint64_t more)
{
	return atomic_load(&client->filled) + more > settings()->bytes_a_client;
}

/* If all copies are in use, do not look again before the next period: each commit would. */
static void sweep(struct shm_client *client, uint64_t more)
{
	struct wl_shm_pool *pool;
	if (client->failed_sweep_period == client_period())
		return;
	wl_list_for_each_reverse(pool, &client->pools, link)
	{
		memory_discard_unused(pool);
		if (!is_too_much(client, more))
			return;
	}
	client->failed_sweep_period = client_period();
}

void memory_make_room(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	struct shm_client *client = pool->client;
	if (!display_is_on_this_thread(client->display))
		return;
	wl_list_remove(&pool->link);
	wl_list_insert(&client->pools, &pool->link);

	pthread_mutex_lock(&pool->lock);
	const uint64_t more = buffer->is_filled ? 0 : buffer->length;
	pthread_mutex_unlock(&pool->lock);
	if (is_too_much(client, more))
		sweep(client, more);
}

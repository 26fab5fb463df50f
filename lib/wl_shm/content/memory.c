/* SPDX-License-Identifier: MIT */
/*
 * What copies cost, and how much of that a program may cause.
 *
 * A copy is the compositor's memory, not the client's: a client can make a hundred pools of one
 * file, or punch holes into its file after each picture. So it is noted which blocks of a pool were
 * copied, and which of these are in use: a surface shows a buffer there, or will with its next
 * commit; an access is under way; or the compositor has a reference. Blocks that are not in use may
 * hold settings()->bytes_unused for each program. Beyond that, those of the pools that it used
 * longest ago are discarded. No picture is lost: a buffer that is shown again is copied again, all
 * of it. What is in use stays, up to settings()->bytes_in_use. Beyond that, the client gets the
 * error no_memory.
 *
 * Nothing here walks over buffers, of which a client may have a hundred thousand, but for
 * count_users(), which a pool calls as often as its size has doubled.
 */
#include "content/memory.h"

#include "base/log.h"
#include "base/settings.h"
#include "record/back.h"

/* ---- Counting; pool->lock is held ---- */

static void count_users(struct wl_shm_pool *pool)
{
	const struct wl_shm_buffer *buffer;
	wl_list_for_each (buffer, &pool->buffers, link) {
		if (buffer->n_uses > 0)
			blocks_add_user(&pool->blocks, buffer_range(buffer));
	}
	if (pool->kept.end > 0)
		blocks_add_user(&pool->blocks, pool->kept);
}

/* Without memory for them, nothing of the pool is noted. */
static void cover_pool(struct wl_shm_pool *pool)
{
	const uint64_t length = (uint64_t)pool->size;
	if (length <= pool->blocks.n * pool->blocks.size)
		return;
	if (blocks_resize(&pool->blocks, length))
		blocks_finish(&pool->blocks);
	count_users(pool);
}

void memory_count_bytes(struct wl_shm_pool *pool, struct byte_range range)
{
	/* A region in mode EAGER has its memory from map to unmap. */
	if (!pool->shadow && uffd_guard_region_mode(pool->region) == UFFD_GUARD_MODE_EAGER)
		return;
	cover_pool(pool);
	blocks_fill(&pool->blocks, range);
	pool_count_blocks(pool);
}

void memory_count_buffer(struct wl_shm_buffer *buffer)
{
	memory_count_bytes(buffer->pool, buffer_range(buffer));
	buffer->filled_at = buffer->pool->blocks.n_clears;
}

void memory_find_discarded(struct wl_shm_buffer *buffer)
{
	const struct blocks *blocks = &buffer->pool->blocks;
	if (buffer->is_filled &&
		blocks_were_cleared(blocks, buffer_range(buffer), buffer->filled_at)) {
		buffer->is_filled = false;
		damage_add_all(&buffer->stale);
	}
	buffer->filled_at = blocks->n_clears;
}

/* ---- Giving back ---- */

static void discard_unused(struct wl_shm_pool *pool)
{
	const struct back *back = pool->client->display->back;
	const uint64_t length = (uint64_t)pool->size;
	struct byte_range range;
	size_t at = 0;
	pthread_mutex_lock(&pool->lock);
	while (range = blocks_clear_unused(&pool->blocks, &at), range.start < range.end) {
		const uint64_t end = range.end < length ? range.end : length;
		back->discard(pool, range.start, end - range.start);
	}
	pool_count_blocks(pool);
	pthread_mutex_unlock(&pool->lock);
}

/* False for a pool without objects or client: it will be unmapped soon, as a whole. */
static bool may_be_read_again(const struct wl_shm_pool *pool)
{
	return pool->n_resources > 0 && pool->client->wl_client;
}

/* Only the last buffer of a pool gives memory back at once, and only if nothing is known of what it
 * leaves: else the next one on the same bytes need not be copied into fresh pages. */
void memory_drop_if_idle(struct wl_shm_pool *pool)
{
	if (wl_list_empty(&pool->buffers) && wl_list_empty(&pool->leftovers) &&
		pool->compositor_references == 0 && may_be_read_again(pool))
		discard_unused(pool);
}

/* ---- The bounds ---- */

/* Pools are destroyed on the display's thread only, so the answer stays valid there. */
static struct wl_shm_pool *longest_unused(struct memory_account *account)
{
	struct wl_shm_pool *pool = NULL;
	pthread_mutex_lock(&account->lock);
	if (!wl_list_empty(&account->reclaimable))
		pool = wl_container_of(account->reclaimable.prev, pool, reclaimable);
	pthread_mutex_unlock(&account->lock);
	return pool;
}

static void sweep(struct memory_account *account)
{
	struct wl_shm_pool *pool;
	while (atomic_load(&account->unused) > settings()->bytes_unused &&
		(pool = longest_unused(account)))
		discard_unused(pool);
}

static uint64_t bytes_to_come(struct wl_shm_buffer *buffer)
{
	pthread_mutex_lock(&buffer->pool->lock);
	const uint64_t bytes =
		buffer->is_filled || buffer->is_partial
			? 0
			: blocks_missing(&buffer->pool->blocks, buffer_range(buffer));
	pthread_mutex_unlock(&buffer->pool->lock);
	return bytes;
}

static void refuse(struct shm_client *client)
{
	if (client->is_blamed || !client->wl_client)
		return;
	client->is_blamed = true;
	shm_log("a program (pid %d) shows more at a time than %llu MiB, and is disconnected",
		(int)client->program->pid, (unsigned long long)(settings()->bytes_in_use >> 20));
	wl_client_post_no_memory(client->wl_client);
	client_disconnect_soon(client);
}

void memory_make_room(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	struct shm_client *client = pool->client;
	struct memory_account *account = &client->program->memory;
	if (!display_is_on_this_thread(client->display) || pool->is_direct)
		return;
	pool_touch(pool);
	sweep(account);
	const uint64_t more = bytes_to_come(buffer);
	if (more > 0 && atomic_load(&account->in_use) + more > settings()->bytes_in_use)
		refuse(client);
}

bool memory_is_refused(const struct wl_shm_buffer *buffer)
{
	return buffer->pool->client->is_blamed;
}

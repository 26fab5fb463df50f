/* SPDX-License-Identifier: MIT */
/*
 * From the client's file to the shadow, before the compositor's handler of a commit runs.
 *
 * It cannot be done later: a compositor that uploads a picture at the commit never comes back for
 * the rest. So a program may have four times as much copied at once as in regions/, and what goes
 * beyond that comes late: with a timer, or its next commit. A single picture that is larger than
 * that comes in parts. A hole costs a look, and stays a hole.
 */
#include "shadows/copy.h"

#include "base/holes.h"
#include "base/pages.h"
#include "base/settings.h"
#include "content/losses.h"
#include "content/memory.h"
#include "content/rows.h"
#include "record/client.h"
#include "shadows/batch.h"
#include "shadows/shadow.h"

/* ---- Copying; pool->lock is held ---- */

static void copy_part(void *data, uint64_t offset, uint64_t length, bool is_hole)
{
	struct wl_shm_pool *pool = data;
	if (is_hole)
		shadow_clear(pool->shadow, offset, length);
	else
		uffd_guard_read(pool->region, offset, pool->shadow->data + offset, length);
}

static void copy_bytes(struct wl_shm_pool *pool, const struct uffd_guard_rect *rect)
{
	if (pool->is_memory)
		holes_for_each_part(uffd_guard_region_get_fd(pool->region), rect->offset,
			rect->width, copy_part, pool);
	else
		copy_part(pool, rect->offset, rect->width, false);
}

static void copy_rect(struct wl_shm_pool *pool, const struct uffd_guard_rect *rect, uint32_t batch)
{
	struct shadow *shadow = pool->shadow;
	if (copied_has(&shadow->copied, batch, rect))
		return;
	if (rect->height == 1)
		copy_bytes(pool, rect);
	else
		uffd_guard_read_rect(pool->region, rect, shadow->data + rect->offset, rect->stride);
	copied_add(&shadow->copied, batch, rect);
}

/* Read one byte of the buffer's last page. If the file ends before it, the library reports a loss,
 * even where the damage lies in pages that are still there. */
static void probe_last_page(const struct wl_shm_buffer *buffer)
{
	char byte;
	const uint64_t last = (uint64_t)buffer->layout.offset + buffer->length - 1;
	uffd_guard_read(buffer->pool->region, page_floor(last), &byte, 1);
}

static unsigned rects_of_stale(
	const struct wl_shm_buffer *buffer, struct uffd_guard_rect rects[DAMAGE_RECTS])
{
	const uint64_t all = buffer->length;
	if (rows_cost(buffer, &buffer->stale) < all)
		return rows_of_damage(buffer, &buffer->stale, rects);
	rects[0] = (struct uffd_guard_rect){ (uint64_t)buffer->layout.offset, all, all, 1 };
	return 1;
}

static bool is_all_copied(const struct wl_shm_buffer *buffer,
	const struct uffd_guard_rect rects[DAMAGE_RECTS], unsigned n, uint32_t batch)
{
	unsigned i = 0;
	while (i < n && copied_has(&buffer->pool->shadow->copied, batch, &rects[i]))
		i++;
	return i == n;
}

#define TIMES_OF_REGIONS 4
#define MOST_AT_ONCE	 (TIMES_OF_REGIONS * LARGEST_PICTURE)

static bool may_copy(const struct wl_shm_buffer *buffer, uint64_t bytes)
{
	struct shm_client *client = buffer->pool->client;
	if (program_may_spend(
		    client->program, &client->display->allowance, bytes / TIMES_OF_REGIONS))
		return true;
	shm_stats_add(&shm_stats()->postponed, 1);
	return false;
}

static bool copy_rects(struct wl_shm_buffer *buffer, const struct uffd_guard_rect *rects,
	unsigned n, uint64_t cost)
{
	struct wl_shm_pool *pool = buffer->pool;
	const uint32_t batch = batch_number(pool->client->display);
	if (is_all_copied(buffer, rects, n, batch))
		return true;
	if (!may_copy(buffer, cost))
		return false;
	probe_last_page(buffer);
	buffer_note_brought(buffer);
	for (unsigned i = 0; i < n && !settings()->is_refresh_broken; i++)
		copy_rect(pool, &rects[i], batch);
	return true;
}

/* Of what is larger than any screen, one part after the other. True with the last one. */
static bool copy_part_of_all(struct wl_shm_buffer *buffer)
{
	const uint64_t from = buffer->n_copied, rest = buffer->length - from,
		       part = rest < MOST_AT_ONCE ? rest : MOST_AT_ONCE;
	const struct uffd_guard_rect rect = { (uint64_t)buffer->layout.offset + from, part, part,
		1 };
	if (!copy_rects(buffer, &rect, 1, part))
		return false;
	buffer->n_copied = part < rest ? from + part : 0;
	return part == rest;
}

static bool bring_over(struct wl_shm_buffer *buffer)
{
	struct uffd_guard_rect rects[DAMAGE_RECTS];
	const uint64_t cost = rows_cost(buffer, &buffer->stale);
	memory_count_buffer(buffer);
	const bool is_done = cost > MOST_AT_ONCE ? copy_part_of_all(buffer)
						 : copy_rects(buffer, rects,
							   rects_of_stale(buffer, rects), cost);
	if (!is_done)
		return false;
	damage_clear(&buffer->stale);
	buffer->is_filled = true;
	return true;
}

/* Note what has happened to the buffer since it was last looked at. */
static void look_again(struct wl_shm_buffer *buffer)
{
	memory_find_discarded(buffer);
	const bool is_another =
		buffer->n_distrusts != buffer->pool->n_distrusts || buffer_is_overwritten(buffer);
	if (!buffer->is_filled || is_another)
		damage_add_all(&buffer->stale);
	if (is_another)
		buffer->n_copied = 0;
	buffer->n_distrusts = buffer->pool->n_distrusts;
}

/* ---- When ---- */

void copy_probe(struct wl_shm_buffer *buffer)
{
	pthread_mutex_lock(&buffer->pool->lock);
	probe_last_page(buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	losses_deliver_now(buffer->pool);
}

bool copy_changed(struct wl_shm_buffer *buffer, const struct damage *changed)
{
	struct wl_shm_pool *pool = buffer->pool;
	bool is_done = true;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	look_again(buffer);
	damage_join(&buffer->stale, changed);
	if (!damage_is_empty(changed))
		buffer->n_copied = 0;
	if (!memory_is_refused(buffer) && !damage_is_empty(&buffer->stale))
		is_done = bring_over(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	return is_done;
}

bool copy_stale(struct wl_shm_buffer *buffer)
{
	const struct damage nothing = { 0 };
	return copy_changed(buffer, &nothing);
}

bool copy_all(struct wl_shm_buffer *buffer)
{
	const struct damage all = { .is_whole = true };
	return copy_changed(buffer, &all);
}

void copy_nothing(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	look_again(buffer);
	damage_add_all(&buffer->stale);
	if (!memory_is_refused(buffer))
		memory_count_buffer(buffer);
	pthread_mutex_unlock(&pool->lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * What is known of a picture belongs to the bytes that it lies in, and not to the wl_buffer:
 * Firefox destroys that after each frame, and makes a new one on the same bytes.
 */
#include "record/leftover.h"

#include <stdlib.h>
#include <string.h>

void leftover_destroy(struct leftover *leftover)
{
	if (!leftover)
		return;
	wl_list_remove(&leftover->link);
	free(leftover);
}

/* Whoever can store to a buffer, or read what is not up to date, leaves no picture of a commit. */
static bool is_of_a_commit(const struct wl_shm_buffer *buffer)
{
	return buffer->is_filled && !buffer->stale.is_whole && !buffer->may_be_stored_to &&
	       buffer->n_accesses == 0 && !buffer->pool->is_direct;
}

/* Under pool->lock. */
static void note(struct leftover *leftover, const struct wl_shm_buffer *buffer)
{
	*leftover = (struct leftover){
		.pool = buffer->pool,
		.layout = buffer->layout,
		.owed = buffer->owed,
		.stale = buffer->stale,
		.filled_at = buffer->filled_at,
		.n_distrusts = buffer->n_distrusts,
		.brought_at = buffer->brought_at,
	};
	wl_list_insert(&buffer->pool->leftovers, &leftover->link);
}

struct leftover *leftover_of(struct wl_shm_buffer *buffer)
{
	struct leftover *leftover = NULL;
	pthread_mutex_lock(&buffer->pool->lock);
	if (is_of_a_commit(buffer))
		leftover = malloc(sizeof(*leftover));
	if (leftover)
		note(leftover, buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	return leftover;
}

/* Under pool->lock. */
static bool is_same_picture(const struct leftover *leftover, const struct wl_shm_buffer *buffer)
{
	return leftover->pool == buffer->pool &&
	       memcmp(&leftover->layout, &buffer->layout, sizeof(buffer->layout)) == 0 &&
	       brought_is_last(&buffer->pool->brought, &buffer->layout, buffer_range(buffer),
		       leftover->brought_at);
}

static bool is_untouched(const struct wl_shm_buffer *buffer)
{
	return !buffer->was_shown && !buffer->is_filled && !buffer->is_partial &&
	       !buffer->may_be_stored_to && buffer->n_accesses == 0;
}

static void go_on(const struct leftover *leftover, struct wl_shm_buffer *buffer)
{
	buffer->owed = leftover->owed;
	buffer->stale = leftover->stale;
	buffer->filled_at = leftover->filled_at;
	buffer->n_distrusts = leftover->n_distrusts;
	buffer->brought_at = leftover->brought_at;
	buffer->is_filled = true;
	buffer->was_shown = true;
}

bool leftover_give(const struct leftover *leftover, struct wl_shm_buffer *buffer)
{
	if (!leftover || wl_list_empty(&leftover->link))
		return false;
	pthread_mutex_lock(&buffer->pool->lock);
	const bool is_given = is_untouched(buffer) && is_same_picture(leftover, buffer);
	if (is_given)
		go_on(leftover, buffer);
	pthread_mutex_unlock(&buffer->pool->lock);
	return is_given;
}

/* SPDX-License-Identifier: MIT */
/*
 * From lost bytes to protocol errors.
 *
 * A loss is found on the handler's thread, or on a thread that refreshes content. Errors are posted
 * on the display's thread: at once if that found the loss, otherwise from the event loop. The
 * client gets the same error as from libwayland, wl_shm.error.invalid_fd on the buffer that was
 * touched, and is disconnected.
 *
 * A short file is an error only where libwayland would get a SIGBUS: if it does not have the first
 * byte of a page. If the file ends inside the last page of a buffer, the rest of that page reads as
 * zeros.
 */
#include "content/losses.h"

#include "base/log.h"
#include "base/pages.h"
#include "record/buffer.h"

#include <errno.h>
#include <string.h>

#define SHORT "its file ends before"

/* True if they share a page: a lost page is lost to every buffer that has bytes in it. */
static bool overlaps(const struct wl_shm_buffer *buffer, uint64_t start, uint64_t end)
{
	const uint64_t offset = (uint64_t)buffer->layout.offset;
	return page_floor(offset) < end && start < page_ceil(offset + buffer->length);
}

/* Costs as much as the pool has buffers, so a client is searched for one to blame once only. */
static struct wl_shm_buffer *find_buffer(
	const struct wl_shm_pool *pool, uint64_t start, uint64_t end)
{
	struct wl_shm_buffer *buffer;
	wl_list_for_each (buffer, &pool->buffers, link) {
		if (buffer->resource && overlaps(buffer, start, end))
			return buffer;
	}
	return NULL; /* a client may cut the file below a destroyed buffer */
}

/* The first error ends the connection, and libwayland sends no second one. */
static void blame(const struct wl_shm_pool *pool, uint64_t start, uint64_t end, const char *reason)
{
	struct shm_client *client = pool->client;
	struct wl_shm_buffer *buffer = client->is_blamed ? NULL : find_buffer(pool, start, end);
	if (!buffer && !client->is_blamed)
		return;
	client_count_loss(client, end - start);
	if (client->is_blamed)
		return;
	client->is_blamed = true;
	wl_resource_post_error(buffer->resource, WL_SHM_ERROR_INVALID_FD,
		"error accessing SHM buffer: %s", reason);
	client_disconnect_soon(client);
}

/* All buffers of the pool are read again when they are used next: join_distrust() in access.c. */
static void distrust_all(struct wl_shm_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->n_distrusts++;
	pthread_mutex_unlock(&pool->lock);
}

static bool is_too_slow(struct shm_client *client)
{
	return program_is_too_slow(client->program, &client->display->forgiveness);
}

static void handle_loss(struct wl_shm_pool *pool, const struct uffd_guard_event *event)
{
	const uint64_t end = event->offset + event->length, start = page_ceil(event->offset);
	if (start >= end || !pool->client->wl_client)
		return;
	if (event->reasons & UFFD_GUARD_LOST_TRUNCATED)
		blame(pool, start, end, SHORT);
	else if (event->reasons & UFFD_GUARD_LOST_IO_ERROR)
		blame(pool, start, end, strerror(-event->error));
	/* A disk may be slow sometimes: the next access tries again. A client whose files time out
	 * again and again is disconnected. */
	else if (event->reasons & UFFD_GUARD_LOST_TIMED_OUT && is_too_slow(pool->client))
		blame(pool, start, end, "its file does not answer");
	else if (event->reasons & UFFD_GUARD_LOST_TIMED_OUT)
		distrust_all(pool);
}

static void losses_on_event(const struct uffd_guard_event *event, void *data)
{
	const struct wl_shm_pool *pool = event->user_data;
	(void)data;
	if (event->reasons & UFFD_GUARD_LOST_HANDLER)
		shm_log("THE GUARD HAS GIVEN UP: clients that come now cannot be shown; restart "
			"the compositor when you can");
	/* Without userfaultfd, a region is left empty where nobody reads it. */
	if (event->reasons & UFFD_GUARD_LOST_NO_MEMORY && !pool->shadow)
		shm_log("no memory for a client's picture: parts of it are black");
	handle_loss(event->user_data, event);
}

static void losses_deliver(struct shm_display *display)
{
	uffd_guard_dispatch(display->guard, losses_on_event, NULL);
	display_update_stats(display);
}

int losses_on_readable(int fd, uint32_t mask, void *data)
{
	(void)fd, (void)mask;
	losses_deliver(data);
	return 0;
}

/* ---- Stores ---- */

void losses_note_stores(struct wl_shm_buffer *buffer, int err)
{
	struct wl_shm_pool *pool = buffer->pool;
	if (err == 0 || pool->store_error)
		return;
	pool->store_error = err;
	pool->not_stored = buffer_range(buffer);
}

/* Or the client would take what it finds in its file for the picture. */
static void blame_for_stores(struct wl_shm_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	const int err = pool->store_error;
	const struct byte_range range = pool->not_stored;
	pool->store_error = 0;
	pthread_mutex_unlock(&pool->lock);
	if (err && pool->client->wl_client)
		blame(pool, range.start, range.end, err == -ENODATA ? SHORT : strerror(-err));
}

/* ---- Delivery ---- */

void losses_deliver_now(struct wl_shm_pool *pool)
{
	struct shm_display *display = pool->client->display;
	const uint32_t lost = uffd_guard_region_take_losses(pool->region);
	if (!display->wl_display || !display_is_on_this_thread(display))
		return;
	if (lost)
		losses_deliver(display);
	blame_for_stores(pool);
}

/* SPDX-License-Identifier: MIT */
/*
 * The content of buffers: when it is brought up to date.
 *
 * Of a buffer that is shown on a surface, content changes with commits and not between them. A
 * commit says what is stale (commit.c); it is brought up to date before anybody can read it:
 *
 *   - in begin_access, always;
 *   - in get_data, and from then on at each commit, since with the pointer a compositor may read
 *     without a word. At commits that much is bounded for each client (client_may_spend), or one
 *     that sends a hundred at once would have each of them copied; what is postponed is done by the
 *     next of these, or by a timer (commit.c, postponed.c). What is committed during an access is
 * brought over when that ends.
 *
 * A buffer that no surface has shown is brought up to date at each access.
 *
 * The first time, all of a buffer is filled at once. Pages that are filled later, at a fault or
 * ahead of a reader, may have been read while the client was drawing its next picture, and the
 * damage it then reports is against the one before.
 *
 * The client's own memory (DIRECT) is up to date by itself. All of this may run on any thread.
 */
#include "content/access.h"

#include "base/pages.h"
#include "base/settings.h"
#include "content/losses.h"
#include "content/memory.h"

#define SPANS 128 /* rows that are refreshed by one call of the library */

/* Bytes between two rows that cost less to copy than another system call. */
#define WORTHLESS_GAP 4096

/* ---- Bringing up to date; pool->lock is held ---- */

struct spans {
	struct uffd_guard_region *region;
	unsigned n;
	struct uffd_guard_span spans[SPANS];
	int err;
};

static void spans_flush(struct spans *spans)
{
	if (spans->n > 0 && !spans->err)
		spans->err = uffd_guard_refresh_spans(spans->region, spans->spans, spans->n);
	spans->n = 0;
}

static void spans_add(struct spans *spans, uint64_t offset, uint64_t length)
{
	if (spans->n == SPANS)
		spans_flush(spans);
	spans->spans[spans->n++] = (struct uffd_guard_span){ .offset = offset, .length = length };
}

static void add_rows(struct spans *spans, const struct wl_shm_buffer *buffer, struct rect rect)
{
	const struct buffer_layout *layout = &buffer->layout;
	const uint64_t stride = (uint64_t)layout->stride, width = buffer->format->pixel_bytes,
		       n_rows = (uint64_t)(rect.y2 - rect.y1),
		       all = format_bytes_of_row(buffer->format, layout->width);
	/* Some formats have colours for two pixels at a time. */
	const uint64_t x1 = (uint64_t)(rect.x1 & ~1), x2 = ((uint64_t)rect.x2 + 1) & ~UINT64_C(1);
	const uint64_t row = all < stride ? all : stride, end = x2 * width < row ? x2 * width : row,
		       bytes = end - x1 * width;
	uint64_t at = (uint64_t)layout->offset + (uint64_t)rect.y1 * stride + x1 * width;

	if (stride - bytes <= WORTHLESS_GAP) {
		spans_add(spans, at, (n_rows - 1) * stride + bytes);
		return;
	}
	for (uint64_t i = 0; i < n_rows; i++, at += stride)
		spans_add(spans, at, bytes);
}

static int buffer_refresh(struct wl_shm_buffer *buffer)
{
	struct uffd_guard_region *region = buffer->pool->region;
	if (buffer->stale.is_whole || !format_has_rows_of_pixels(buffer->format))
		return uffd_guard_refresh(region, (uint64_t)buffer->layout.offset, buffer->length);

	struct spans spans = { .region = region };
	for (unsigned i = 0; i < buffer->stale.n_rects; i++)
		add_rows(&spans, buffer, buffer->stale.rects[i]);
	spans_flush(&spans);
	return spans.err;
}

/* A file that ends before the last page of the buffer is a loss, wherever the damage is: the
 * library reports what it cannot read. */
static void probe_last_page(const struct wl_shm_buffer *buffer)
{
	char byte;
	const uint64_t last = (uint64_t)buffer->layout.offset + buffer->length - 1;
	uffd_guard_read(buffer->pool->region, page_floor(last), &byte, 1);
}

static bool is_up_to_date(const struct wl_shm_buffer *buffer)
{
	return damage_is_empty(&buffer->stale) && buffer->is_filled;
}

static void buffer_fill(struct wl_shm_buffer *buffer)
{
	memory_count_buffer(buffer);
	buffer->is_filled = uffd_guard_populate(buffer->pool->region,
				    (uint64_t)buffer->layout.offset, buffer->length) == 0;
}

/* Where the library cannot (no memory, no handler), the next access tries again. */
static void bring_up_to_date(struct wl_shm_buffer *buffer)
{
	if (is_up_to_date(buffer))
		return;
	if (!settings()->is_refresh_broken && !damage_is_empty(&buffer->stale)) {
		probe_last_page(buffer);
		if (buffer_refresh(buffer))
			return;
	}
	damage_clear(&buffer->stale);
	if (!buffer->is_filled)
		buffer_fill(buffer);
}

static uint64_t bytes_due(const struct wl_shm_buffer *buffer)
{
	if (!buffer->is_filled || buffer->stale.is_whole || !buffer->format)
		return buffer->length;
	return damage_area(&buffer->stale) * buffer->format->pixel_bytes;
}

/* While somebody reads, content stays as it is; the end of the access makes up for it. */
static void bring_up_to_date_unless_read(struct wl_shm_buffer *buffer)
{
	if (buffer->n_accesses == 0 && !buffer->pool->is_direct)
		bring_up_to_date(buffer);
}

/* False: it has to be made up for. */
static bool bring_up_to_date_if_affordable(struct wl_shm_buffer *buffer)
{
	if (buffer->n_accesses > 0 || buffer->pool->is_direct || is_up_to_date(buffer))
		return true;
	if (!client_may_spend(buffer->pool->client, bytes_due(buffer)))
		return false;
	bring_up_to_date(buffer);
	return true;
}

/* ---- Postponed commits ---- */

bool access_catch_up(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	pthread_mutex_lock(&pool->lock);
	const bool is_done = bring_up_to_date_if_affordable(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	return is_done;
}

void access_catch_up_now(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	pthread_mutex_lock(&pool->lock);
	bring_up_to_date_unless_read(buffer);
	pthread_mutex_unlock(&pool->lock);
}

/* ---- Commits ---- */

bool access_take_commit(struct wl_shm_buffer *buffer, const struct damage *changed)
{
	struct wl_shm_pool *pool = buffer->pool;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	/* What was filled by chance before all was filled is of no certain date. */
	if (!buffer->was_shown || !buffer->is_filled)
		damage_add_all(&buffer->stale);
	damage_join(&buffer->stale, changed);
	buffer->was_shown = true;
	const bool is_done = !buffer->is_pointer_out || bring_up_to_date_if_affordable(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	return is_done;
}

/* ---- Accesses ---- */

static void begin_first_access(struct wl_shm_buffer *buffer)
{
	const struct wl_shm_pool *pool = buffer->pool;
	/* A client may clear for a screenshot what it had shown, and pages that then are stored to
	 * as they were would not reach it. */
	if (!buffer->was_shown || buffer->may_be_stored_to)
		damage_add_all(&buffer->stale);
	bring_up_to_date(buffer);
	if (buffer->may_be_stored_to)
		capture_begin(&buffer->stores, pool->region, (uint64_t)buffer->layout.offset,
			buffer->length);
}

WL_EXPORT void wl_shm_buffer_begin_access(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	if (buffer->n_accesses++ == 0 && !pool->is_direct)
		begin_first_access(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
}

static void end_last_access(struct wl_shm_buffer *buffer)
{
	capture_end(&buffer->stores, buffer->pool->region);
	if (buffer->is_pointer_out)
		bring_up_to_date_unless_read(buffer);
}

WL_EXPORT void wl_shm_buffer_end_access(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	pthread_mutex_lock(&pool->lock);
	if (buffer->n_accesses > 0 && --buffer->n_accesses == 0)
		end_last_access(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
}

WL_EXPORT void *wl_shm_buffer_get_data(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	buffer->is_pointer_out = true;
	if (!buffer->was_shown && buffer->n_accesses == 0)
		damage_add_all(&buffer->stale);
	bring_up_to_date_unless_read(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	return (char *)uffd_guard_region_data(pool->region) + buffer->layout.offset;
}

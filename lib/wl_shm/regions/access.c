/* SPDX-License-Identifier: MIT */
/*
 * The content of buffers: when it is brought up to date.
 *
 * The content of a buffer that a surface shows changes with commits, and not between them. A commit
 * marks pixels as stale (commit.c). They are refreshed before anybody can read them:
 *
 *   - in begin_access, always;
 *   - in get_data, and from then on (is_pointer_out) at each commit, since a compositor with the
 *     pointer may read at any time. program_may_spend() bounds what commits may copy: a client that
 *     sends a hundred at once would have a hundred copied. The rest is done by the next access, or
 *     by a timer (postponed.c). Commits during an access are refreshed at its end.
 *
 * A buffer that no surface has shown is refreshed at each access.
 *
 * The first time, all pages of a buffer are filled at once. A page that is filled later, at a fault
 * or ahead of a reader, could be read while the client draws its next picture, and damage of that
 * picture is against the one before.
 *
 * Some clients (GTK 3) make a new pool, file and buffer for each frame, of which the compositor
 * reads little. So of a buffer that is shown for the first time (is_partial), only what its commit
 * has damaged is brought over, and faults bring what is read of the rest. Until the compositor
 * releases the buffer, no client may draw there. If the client shows it once more after that, it is
 * one that it uses again: then it is filled as said above. A large buffer that is holes for the
 * most part, or is larger than any screen, is left to faults with each commit that damages all of
 * it (is_left_to_faults()).
 *
 * The client's own memory (DIRECT) needs no refresh.
 */
#include "regions/access.h"

#include "base/pages.h"
#include "base/settings.h"
#include "content/losses.h"
#include "content/memory.h"
#include "content/rows.h"
#include "regions/buffer_references.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* ---- Bringing up to date; pool->lock is held ---- */

#define SPARSE_LEAST (UINT64_C(32) << 20) /* smaller buffers are not worth the question */

/* True if faults can bring over what somebody looks at. */
static bool has_faults(const struct wl_shm_buffer *buffer)
{
	return uffd_guard_region_mode(buffer->pool->region) == UFFD_GUARD_MODE_LAZY;
}

/* True if no fault there will wait: of memory only. */
static bool can_be_left_to_faults(const struct wl_shm_buffer *buffer)
{
	if (buffer->may_be_stored_to || !has_faults(buffer))
		return false;
	const int fd = uffd_guard_region_get_fd(buffer->pool->region);
	return fd >= 0 && fcntl(fd, F_GET_SEALS) >= 0;
}

/* True for a buffer that is holes for the most part. To read them costs time, and to have them page
 * tables, while the client pays nothing. */
static bool is_sparse(const struct wl_shm_buffer *buffer)
{
	struct stat st;
	return buffer->length >= SPARSE_LEAST && can_be_left_to_faults(buffer) &&
	       fstat(uffd_guard_region_get_fd(buffer->pool->region), &st) == 0 &&
	       (uint64_t)st.st_blocks * 512 < buffer->length / 4;
}

/* Larger than any screen: little is seen of it, and nobody has screenshots there. */
static bool is_vast(const struct wl_shm_buffer *buffer)
{
	return buffer->length > LARGEST_PICTURE &&
	       (!buffer->may_be_stored_to || buffer->was_shown) && has_faults(buffer);
}

/* True if it is never copied as a whole. */
static bool is_left_to_faults(const struct wl_shm_buffer *buffer)
{
	return is_vast(buffer) || is_sparse(buffer);
}

/* What is stale comes, whether its pages are there or not; if that is all of a sparse buffer, when
 * somebody looks. */
static int buffer_update(struct wl_shm_buffer *buffer)
{
	struct uffd_guard_rect rects[DAMAGE_RECTS];
	if (buffer->stale.is_whole) {
		buffer->is_filled = false;
		memory_count_buffer(buffer);
		return uffd_guard_discard(
			buffer->pool->region, (uint64_t)buffer->layout.offset, buffer->length);
	}
	const unsigned n = rows_of_damage(buffer, &buffer->stale, rects);
	memory_count_buffer(buffer);
	return uffd_guard_update_rects(buffer->pool->region, rects, n);
}

static int buffer_refresh(struct wl_shm_buffer *buffer)
{
	struct uffd_guard_region *region = buffer->pool->region;
	struct uffd_guard_rect rects[DAMAGE_RECTS];
	if (buffer->is_partial)
		return buffer_update(buffer);
	if (rows_cost(buffer, &buffer->stale) == buffer->length)
		return uffd_guard_refresh(region, (uint64_t)buffer->layout.offset, buffer->length);
	const unsigned n = rows_of_damage(buffer, &buffer->stale, rects);
	return uffd_guard_refresh_rects(region, rects, n);
}

/* Read one byte of the buffer's last page. If the file ends before it, the library reports a loss,
 * even where the damage lies in pages that are still there. */
static void probe_last_page(const struct wl_shm_buffer *buffer)
{
	char byte;
	const uint64_t last = (uint64_t)buffer->layout.offset + buffer->length - 1;
	uffd_guard_read(buffer->pool->region, page_floor(last), &byte, 1);
}

/* Which of the pool's buffers had bytes in a read that timed out is not asked: a pool can have a
 * hundred thousand of them. */
static void join_distrust(struct wl_shm_buffer *buffer)
{
	if (buffer->n_distrusts != buffer->pool->n_distrusts)
		damage_add_all(&buffer->stale);
	buffer->n_distrusts = buffer->pool->n_distrusts;
}

/* Note what has happened to the buffer since it was last looked at. */
static void look_again(struct wl_shm_buffer *buffer)
{
	memory_find_discarded(buffer);
	join_distrust(buffer);
}

static bool is_up_to_date(const struct wl_shm_buffer *buffer)
{
	return damage_is_empty(&buffer->stale) && (buffer->is_filled || buffer->is_partial);
}

static void buffer_fill(struct wl_shm_buffer *buffer)
{
	if (memory_is_refused(buffer))
		return;
	memory_count_buffer(buffer);
	buffer->is_filled = uffd_guard_populate(buffer->pool->region,
				    (uint64_t)buffer->layout.offset, buffer->length) == 0;
}

/* If refresh fails (no memory, no handler), the damage stays and the next access tries again. */
static void bring_up_to_date(struct wl_shm_buffer *buffer)
{
	look_again(buffer);
	if (is_up_to_date(buffer) || (buffer->is_partial && memory_is_refused(buffer)))
		return;
	buffer_note_brought(buffer);
	if (rows_cost(buffer, &buffer->stale) == buffer->length) {
		damage_add_all(&buffer->stale);
		buffer->is_partial = is_left_to_faults(buffer);
	}
	if (!settings()->is_refresh_broken && !damage_is_empty(&buffer->stale)) {
		probe_last_page(buffer);
		if (buffer_refresh(buffer))
			return;
	}
	damage_clear(&buffer->stale);
	if (!buffer->is_filled && !buffer->is_partial)
		buffer_fill(buffer);
}

static uint64_t bytes_due(const struct wl_shm_buffer *buffer)
{
	const bool is_begun = buffer->is_filled || buffer->is_partial;
	const uint64_t bytes = is_begun ? rows_cost(buffer, &buffer->stale) : buffer->length;
	return bytes == buffer->length && is_left_to_faults(buffer) ? 0 : bytes;
}

/* During an access the content must stay: end_last_access() calls this again. */
static void bring_up_to_date_unless_read(struct wl_shm_buffer *buffer)
{
	if (buffer->n_accesses == 0 && !buffer->pool->is_direct)
		bring_up_to_date(buffer);
}

static void bring_up_to_date_and_count(struct wl_shm_buffer *buffer)
{
	const int64_t begun = allowance_begin();
	bring_up_to_date(buffer);
	allowance_end(&buffer->pool->client->display->allowance, begun);
}

/* False if program_may_spend() does not allow it now. */
static bool bring_up_to_date_if_affordable(struct wl_shm_buffer *buffer)
{
	look_again(buffer);
	if (buffer->n_accesses > 0 || buffer->pool->is_direct || is_up_to_date(buffer))
		return true;
	struct shm_client *client = buffer->pool->client;
	if (!program_may_spend(client->program, &client->display->allowance, bytes_due(buffer))) {
		shm_stats_add(&shm_stats()->postponed, 1);
		return false;
	}
	bring_up_to_date_and_count(buffer);
	return true;
}

/* All pages go, and faults bring what is read. With the next commit all of it is stale, unless the
 * buffer was not released before. */
static void leave_to_faults(struct wl_shm_buffer *buffer)
{
	buffer_note_brought(buffer);
	probe_last_page(buffer);
	damage_add_all(&buffer->stale);
	if (buffer_update(buffer))
		return;
	buffer->is_partial = true;
	damage_clear(&buffer->stale);
}

/* Nobody shows a buffer twice in a period, or several that are this large. */
static bool is_of_flood(const struct wl_shm_buffer *buffer)
{
	struct shm_client *client = buffer->pool->client;
	const bool is_again = milliseconds_now() - buffer->read_at < CLIENT_PERIOD;
	return can_be_left_to_faults(buffer) && !memory_is_refused(buffer) &&
	       !settings()->is_refresh_broken &&
	       !program_may_have(
		       client->program, &client->display->allowance, bytes_due(buffer), is_again);
}

/* For somebody who may read now. wlroots begins and ends an access for each commit, and reads
 * nothing: a client that sends a thousand at once would have a thousand copies made. */
static void bring_up_to_date_to_be_read(struct wl_shm_buffer *buffer)
{
	look_again(buffer);
	if (is_up_to_date(buffer))
		return;
	if (is_of_flood(buffer))
		leave_to_faults(buffer);
	else
		bring_up_to_date_and_count(buffer);
	buffer->read_at = milliseconds_now();
}

/* ---- Commits that were postponed ---- */

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

/* What is shown without its buffer stays, if that costs no more than any commit may. */
void access_complete(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	struct shm_client *client = pool->client;
	pthread_mutex_lock(&pool->lock);
	const bool is_kept = (buffer->n_uses > 0 || pool->compositor_references > 0) &&
			     buffer->length <= LARGEST_PICTURE;
	if (is_kept && buffer->is_partial && !buffer->was_released &&
		program_may_spend(client->program, &client->display->allowance, buffer->length)) {
		buffer->is_partial = false;
		bring_up_to_date_unless_read(buffer);
	}
	pthread_mutex_unlock(&pool->lock);
}

/* ---- Commits ---- */

/* True for a picture of which little has changed, in a pool of which nothing was read so far: a
 * client that uses a pool again has a picture there that can be gone on with. */
static bool may_leave_rest(const struct wl_shm_buffer *buffer)
{
	const struct wl_shm_pool *pool = buffer->pool;
	if (buffer->was_shown || buffer->is_filled || buffer->may_be_stored_to ||
		pool->brought.now > 0 || buffer->changed.is_whole ||
		!format_has_rows_of_pixels(buffer->format))
		return false;
	return uffd_guard_region_mode(pool->region) == UFFD_GUARD_MODE_LAZY &&
	       rows_cost(buffer, &buffer->changed) <= buffer->length / 2 &&
	       !blocks_are_filled(&pool->blocks, buffer_range(buffer));
}

/* Note what a commit has made stale. */
static void take_damage(struct wl_shm_buffer *buffer, const struct damage *due)
{
	if (may_leave_rest(buffer)) {
		buffer->is_partial = true;
		buffer->stale = buffer->changed;
		/* Costs a look, unless the compositor has read where no buffer was. */
		uffd_guard_refresh(
			buffer->pool->region, (uint64_t)buffer->layout.offset, buffer->length);
		return;
	}
	if (buffer->was_released)
		buffer->is_partial = false;
	if (buffer_is_overwritten(buffer))
		damage_add_all(&buffer->stale);
	/* Pages that were filled by faults, before buffer_fill(), may be of any date. */
	if (!buffer->was_shown || (!buffer->is_filled && !buffer->is_partial))
		damage_add_all(&buffer->stale);
	damage_join(&buffer->stale, due);
}

/* Stores of another thread may have failed, and the client may not hear of them after that. */
void access_note_ready(struct wl_shm_buffer *buffer)
{
	pthread_mutex_lock(&buffer->pool->lock);
	if (buffer->has_missed_stores)
		losses_note_stores(buffer, -EBUSY);
	buffer->has_missed_stores = false;
	pthread_mutex_unlock(&buffer->pool->lock);
	losses_deliver_now(buffer->pool);
}

void access_note_release(struct wl_shm_buffer *buffer)
{
	buffer->was_released = true;
}

bool access_take_commit(struct wl_shm_buffer *buffer, const struct damage *due)
{
	struct wl_shm_pool *pool = buffer->pool;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	look_again(buffer);
	take_damage(buffer, due);
	buffer->was_shown = true;
	buffer->was_released = false;
	const bool is_done = !buffer->is_pointer_out || bring_up_to_date_if_affordable(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	return is_done;
}

/* ---- Accesses ---- */

/* True for a target of pictures that are drawn whole: what its copy holds, which is the picture
 * before, is of no use, and neither is what the client has made of it. Where there is no copy, to
 * make one costs as much as to bring it up to date. */
static bool is_to_be_drawn_over(struct wl_shm_buffer *buffer)
{
	look_again(buffer);
	return buffer->is_drawn_whole && buffer->is_filled && rows_are_dense(buffer);
}

static bool begin_drawing_over(struct wl_shm_buffer *buffer)
{
	if (!is_to_be_drawn_over(buffer))
		return false;
	probe_last_page(buffer);
	return capture_begin_of_all(&buffer->stores, uffd_guard_region_data(buffer->pool->region),
		(uint64_t)buffer->layout.offset, buffer->length);
}

/* A buffer that is shown is read for that as well, with each frame: whoever gives it to a
 * screenshot again and again would have all of it read and summed up each time. */
static bool may_watch_stores(struct wl_shm_buffer *buffer)
{
	struct shm_client *client = buffer->pool->client;
	if (!buffer->was_shown || buffer->n_uses <= buffer->n_accesses)
		return true;
	return buffer->length <= LARGEST_PICTURE &&
	       program_may_have(client->program, &client->display->allowance, buffer->length, true);
}

/* A client may clear a buffer that it had shown, to use it for a screenshot. Without refresh,
 * stores of the old pixels would change no sum and not be written back. */
static void begin_watched_access(struct wl_shm_buffer *buffer)
{
	const int64_t begun = allowance_begin();
	damage_add_all(&buffer->stale);
	if (!begin_drawing_over(buffer)) {
		bring_up_to_date(buffer);
		buffer->read_at = milliseconds_now();
		capture_begin(&buffer->stores, uffd_guard_region_data(buffer->pool->region),
			(uint64_t)buffer->layout.offset, buffer->length);
	}
	allowance_end(&buffer->pool->client->display->allowance, begun);
}

static void begin_first_access(struct wl_shm_buffer *buffer)
{
	if (buffer->may_be_stored_to && may_watch_stores(buffer)) {
		begin_watched_access(buffer);
		return;
	}
	buffer->has_missed_stores |= buffer->may_be_stored_to;
	if (!buffer->was_shown)
		damage_add_all(&buffer->stale);
	bring_up_to_date_to_be_read(buffer);
}

/* A second reader sees what was committed meanwhile, though the first one still reads: libwayland
 * shows both the client's own memory. Stores under way are left alone. */
static void begin_nested_access(struct wl_shm_buffer *buffer)
{
	if (buffer->stores.is_open)
		return;
	if (!buffer->was_shown)
		damage_add_all(&buffer->stale);
	bring_up_to_date(buffer);
}

WL_EXPORT void wl_shm_buffer_begin_access(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	buffer_ref(buffer);
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	buffer_begin_use(buffer);
	const bool is_first = buffer->n_accesses++ == 0;
	if (is_first && !pool->is_direct)
		begin_first_access(buffer);
	else if (!pool->is_direct)
		begin_nested_access(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
}

static void end_last_access(struct wl_shm_buffer *buffer)
{
	struct uffd_guard_region *region = buffer->pool->region;
	losses_note_stores(
		buffer, capture_end(&buffer->stores, uffd_guard_region_data(region), region));
	if (buffer->is_pointer_out && !is_to_be_drawn_over(buffer))
		bring_up_to_date_unless_read(buffer);
}

WL_EXPORT void wl_shm_buffer_end_access(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	pthread_mutex_lock(&pool->lock);
	const bool has_begun = buffer->n_accesses > 0;
	if (has_begun && --buffer->n_accesses == 0)
		end_last_access(buffer);
	if (has_begun)
		buffer_end_use(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	if (has_begun)
		buffer_unref(buffer);
}

WL_EXPORT void *wl_shm_buffer_get_data(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	memory_make_room(buffer);
	pthread_mutex_lock(&pool->lock);
	buffer->is_pointer_out = true;
	if (!buffer->was_shown && buffer->n_accesses == 0)
		damage_add_all(&buffer->stale);
	if (buffer->n_accesses == 0 && !pool->is_direct && !is_to_be_drawn_over(buffer))
		bring_up_to_date_to_be_read(buffer);
	pthread_mutex_unlock(&pool->lock);
	losses_deliver_now(pool);
	return (char *)uffd_guard_region_data(pool->region) + buffer->layout.offset;
}

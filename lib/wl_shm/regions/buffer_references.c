/* SPDX-License-Identifier: MIT */
/*
 * How long a buffer lives.
 *
 * A renderer's thread may end an access when the client has destroyed the buffer long ago. The
 * lists that a buffer is in are the display's thread's, so a buffer that ends elsewhere waits in
 * shm_display.dead until that thread comes by.
 */
#include "regions/buffer_references.h"

#include "content/memory.h"

static void bury(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool *pool = buffer->pool;
	pool->references++;
	buffer_destroy(buffer);
	memory_drop_if_idle(pool);
	pool_unref(pool);
}

static void leave_to_display(struct shm_display *display, struct wl_shm_buffer *buffer)
{
	buffer->next_dead = atomic_load(&display->dead);
	while (!atomic_compare_exchange_weak(&display->dead, &buffer->next_dead, buffer))
		;
}

void buffers_bury_dead(struct shm_display *display)
{
	if (!atomic_load(&display->dead))
		return;
	struct wl_shm_buffer *next, *buffer = atomic_exchange(&display->dead, NULL);
	for (; buffer; buffer = next) {
		next = buffer->next_dead;
		bury(buffer);
	}
}

void buffer_ref(struct wl_shm_buffer *buffer)
{
	atomic_fetch_add(&buffer->references, 1);
}

void buffer_unref(struct wl_shm_buffer *buffer)
{
	struct shm_display *display = buffer->pool->client->display;
	if (atomic_fetch_sub(&buffer->references, 1) > 1)
		return;
	if (display->wl_display && !display_is_on_this_thread(display))
		leave_to_display(display, buffer);
	else
		bury(buffer);
}

/* SPDX-License-Identifier: MIT */
/* libwayland calls idle sources before the event loop waits, and after each turn of it. */
#include "shadows/batch.h"

#include <errno.h>
#include <stdlib.h>

static void on_idle(void *data)
{
	struct batch *batch = data;
	batch->end = NULL; /* libwayland frees an idle source after its call */
	batch->number++;
}

uint32_t batch_number(struct shm_display *display)
{
	struct batch *batch = display->batch;
	struct wl_event_loop *loop = wl_display_get_event_loop(display->wl_display);
	if (!batch->end)
		batch->end = wl_event_loop_add_idle(loop, on_idle, batch);
	if (!batch->end) /* no memory: each request is a batch by itself */
		batch->number++;
	return batch->number;
}

static void on_display_destroy(struct wl_listener *listener, void *data)
{
	struct batch *batch = wl_container_of(listener, batch, display_destroy);
	(void)data;
	if (batch->end)
		wl_event_source_remove(batch->end);
	batch->display->batch = NULL;
	display_unref(batch->display);
	free(batch);
}

int batch_start(struct shm_display *display)
{
	struct batch *batch = display->batch ? NULL : calloc(1, sizeof(*batch));
	if (!batch)
		return display->batch ? 0 : -ENOMEM;
	*batch = (struct batch){
		.display = display,
		.display_destroy = { .notify = on_display_destroy },
		.number = 1,
	};
	display->batch = batch;
	display->references++; /* its own listener is called before this one */
	wl_display_add_destroy_listener(display->wl_display, &batch->display_destroy);
	return 0;
}

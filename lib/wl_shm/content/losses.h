/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/pool.h"

/* Watches the guard in the display's event loop; @data is a struct shm_display. */
int losses_on_readable(int fd, uint32_t mask, void *data);

/* Whoever lost something of the pool is told so at once, if this is the thread that may. Not under
 * pool->lock. */
void losses_deliver_now(struct wl_shm_pool *pool);

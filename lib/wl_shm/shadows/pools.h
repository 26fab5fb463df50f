/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* wl_shm.create_pool, before the compositor's handler: from now on, what is behind the descriptor
 * can be mapped safely. If that is not possible, an error is posted. */
void pools_on_create(struct wl_resource *shm, const union wl_argument *arguments);

/* wl_shm_pool.create_buffer */
void pools_on_create_buffer(struct wl_resource *pool, const union wl_argument *arguments);

/* wl_shm_pool.resize. If the pool cannot grow, an error is posted. */
void pools_on_resize(struct wl_resource *pool, int32_t size);

/* Call for each further request of a client: what it asked for before that is there now, unless the
 * compositor has refused it. */
void pools_see_awaited(struct shm_client *client);

/* As of struct back. */
struct wl_shm_buffer *pools_buffer_of(struct wl_resource *resource);
void pools_on_pool_destroyed(struct wl_shm_pool *pool);
void pools_on_client_destroyed(struct shm_client *client);

/* True if the handler may have @fd as it is, of which no guard can be made for @err. */
bool pools_leave_to_handler(int fd, int err);

/* An error was posted for the request with this argument, a descriptor. The handler is called all
 * the same, and would map the file, read it or wait for its server: it gets -1. */
void pools_withhold(const struct shm_client *client, const union wl_argument *argument);

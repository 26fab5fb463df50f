/* SPDX-License-Identifier: MIT */
#pragma once

#include <wayland-server.h>

/* wl_shm.create_pool. A failure is posted as an error. @fd stays the caller's. */
void pool_requests_create(
	struct wl_client *wl_client, struct wl_resource *shm, uint32_t id, int fd, int32_t size);

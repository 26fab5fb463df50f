/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/pool.h"

/* Fail where libwayland would fail to map the file shared and writable. 0 or a negative errno. */
int pool_check_writable(int fd);

/* UFFD_GUARD_MAP_ANY_FILE if the client's file @fd may be one that blocks, or 0. */
uint32_t pool_map_any_file(const struct shm_client *client, int fd);

/* Set pool->region and pool->reserve. @flags are of struct uffd_guard_map_options. 0 or a negative
 * errno. */
int pool_map(struct wl_shm_pool *pool, int fd, uint32_t flags);

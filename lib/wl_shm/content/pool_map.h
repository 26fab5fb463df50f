/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/pool.h"

/* Fail where libwayland would fail to map the file shared and writable. 0 or a negative errno. */
int pool_check_writable(int fd);

/* Set pool->region and pool->reserve. @flags are of struct uffd_guard_map_options. 0 or a negative
 * errno. */
int pool_map(struct wl_shm_pool *pool, int fd, uint32_t flags);

/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the environment; docs/man/uffd_guard_wl_shm.7. */
#define SETTING_MODE	   "UFFD_GUARD_WL_SHM_MODE"
#define SETTING_MEMORY	   "UFFD_GUARD_WL_SHM_MEMORY"
#define SETTING_BREAK	   "UFFD_GUARD_WL_SHM_BREAK"
#define SETTING_STATS	   "UFFD_GUARD_WL_SHM_STATS_FD" /* from uffd-guard-run */
#define SETTING_MMAP_STATS "UFFD_GUARD_MMAP_STATS_FD"	/* the same, for libuffd_guard_mmap.so */

struct settings {
	uint32_t map_flags;	 /* of struct uffd_guard_map_options */
	bool is_refresh_broken;	 /* tests of tests: content is never brought up to date */
	bool is_store_broken;	 /* and stores never reach the client */
	bool is_memory_counted;	 /* address space that is reserved counts as memory */
	uint64_t bytes_a_client; /* of copies that are in no use */
};

/* Read once. */
const struct settings *settings(void);

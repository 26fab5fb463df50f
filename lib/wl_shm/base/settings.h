/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Variables of the environment: docs/man/uffd_guard_wl_shm.7. */
#define SETTING_MODE	      "UFFD_GUARD_WL_SHM_MODE"
#define SETTING_MEMORY	      "UFFD_GUARD_WL_SHM_MEMORY"
#define SETTING_BREAK	      "UFFD_GUARD_WL_SHM_BREAK"
#define SETTING_STATS	      "UFFD_GUARD_WL_SHM_STATS_FD" /* set by uffd-guard-run */
#define SETTING_MMAP_STATS    "UFFD_GUARD_MMAP_STATS_FD"   /* the same, for libuffd_guard_mmap.so */
#define SETTING_WAYLAND_STATS "UFFD_GUARD_WAYLAND_STATS_FD" /* and libuffd_guard_wayland.so */

struct settings {
	uint32_t map_flags;	/* flags of struct uffd_guard_map_options */
	bool is_refresh_broken; /* for tests of the tests: content is never refreshed */
	bool is_store_broken;	/* the same: stores never reach the client */
	bool is_memory_counted; /* vm.overcommit_memory is 2: reserved address space counts as
				   memory */
	uint64_t bytes_unused;	/* of copies for each program; beyond it, memory.c drops some */
	uint64_t bytes_in_use;	/* the same of those in use; beyond it, the client is refused */
};

/* The settings, read from the environment at the first call. */
const struct settings *settings(void);
